//! Times as the commands print them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
const YEAR: u64 = 365 * DAY;

/// `HH:MM:SS`, `1d02h03m` from a day, `01w2d03h` from a week, `01y02w3d` from a year.
pub(crate) fn uptime(age: Duration) -> String {
    let s = age.as_secs();
    match s {
        0..DAY => format!("{:02}:{:02}:{:02}", s / HOUR, s % HOUR / MINUTE, s % MINUTE),
        DAY..WEEK => format!("{}d{:02}h{:02}m", s / DAY, s % DAY / HOUR, s % HOUR / MINUTE),
        WEEK..YEAR => format!("{:02}w{}d{:02}h", s / WEEK, s % WEEK / DAY, s % DAY / HOUR),
        _ => format!("{:02}y{:02}w{}d", s / YEAR, s % YEAR / WEEK, s % YEAR % WEEK / DAY),
    }
}

/// `1w2d`, `1d02h03m`, `1h02m03s`, `1m02s`, `3.456s`: as OSPFv2 shows spans.
pub(crate) fn span(age: Duration) -> String {
    let s = age.as_secs();
    match s {
        WEEK.. => format!("{}w{}d", s / WEEK, s % WEEK / DAY),
        DAY.. => format!("{}d{:02}h{:02}m", s / DAY, s % DAY / HOUR, s % HOUR / MINUTE),
        HOUR.. => format!("{}h{:02}m{:02}s", s / HOUR, s % HOUR / MINUTE, s % MINUTE),
        MINUTE.. => format!("{}m{:02}s", s / MINUTE, s % MINUTE),
        _ if age.as_millis() > 0 => format!("{s}.{:03}s", age.subsec_millis()),
        _ => format!("{} usecs", age.subsec_micros()),
    }
}

/// Hours without bound, minutes, seconds; behind a day that many days in front: as OSPFv3 shows spans.
pub(crate) fn span6(age: Duration) -> String {
    let s = age.as_secs();
    let clock = format!("{:02}:{:02}:{:02}", s % DAY / HOUR, s % HOUR / MINUTE, s % MINUTE);
    if s < DAY { clock } else { format!("{}d{clock}", s / DAY) }
}

/// Seconds since 1970.
pub(crate) fn epoch(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Year, month from 0, day from 1, of days since 1970 (proleptic Gregorian calendar).
const fn civil(days: u64) -> (u64, u64, u64) {
    // Eras of 400 years that begin on 1 March of year 0.
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12;
    let year = year_of_era + era * 400 + if month < 2 { 1 } else { 0 };
    (year, month, day)
}

/// `Sun Nov 22 05:49:19 2026`, in UTC.
pub(crate) fn ctime(at: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = epoch(at);
    let (days, s) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    let weekday = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize];
    format!("{weekday} {month} {day:2} {:02}:{:02}:{:02} {year}", s / HOUR, s % HOUR / MINUTE, s % MINUTE)
}

/// `2026/11/22 05:49:19`, in UTC, as in log files.
pub(crate) fn log_time(at: SystemTime) -> String {
    let seconds = epoch(at);
    let (days, s) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    format!("{year:04}/{:02}/{day:02} {:02}:{:02}:{:02}", month + 1, s / HOUR, s % HOUR / MINUTE, s % MINUTE)
}

/// `2026/11/22 05:49:19.07`, in UTC.
pub(crate) fn log_time_hundredths(at: SystemTime) -> String {
    let part = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_millis() / 10);
    format!("{}.{part:02}", log_time(at))
}

/// `1440 bytes`, `2896 KiB`, `14 MiB`.
pub(crate) fn memory(bytes: u64) -> String {
    const TENTH: u64 = 10;
    match bytes {
        b if b >> 20 > TENTH => format!("{} MiB", b >> 20),
        b if b >> 10 > TENTH => format!("{} KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests;
