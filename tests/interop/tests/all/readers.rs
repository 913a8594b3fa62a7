//! Many who ask for whole tables, and read them fast, slowly or not at all: nobody else waits for them, and they cost little memory.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferr_interop::pair;
use ferr_interop::speaker::{Speaker, message};
use ferr_testnet::{Error, Ferrd};

use super::stuck::{PREFIXES, feed};

/// Clients of each kind.
const EACH: usize = 6;
/// KiB by which the daemon may grow while they are served: for those who do not read alone, the texts are 30,000 each.
const GROWTH: u64 = 40_000;

const CONF: &str = "frr version 8.4.4
frr defaults traditional
router bgp 65001
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 passive
 neighbor 192.0.2.2 timers 3 9
exit
";

/// A client that has asked and read nothing yet.
fn whole(ferrd: &Ferrd) -> Result<UnixStream, Error> {
    let mut stream = UnixStream::connect(ferrd.vty_dir().join("bgpd.vty")).map_err(Error::io("vty"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(Error::io("vty"))?;
    stream.write_all(b"show bgp ipv4 unicast json\0").map_err(Error::io("asking"))?;
    Ok(stream)
}

/// Reads an answer to its end; gives its octets without the trailer.
fn read(stream: &mut UnixStream) -> Result<Vec<u8>, Error> {
    let (mut answer, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    while !answer.ends_with(&[0, 0, 0, 0]) {
        let got = stream.read(&mut piece).map_err(Error::io("reading an answer"))?;
        assert!(got > 0, "closed after {} octets", answer.len());
        answer.extend_from_slice(&piece[..got]);
    }
    answer.truncate(answer.len() - 4);
    Ok(answer)
}

/// The longest time that a question of another kind took until `done`.
fn others(ferrd: &Ferrd, done: &AtomicBool) -> Result<Duration, Error> {
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        for question in ["show bgp summary json", "show bgp ipv4 unicast 20.0.1.0/24 json"] {
            let start = Instant::now();
            ferrd.bgp_json(question)?;
            longest = longest.max(start.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(longest)
}

/// Answers keepalives until the test closes the connection; gives the longest time without one.
fn keep_alive(mut speaker: Speaker) -> Result<Duration, Error> {
    let (mut heard, mut gap) = (Instant::now(), Duration::ZERO);
    while let Ok((kind, body)) = speaker.receive() {
        gap = gap.max(heard.elapsed());
        heard = Instant::now();
        assert_ne!(kind, 3, "{body:?}");
        speaker.send(&message(4, &[]))?;
    }
    Ok(gap)
}

#[test]
fn readers_of_whole_tables_delay_nobody_and_cost_little_memory() -> Result<(), Error> {
    let Some(pair) = pair("readers", &[])? else { return Ok(()) };
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, CONF)?;
    let to: SocketAddr = "192.0.2.1:179".parse().unwrap();
    let mut speaker = Speaker::establish(&pair.them, to, 65002)?;
    speaker.send(&feed(Some(1)))?;
    let stream = speaker.stream.try_clone().map_err(Error::io("socket"))?;
    let keeper = thread::spawn(move || keep_alive(speaker));
    pair.us.wait(40, "the table", || {
        let summary = ferrd.bgp_json("show bgp summary json").map_err(|e| e.to_string())?;
        let count = summary["ipv4Unicast"]["ribCount"].as_u64().unwrap_or(0);
        if count == u64::from(PREFIXES) { Ok(()) } else { Err(format!("{count} prefixes")) }
    })?;
    // What one answer takes is not what many take.
    let expected = read(&mut whole(&ferrd)?)?;
    let before = ferrd.peak_memory().unwrap_or(0);

    let mut idle = (0..EACH).map(|_| whole(&ferrd)).collect::<Result<Vec<_>, _>>()?;
    let mut slow = (0..EACH).map(|_| whole(&ferrd)).collect::<Result<Vec<_>, _>>()?;
    let done = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        let other = scope.spawn(|| others(&ferrd, &done));
        let slow = slow.iter_mut().map(|stream| {
            // Ten megabytes per second at most, and no more than a part.
            scope.spawn(|| {
                let mut piece = vec![0; 10_000];
                while !done.load(Ordering::Relaxed) {
                    if stream.read(&mut piece).unwrap_or(0) == 0 {
                        return;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            })
        });
        let slow: Vec<_> = slow.collect();
        let fast = (0..EACH).map(|_| {
            scope.spawn(|| {
                for _ in 0..2 {
                    let answer = read(&mut whole(&ferrd)?)?;
                    assert!(answer == expected, "{} octets instead of {}", answer.len(), expected.len());
                }
                Ok::<(), Error>(())
            })
        });
        let fast: Vec<_> = fast.collect();
        let fast: Result<Vec<()>, Error> = fast.into_iter().map(|t| t.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        slow.into_iter().for_each(|t| t.join().unwrap());
        fast.and(other.join().unwrap())
    })?;
    let grown = ferrd.peak_memory().unwrap_or(u64::MAX) - before;
    println!("{before} KiB before, {grown} KiB more at most; longest answer to others {longest:?}");
    assert!(grown < GROWTH, "{before} KiB grew by {grown}");
    assert!(longest < Duration::from_secs(3), "an answer took {longest:?}");
    // Whoever did not read finds his answer whole, when he does.
    let answer = read(&mut idle[0])?;
    assert!(answer == expected, "{} octets instead of {}", answer.len(), expected.len());
    stream.shutdown(std::net::Shutdown::Both).map_err(Error::io("closing"))?;
    let gap = keeper.join().unwrap()?;
    assert!(gap < Duration::from_secs(7), "no keepalive for {gap:?}");
    ferrd.process().check()
}
