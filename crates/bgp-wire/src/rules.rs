//! The one table of path attributes: flags, length, and what an error costs (RFC 7606 sections 3 to 7).
//!
//! RFC 7606 names four approaches. "AFI/SAFI disable" is not among ours: it leaves a family dead until somebody
//! resets the session by hand, so where the RFC gives the choice we reset.

/// What a message costs, weakest first; the strongest of all its errors counts (RFC 7606 section 3 h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Disposition {
    /// Nothing was wrong.
    #[default]
    Accept,
    /// An attribute was left out; its routes are as good as the others.
    Discard,
    /// The announced prefixes are to be withdrawn.
    TreatAsWithdraw,
    /// The session ends with a NOTIFICATION.
    Reset,
}

/// What the length of a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Anything.
    Any,
    /// Just this.
    Exactly(u8),
    /// This or more.
    AtLeast(u8),
    /// A multiple of this, not 0.
    MultipleOf(u8),
    /// An AS number and an IPv4 address: 8, or 6 in a session with 2-octet AS numbers.
    Aggregator,
}

impl Length {
    /// Whether `len` octets are right.
    #[inline]
    pub const fn admits(self, len: usize, as4: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(n) => len == n as usize,
            Self::AtLeast(n) => len >= n as usize,
            Self::MultipleOf(n) => len != 0 && len.is_multiple_of(n as usize),
            Self::Aggregator => len == if as4 { 8 } else { 6 },
        }
    }
}

/// What is done with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It has a field of its own in the decoded form.
    Typed,
    /// Checked, then passed on with those that we do not know, but without setting Partial.
    Checked,
    /// Recognised and left out.
    Dropped,
    /// Not in the table: optional transitive ones are passed on, other optional ones left out.
    Unknown,
}

/// Optional and Transitive of the flags octet.
pub const FLAGS_MASK: u8 = 0xc0;
/// Flags of a well-known attribute.
pub const WELL_KNOWN: u8 = 0x40;
/// Flags of an optional non-transitive attribute.
pub const OPTIONAL: u8 = 0x80;
/// Flags of an optional transitive attribute.
pub const OPTIONAL_TRANSITIVE: u8 = 0xc0;
/// Flag: some router on the way did not know the attribute.
pub const PARTIAL: u8 = 0x20;
/// Flag: the length has two octets.
pub const EXTENDED_LENGTH: u8 = 0x10;

/// Attribute type codes.
pub mod attr {
    #![allow(missing_docs)]
    pub const ORIGIN: u8 = 1;
    pub const AS_PATH: u8 = 2;
    pub const NEXT_HOP: u8 = 3;
    pub const MULTI_EXIT_DISC: u8 = 4;
    pub const LOCAL_PREF: u8 = 5;
    pub const ATOMIC_AGGREGATE: u8 = 6;
    pub const AGGREGATOR: u8 = 7;
    pub const COMMUNITIES: u8 = 8;
    pub const ORIGINATOR_ID: u8 = 9;
    pub const CLUSTER_LIST: u8 = 10;
    pub const MP_REACH_NLRI: u8 = 14;
    pub const MP_UNREACH_NLRI: u8 = 15;
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    pub const AS4_PATH: u8 = 17;
    pub const AS4_AGGREGATOR: u8 = 18;
    pub const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
    pub const AIGP: u8 = 26;
    pub const LARGE_COMMUNITY: u8 = 32;
    pub const ONLY_TO_CUSTOMER: u8 = 35;
    pub const ATTR_SET: u8 = 128;
}

/// Row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Type code.
    pub code: u8,
    /// Registered name.
    pub name: &'static str,
    /// Value of the Optional and Transitive flags.
    pub flags: u8,
    /// Length of the value.
    pub length: Length,
    /// Price of wrong flags, length or content.
    pub on_error: Disposition,
    /// Price of a second occurrence (RFC 7606 section 3 g).
    pub on_duplicate: Disposition,
    /// From an external peer it is discarded unread (RFC 7606 sections 7.5, 7.9, 7.10).
    pub internal_only: bool,
    /// What is done with it.
    pub treatment: Treatment,
}

const fn row(code: u8, name: &'static str, flags: u8, length: Length, on_error: Disposition) -> Rule {
    Rule {
        code,
        name,
        flags,
        length,
        on_error,
        on_duplicate: Disposition::Discard,
        internal_only: false,
        treatment: Treatment::Typed,
    }
}

const fn internal(mut rule: Rule) -> Rule {
    rule.internal_only = true;
    rule
}

const fn treated(treatment: Treatment, mut rule: Rule) -> Rule {
    rule.treatment = treatment;
    rule
}

