//! Questions to a running router, and how fast the answer comes.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ferr_testnet::Netns;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::duts::Ask;

/// Longest silence within an answer.
const LIMIT_MS: u16 = 30_000;

/// An answer, without its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Until its first octet, and its last.
    pub(crate) first: Duration,
    pub(crate) whole: Duration,
    pub(crate) octets: u64,
}

/// Asks; `None` when there is no answer, or a refusal.
pub(crate) fn ask(what: &Ask, netns: &Netns) -> Option<Answer> {
    match what {
        Ask::Vty(path, command) => {
            let mut stream = UnixStream::connect(path).ok()?;
            stream.write_all(b"enable\0").ok()?;
            read(&mut stream, Instant::now(), vty_ended)?;
            let asked = Instant::now();
            stream.write_all(format!("{command}\0").as_bytes()).ok()?;
            let (answer, end) = read(&mut stream, asked, vty_ended)?;
            // The status: 0 is success.
            (end.last() == Some(&0)).then_some(answer)
        }
        Ask::Birdc(path, command) => {
            let mut stream = UnixStream::connect(path).ok()?;
            read(&mut stream, Instant::now(), birdc_ended)?;
            let asked = Instant::now();
            stream.write_all(format!("{command}\n").as_bytes()).ok()?;
            let (answer, end) = read(&mut stream, asked, birdc_ended)?;
            let last = end.strip_suffix(b"\n")?.rsplit(|b| *b == b'\n').next()?;
            // 8000 and above are errors.
            (*last.first()? < b'8').then_some(answer)
        }
        Ask::Program(words) => {
            let asked = Instant::now();
            let (program, args) = words.split_first()?;
            let mut command = Command::new(program);
            command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = netns.enter(|| command.spawn()).ok()?.ok()?;
            let answer = child.stdout.take().and_then(|mut out| read(&mut out, asked, |_| false));
            if answer.is_none() {
                // Silent for too long, or nothing said: it is not waited for.
                let _ = child.kill();
            }
            let status = child.wait().ok()?;
            answer.filter(|_| status.success()).map(|(answer, _)| answer)
        }
    }
}

/// Whether something can be read within the limit.
fn is_readable(stream: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut fds, PollTimeout::from(LIMIT_MS)) {
            Err(Errno::EINTR) => {}
            result => return result.is_ok_and(|ready| ready > 0),
        }
    }
}

/// Reads until `ended` says so of the last octets, or to the end of the stream; gives the last octets too.
fn read(
    stream: &mut (impl Read + AsFd),
    asked: Instant,
    ended: fn(&[u8]) -> bool,
) -> Option<(Answer, Vec<u8>)> {
    let mut chunk = vec![0; 256 << 10];
    let mut tail: Vec<u8> = Vec::new();
    let (mut octets, mut first) = (0, None);
    loop {
        if !is_readable(stream) {
            return None;
        }
        let got = match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        first.get_or_insert_with(|| asked.elapsed());
        octets += got as u64;
        tail.extend_from_slice(&chunk[got.saturating_sub(200)..got]);
        tail.drain(..tail.len().saturating_sub(200));
        if ended(&tail) {
            break;
        }
    }
    Some((Answer { first: first?, whole: asked.elapsed(), octets }, tail))
}

/// Three NULs and a status.
fn vty_ended(tail: &[u8]) -> bool {
    tail.len() >= 4 && tail[tail.len() - 4..tail.len() - 1] == [0; 3]
}

/// A last line that begins with a number and a blank.
fn birdc_ended(tail: &[u8]) -> bool {
    let Some(line) = tail.strip_suffix(b"\n") else { return false };
    let line = line.rsplit(|b| *b == b'\n').next().unwrap_or(line);
    line.len() >= 5 && line[..4].iter().all(u8::is_ascii_digit) && line[4] == b' '
}
