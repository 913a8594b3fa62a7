//! Key chains: secrets with a time to be sent and a time to be accepted.

use std::collections::BTreeMap;
use std::fmt;

use super::Secret;

/// `key chain NAME`: keys by their number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChain {
    /// `key N`.
    pub keys: BTreeMap<u32, ChainKey>,
}

/// One key. Without a lifetime it is valid always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainKey {
    /// `key-string`; a key without one is not used.
    pub secret: Option<Secret>,
    /// `cryptographic-algorithm`; a key without one is not used where an algorithm is needed.
    pub algorithm: Option<KeyAlgorithm>,
    /// `accept-lifetime`.
    pub accept: Option<KeyLifetime>,
    /// `send-lifetime`.
    pub send: Option<KeyLifetime>,
}

/// How a packet is digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// `md5`: keyed MD5 (RFC 2328 appendix D), HMAC-MD5 for OSPFv3.
    Md5,
    /// `hmac-sha-1`
    HmacSha1,
    /// `hmac-sha-256`
    HmacSha256,
    /// `hmac-sha-384`
    HmacSha384,
    /// `hmac-sha-512`
    HmacSha512,
}

impl KeyAlgorithm {
    const WORDS: [(&str, Self); 5] = [
        ("md5", Self::Md5),
        ("hmac-sha-1", Self::HmacSha1),
        ("hmac-sha-256", Self::HmacSha256),
        ("hmac-sha-384", Self::HmacSha384),
        ("hmac-sha-512", Self::HmacSha512),
    ];

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, algorithm)| *algorithm)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, a)| a == self).map(|(word, _)| *word);
        f.write_str(word.unwrap_or_default())
    }
}

/// A point of civil time, in the time zone of the machine. Ordered as time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyTime {
    /// 1993..=2099.
    pub year: u16,
    /// 1..=12.
    pub month: u8,
    /// 1..=31, and no more than the month has.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59.
    pub second: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl KeyTime {
    /// Number of the month whose name begins with `word` (at least three letters, in any case).
    pub(crate) fn month(word: &str) -> Option<u8> {
        let fits = |name: &&str| {
            word.len() >= 3 && name.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word))
        };
        let at = MONTHS.iter().position(fits)?;
        u8::try_from(at + 1).ok()
    }

    /// Whether the day exists.
    pub(crate) const fn is_real(&self) -> bool {
        self.day >= 1 && self.day <= days_in(self.year, self.month)
    }

    /// Seconds since 1970-01-01 00:00:00 of the same time zone.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        // Days from the civil date, with years that begin in March.
        let (y, m) = if self.month <= 2 {
            (self.year as i64 - 1, self.month as i64 + 9)
        } else {
            (self.year as i64, self.month as i64 - 3)
        };
        let day_of_year = (153 * m + 2) / 5 + self.day as i64 - 1;
        let days = 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719_468;
        days * 86_400 + self.hour as i64 * 3600 + self.minute as i64 * 60 + self.second as i64
    }
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for KeyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1)).map_or("", |name| &name[..3]);
        let Self { year, day, hour, minute, second, .. } = self;
        write!(f, "{hour:02}:{minute:02}:{second:02} {month} {day:02} {year}")
    }
}

/// From when to when a key is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLifetime {
    /// First moment.
    pub start: KeyTime,
    /// Last moment.
    pub end: KeyEnd,
}

/// End of a lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnd {
    /// `infinite`
    Never,
    /// `duration SECONDS`
    After(u32),
    /// A point of time, behind the start.
    At(KeyTime),
}

impl KeyLifetime {
    /// Seconds from [`KeyTime::seconds`]'s origin to the end; `None` when there is none.
    #[must_use]
    pub const fn end_seconds(&self) -> Option<i64> {
        match self.end {
            KeyEnd::Never => None,
            KeyEnd::After(seconds) => Some(self.start.seconds() + seconds as i64),
            KeyEnd::At(time) => Some(time.seconds()),
        }
    }

    /// Whether it holds `now`, in seconds as [`KeyTime::seconds`] counts them.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        self.start.seconds() <= now && self.end_seconds().is_none_or(|end| now <= end)
    }
}

impl fmt::Display for KeyLifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            KeyEnd::Never => write!(f, "{} infinite", self.start),
            KeyEnd::After(seconds) => write!(f, "{} duration {seconds}", self.start),
            KeyEnd::At(end) => write!(f, "{} {end}", self.start),
        }
    }
}
