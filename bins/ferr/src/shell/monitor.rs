//! `terminal monitor`: the daemon's log among what is typed.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local};

/// Longest record: the header and the longest text that the daemon sends.
const MAX_RECORD: usize = 72 + 4096;

/// One record of the log, as it comes over the socket.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    at: SystemTime,
    text: String,
    /// Records since the beginning that there was no room for.
    lost: u32,
}

impl Record {
    /// `None` when it is shorter than it says.
    fn read(packet: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_ne_bytes(*packet.get(at..)?.first_chunk()?));
        let seconds = u64::from_ne_bytes(*packet.first_chunk()?);
        let (nanoseconds, text_at) = (number(8)?, usize::try_from(number(12)?).ok()?);
        let text = String::from_utf8_lossy(packet.get(text_at..)?);
        // Text comes from everywhere; it must not steer the terminal.
        let text = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
        let at = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds.min(999_999_999)))?;
        Some(Self { at, text: text.collect(), lost: number(32)? })
    }

    fn line(&self) -> String {
        let at: DateTime<Local> = self.at.into();
        format!("{} {}\n", at.format("%Y/%m/%d %H:%M:%S"), self.text)
    }
}

/// Prints what comes over `socket` in the background, until the daemon closes it.
pub(super) fn start(socket: OwnedFd, mut print: impl FnMut(String) + Send + 'static) -> io::Result<()> {
    // Reading is all that is done with it, and that is the same for all kinds of sockets.
    let mut socket = UnixStream::from(socket);
    // The daemon made it for those who wait by themselves.
    socket.set_nonblocking(false)?;
    let copy = move || {
        let mut packet = vec![0; MAX_RECORD];
        let mut lost = 0;
        while let Ok(len @ 1..) = io::Read::read(&mut socket, &mut packet) {
            let Some(record) = Record::read(&packet[..len]) else { continue };
            if record.lost > lost {
                print(format!("% {} log records were lost\n", record.lost - lost));
                lost = record.lost;
            }
            print(record.line());
        }
    };
    thread::Builder::new().name("log".to_owned()).spawn(copy).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(text: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 72];
        packet[..8].copy_from_slice(&7_u64.to_ne_bytes());
        packet[8..12].copy_from_slice(&500_000_000_u32.to_ne_bytes());
        packet[12..16].copy_from_slice(&72_u32.to_ne_bytes());
        packet[32..36].copy_from_slice(&3_u32.to_ne_bytes());
        packet.extend_from_slice(text);
        packet
    }

    #[test]
    fn records_are_read() {
        let record = Record::read(&packet(b"BGP: hello\x1b[2J")).unwrap();
        assert_eq!(record.at, UNIX_EPOCH + Duration::from_millis(7500));
        assert_eq!((record.text.as_str(), record.lost), ("BGP: hello\u{fffd}[2J", 3));
    }

    #[test]
    fn what_is_no_record_is_none() {
        let whole = packet(b"");
        for len in 0..whole.len() {
            assert_eq!(Record::read(&whole[..len]), None, "{len}");
        }
        assert_eq!(Record::read(&[0xff; 80]), None);
    }
}
