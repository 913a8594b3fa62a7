//! Keys of BFD sessions (RFC 5880 section 6.7).
//!
//! Invariant: what cannot be used as it is written makes no session at all; never one without authentication.

use ferr_bfd::AuthConfig;
use ferr_bfd_wire::{AuthKey, AuthType, KeyError};
use ferr_config::model::Secret;
use ferr_config::model::bfd::{BfdAuthKind, BfdParameters};

/// Why a session cannot be protected as it is meant to be. Says nothing of the keys themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyFault {
    /// Only `authentication accept`.
    #[error("it has keys to accept, and none to sign with: add authentication TYPE key-id N password TEXT")]
    NoSigner,
    /// One number, two keys.
    #[error("key-id {0} has two different passwords")]
    TwoPasswords(u8),
    /// Of the wrong length.
    #[error("key-id {id} has {error}")]
    Key {
        /// Its number.
        id: u8,
        /// What is wrong.
        error: KeyError,
    },
    /// Several ask for the session.
    #[error("those who use it ask for different keys: give its keys to the peer under bfd, and to no other")]
    Contradiction,
}

/// What the core is told.
pub(super) fn auth(p: &BfdParameters) -> Result<Option<AuthConfig>, KeyFault> {
    let Some(signing) = &p.signing else {
        return if p.accept.is_empty() { Ok(None) } else { Err(KeyFault::NoSigner) };
    };
    let kind = kind(signing.kind);
    let key = |id: u8, password: &Secret| {
        AuthKey::new(kind, id, password.reveal().as_bytes()).map_err(|error| KeyFault::Key { id, error })
    };
    let mut accept = Vec::with_capacity(p.accept.len());
    for (id, password) in &p.accept {
        if *id != signing.id {
            accept.push(key(*id, password)?);
        } else if *password != signing.password {
            return Err(KeyFault::TwoPasswords(*id));
        }
    }
    Ok(Some(AuthConfig { send: key(signing.id, &signing.password)?, accept }))
}

const fn kind(kind: BfdAuthKind) -> AuthType {
    match kind {
        BfdAuthKind::Simple => AuthType::Simple,
        BfdAuthKind::KeyedMd5 => AuthType::KeyedMd5,
        BfdAuthKind::MeticulousMd5 => AuthType::MeticulousMd5,
        BfdAuthKind::KeyedSha1 => AuthType::KeyedSha1,
        BfdAuthKind::MeticulousSha1 => AuthType::MeticulousSha1,
    }
}