const fn unique(mut rule: Rule) -> Rule {
    rule.on_duplicate = Disposition::Reset;
    rule
}

/// The table. AGGREGATOR and ATOMIC_AGGREGATE never cost more than themselves (RFC 7606 section 3 f), wrong flags
/// included.
pub const RULES: [Rule; 20] = {
    use Disposition::{Discard, Reset, TreatAsWithdraw};
    use Length::{Aggregator, Any, AtLeast, Exactly, MultipleOf};
    [
        row(attr::ORIGIN, "ORIGIN", WELL_KNOWN, Exactly(1), TreatAsWithdraw),
        row(attr::AS_PATH, "AS_PATH", WELL_KNOWN, Any, TreatAsWithdraw),
        row(attr::NEXT_HOP, "NEXT_HOP", WELL_KNOWN, Exactly(4), TreatAsWithdraw),
        row(attr::MULTI_EXIT_DISC, "MULTI_EXIT_DISC", OPTIONAL, Exactly(4), TreatAsWithdraw),
        internal(row(attr::LOCAL_PREF, "LOCAL_PREF", WELL_KNOWN, Exactly(4), TreatAsWithdraw)),
        row(attr::ATOMIC_AGGREGATE, "ATOMIC_AGGREGATE", WELL_KNOWN, Exactly(0), Discard),
        row(attr::AGGREGATOR, "AGGREGATOR", OPTIONAL_TRANSITIVE, Aggregator, Discard),
        row(attr::COMMUNITIES, "COMMUNITIES", OPTIONAL_TRANSITIVE, MultipleOf(4), TreatAsWithdraw),
        internal(row(attr::ORIGINATOR_ID, "ORIGINATOR_ID", OPTIONAL, Exactly(4), TreatAsWithdraw)),
        internal(row(attr::CLUSTER_LIST, "CLUSTER_LIST", OPTIONAL, MultipleOf(4), TreatAsWithdraw)),
        unique(row(attr::MP_REACH_NLRI, "MP_REACH_NLRI", OPTIONAL, AtLeast(5), Reset)),
        unique(row(attr::MP_UNREACH_NLRI, "MP_UNREACH_NLRI", OPTIONAL, AtLeast(3), Reset)),
        row(
            attr::EXTENDED_COMMUNITIES,
            "EXTENDED COMMUNITIES",
            OPTIONAL_TRANSITIVE,
            MultipleOf(8),
            TreatAsWithdraw,
        ),
        // RFC 6793 section 6.
        row(attr::AS4_PATH, "AS4_PATH", OPTIONAL_TRANSITIVE, AtLeast(6), Discard),
        row(attr::AS4_AGGREGATOR, "AS4_AGGREGATOR", OPTIONAL_TRANSITIVE, Exactly(8), Discard),
        treated(
            Treatment::Checked,
            row(
                attr::IPV6_EXTENDED_COMMUNITIES,
                "IPv6 Address Specific Extended Community",
                OPTIONAL_TRANSITIVE,
                MultipleOf(20),
                TreatAsWithdraw,
            ),
        ),
        // A malformed one is discarded alone (RFC 7311 section 3).
        row(attr::AIGP, "AIGP", OPTIONAL, AtLeast(3), Discard),
        // RFC 8092 section 6.
        row(attr::LARGE_COMMUNITY, "LARGE_COMMUNITY", OPTIONAL_TRANSITIVE, MultipleOf(12), TreatAsWithdraw),
        // RFC 9234 section 5.
        row(attr::ONLY_TO_CUSTOMER, "ONLY_TO_CUSTOMER", OPTIONAL_TRANSITIVE, Exactly(4), TreatAsWithdraw),
        treated(
            Treatment::Checked,
            row(attr::ATTR_SET, "ATTR_SET", OPTIONAL_TRANSITIVE, AtLeast(4), TreatAsWithdraw),
        ),
    ]
};

static BY_CODE: [Rule; 256] = {
    let unknown = treated(Treatment::Unknown, row(0, "unknown", OPTIONAL, Length::Any, Disposition::Reset));
    let mut table = [unknown; 256];
    let mut code = 0;
    while code < 256 {
        table[code].code = code as u8;
        code += 1;
    }
    let mut i = 0;
    while i < RULES.len() {
        table[RULES[i].code as usize] = RULES[i];
        i += 1;
    }
    table
};

/// Rule of a type code; codes without a row have [`Treatment::Unknown`].
#[inline]
pub fn rule(code: u8) -> &'static Rule {
    &BY_CODE[usize::from(code)]
}
