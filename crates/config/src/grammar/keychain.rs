//! `key chain NAME`, and the keys in it.

use super::args::Args;
use super::mode::Mode;
use super::table::{Applied, DONE, Effect, Lines, Stmt, alias, stmt};
use crate::error::ConfigError;
use crate::model::keychain::{ChainKey, KeyAlgorithm, KeyChain, KeyEnd, KeyLifetime, KeyTime};
use crate::model::{Config, Secret};

/// The header.
pub(crate) static HEADER: &[Stmt<Config>] = &[alias(
    "key chain NAME@name",
    |c, a| {
        let name = a.name("name");
        c.key_chains.entry(name.clone()).or_default();
        Ok(Effect::Enter(Mode::KeyChain(name)))
    },
    |c, a| {
        c.key_chains.remove(&a.name("name"));
        DONE
    },
)];

/// Keys.
pub(crate) static CHAIN: &[Stmt<KeyChain>] = &[alias(
    "key (0-4294967295)@id",
    |chain, a| {
        let id = a.val("id")?;
        chain.keys.entry(id).or_default();
        // The session puts the chain's name in.
        Ok(Effect::Enter(Mode::Key(String::new(), id)))
    },
    |chain, a| {
        chain.keys.remove(&a.val("id")?);
        DONE
    },
)];

fn time(a: &Args<'_>, [clock, day, month, year]: [&'static str; 4]) -> Result<KeyTime, ConfigError> {
    let bad = |what: &'static str| ConfigError::Value { what, text: a.name(what) };
    let fields: Vec<&str> = a.get(clock).unwrap_or_default().split(':').collect();
    let [hour, minute, second] = fields[..] else { return Err(bad(clock)) };
    let below = |text: &str, limit: u8| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| digits && *n < limit).ok_or_else(|| bad(clock))
    };
    let time = KeyTime {
        year: a.val(year)?,
        month: a.get(month).and_then(KeyTime::month).ok_or_else(|| bad(month))?,
        day: a.val(day)?,
        hour: below(hour, 24)?,
        minute: below(minute, 60)?,
        second: below(second, 60)?,
    };
    if time.is_real() { Ok(time) } else { Err(bad(day)) }
}

fn lifetime(a: &Args<'_>) -> Result<KeyLifetime, ConfigError> {
    let start = time(a, ["from", "from-day", "from-month", "from-year"])?;
    let end = match a.opt("seconds")? {
        _ if a.has("infinite") => KeyEnd::Never,
        Some(seconds) => KeyEnd::After(seconds),
        None => KeyEnd::At(time(a, ["to", "to-day", "to-month", "to-year"])?),
    };
    match end {
        KeyEnd::At(end) if end < start => Err(ConfigError::LifetimeOrder),
        _ => Ok(KeyLifetime { start, end }),
    }
}

/// What a key says.
pub(crate) static KEY: &[Stmt<ChainKey>] = &[
    stmt(
        "key-string ~ LINE@text...",
        |k, a| {
            k.secret = a.line("text").map(Secret::new);
            DONE
        },
        |k, _| {
            k.secret = None;
            DONE
        },
        show_secret,
    ),
    stmt(
        "cryptographic-algorithm ~ <md5|hmac-sha-1|hmac-sha-256|hmac-sha-384|hmac-sha-512>",
        set_algorithm,
        |k, _| {
            k.algorithm = None;
            DONE
        },
        |k, o| {
            if let Some(algorithm) = k.algorithm {
                o.line(format_args!("cryptographic-algorithm {algorithm}"));
            }
        },
    ),
    stmt(
        "accept-lifetime ~ HH:MM:SS@from <(1-31)@from-day MONTH@from-month|MONTH@from-month (1-31)@from-day> (1993-2099)@from-year \
         <infinite|duration (1-2147483646)@seconds|HH:MM:SS@to <(1-31)@to-day MONTH@to-month|MONTH@to-month (1-31)@to-day> (1993-2099)@to-year>",
        |k, a| {
            k.accept = Some(lifetime(a)?);
            DONE
        },
        |k, _| {
            k.accept = None;
            DONE
        },
        |k, o| {
            if let Some(lifetime) = &k.accept {
                o.line(format_args!("accept-lifetime {lifetime}"));
            }
        },
    ),
    stmt(
        "send-lifetime ~ HH:MM:SS@from <(1-31)@from-day MONTH@from-month|MONTH@from-month (1-31)@from-day> (1993-2099)@from-year \
         <infinite|duration (1-2147483646)@seconds|HH:MM:SS@to <(1-31)@to-day MONTH@to-month|MONTH@to-month (1-31)@to-day> (1993-2099)@to-year>",
        |k, a| {
            k.send = Some(lifetime(a)?);
            DONE
        },
        |k, _| {
            k.send = None;
            DONE
        },
        |k, o| {
            if let Some(lifetime) = &k.send {
                o.line(format_args!("send-lifetime {lifetime}"));
            }
        },
    ),
];

fn set_algorithm(k: &mut ChainKey, a: &Args<'_>) -> Applied {
    k.algorithm = a.keywords().find_map(KeyAlgorithm::of_word);
    DONE
}

fn show_secret(k: &ChainKey, o: &mut Lines) {
    if let Some(secret) = &k.secret {
        o.line(format_args!("key-string {}", secret.reveal()));
    }
}
