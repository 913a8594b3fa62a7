//! What an area border router tells (RFC 2328 section 12.4.3, RFC 3509).

use ferr_types::Prefix;

/// Ranges of own areas.
#[derive(Debug, Default)]
pub(crate) struct Ranges {}

impl Ranges {
    /// Whether a prefix is a range that has routes in it.
    pub(crate) fn is_active(&self, _prefix: Prefix) -> bool {
        false
    }
}
