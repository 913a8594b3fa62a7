//! A hundred peers that stop reading cost two bits per prefix each, and hold nobody up.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ferr_interop::pair;
use ferr_interop::speaker::{Speaker, message};
use ferr_testnet::{Error, Ferrd, Host};

/// Peers that do not read: 198.51.100.2 and above.
const STUCK: u8 = 100;
pub(super) const PREFIXES: u32 = 100_000;
/// Prefixes that share attributes.
const SHARED: u32 = 10;
/// Times that all of them change, before a half of them goes.
const ROUNDS: u32 = 4;
/// KiB by which the daemon may grow for each peer that does not read: far less than one copy of the table in octets.
const EACH: u64 = 300;
/// KiB for the routes themselves, in the tables and on their way to the kernel.
const TABLE: u64 = 30_000;

const CONF: &str = "frr version 8.4.4
frr defaults traditional
router bgp 65001
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 bgp listen limit 200
 neighbor X peer-group
 neighbor X remote-as 65100
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 passive
 bgp listen range 198.51.100.0/24 peer-group X
exit
";

/// What a peer was told: the number of the round by prefix, counted from 1, and the prefixes of each round.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct View {
    routes: HashMap<[u8; 3], u32>,
    rounds: HashMap<u32, u32>,
}

impl View {
    fn put(&mut self, prefix: [u8; 3], round: Option<u32>) {
        let before = match round {
            Some(round) => {
                *self.rounds.entry(round).or_default() += 1;
                self.routes.insert(prefix, round)
            }
            None => self.routes.remove(&prefix),
        };
        if let Some(before) = before {
            *self.rounds.entry(before).or_default() -= 1;
        }
    }

    /// Takes an UPDATE.
    fn update(&mut self, body: &[u8]) {
        let len = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
        let attributes = 4 + len(0);
        let (withdrawn, nlri) = (&body[2..attributes - 2], attributes + len(attributes - 2));
        prefixes(withdrawn).for_each(|p| self.put(p, None));
        // The round is the last but one AS of the path: 65001, 65002, round, number.
        let (mut at, mut round) = (attributes, 0);
        while at < nlri {
            let extended = body[at] & 0x10 != 0;
            let (size, header) = if extended { (len(at + 2), 4) } else { (usize::from(body[at + 2]), 3) };
            if body[at + 1] == 2 {
                let end = at + header + size;
                round = u32::from_be_bytes(body[end - 8..end - 4].try_into().unwrap());
            }
            at += header + size;
        }
        prefixes(&body[nlri..]).for_each(|p| self.put(p, Some(round)));
    }

    fn is_final(&self) -> bool {
        self.routes.len() as u32 == PREFIXES / 2 && self.has_all(ROUNDS, PREFIXES / 2)
    }

    fn has_all(&self, round: u32, count: u32) -> bool {
        self.rounds.get(&round) == Some(&count)
    }
}

fn prefixes(list: &[u8]) -> impl Iterator<Item = [u8; 3]> {
    let (all, rest) = list.as_chunks::<4>();
    assert!(rest.is_empty() && all.iter().all(|p| p[0] == 24), "{list:?}");
    all.iter().map(|p| [p[1], p[2], p[3]])
}

/// What the feed says in a round; `None` withdraws every other prefix.
pub(super) fn feed(round: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for set in 0..PREFIXES / SHARED {
        let nlri: Vec<u8> = (set * SHARED..(set + 1) * SHARED)
            .filter(|n| round.is_some() || n % 2 == 0)
            .flat_map(|n| [24, 20 + (n >> 16) as u8, (n >> 8) as u8, n as u8])
            .collect();
        let attributes = match round {
            None => Vec::new(),
            Some(round) => {
                let mut bytes = vec![0x40, 1, 1, 0, 0x40, 2, 14, 2, 3];
                [65002, round, 1000 + set].iter().for_each(|asn: &u32| bytes.extend(asn.to_be_bytes()));
                bytes.extend([0x40, 3, 4, 192, 0, 2, 2]);
                bytes
            }
        };
        let withdrawn = if round.is_none() { &nlri[..] } else { &[] };
        let mut body = (withdrawn.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(withdrawn);
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend_from_slice(&attributes);
        body.extend_from_slice(if round.is_some() { &nlri } else { &[] });
        out.extend(message(2, &body));
    }
    out
}

/// The peer that reads, with a hold time of nine seconds: a keepalive every three.
struct Reader {
    view: Arc<Mutex<View>>,
    stream: std::net::TcpStream,
    thread: thread::JoinHandle<Result<Duration, Error>>,
}

impl Reader {
    fn start(mut speaker: Speaker) -> Self {
        let stream = speaker.stream.try_clone().unwrap();
        let (view, mut answers) = (Arc::<Mutex<View>>::default(), Instant::now());
        let shared = view.clone();
        let thread = thread::spawn(move || {
            let (mut heard, mut gap) = (Instant::now(), Duration::ZERO);
            // Ends when the test closes the connection.
            while let Ok((kind, body)) = speaker.receive() {
                gap = gap.max(heard.elapsed());
                heard = Instant::now();
                match kind {
                    2 => shared.lock().unwrap().update(&body),
                    3 => return Err(Error::Answer { what: "daemon".to_owned(), text: format!("{body:?}") }),
                    _ => {}
                }
                if answers.elapsed() > Duration::from_secs(1) {
                    answers = Instant::now();
                    speaker.send(&message(4, &[]))?;
                }
            }
            Ok(gap)
        });
        Self { view, stream, thread }
    }

    fn wait(&self, host: &Host, what: &str, is: impl Fn(&View) -> bool) -> Result<(), Error> {
        host.wait(40, format!("{what} at the peer that reads"), || {
            let view = self.view.lock().unwrap();
            if is(&view) { Ok(()) } else { Err(format!("{:?}", view.rounds)) }
        })
    }

    /// The longest time in which it heard nothing.
    fn finish(self) -> Result<Duration, Error> {
        self.stream.shutdown(Shutdown::Both).map_err(Error::io("closing"))?;
        self.thread.join().unwrap()
    }
}

/// Asks until `done`, and gives the longest time that an answer took.
fn ask(ferrd: &Ferrd, done: &AtomicBool) -> Result<Duration, Error> {
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        ferrd.bgp_json("show bgp summary json")?;
        longest = longest.max(start.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
    Ok(longest)
}

#[test]
fn a_hundred_peers_that_do_not_read_cost_next_to_nothing() -> Result<(), Error> {
    let Some(pair) = pair("hundred", &[])? else { return Ok(()) };
    pair.us.addr("eth0", "198.51.100.1/24")?;
    for host in 2..=STUCK + 2 {
        pair.them.addr("eth0", &format!("198.51.100.{host}/24"))?;
    }
    // Little fits into the sender's buffers.
    pair.us.sysctl("net.ipv4.tcp_wmem", "4096 8192 8192")?;
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, CONF)?;
    let to: SocketAddr = "198.51.100.1:179".parse().unwrap();
    let from = |host: u8| (Ipv4Addr::new(198, 51, 100, host), to);
    let connect = |host| Speaker::establish_from(&pair.them, from(host), (65100, 90), Some(4096));
    let stuck = (2..STUCK + 2).map(connect).collect::<Result<Vec<_>, _>>()?;
    let reader = Speaker::establish_from(&pair.them, from(STUCK + 2), (65100, 9), None)?;
    let reader = Reader::start(reader);
    let mut source = Speaker::establish(&pair.them, "192.0.2.1:179".parse().unwrap(), 65002)?;
    let before = ferrd.memory().unwrap_or(0);

    let done = AtomicBool::new(false);
    let asked = thread::scope(|scope| {
        let asker = scope.spawn(|| ask(&ferrd, &done));
        let mut told = || {
            for round in 1..=ROUNDS {
                source.send(&feed(Some(round)))?;
                reader.wait(&pair.us, "a round", |view| view.has_all(round, PREFIXES))?;
            }
            source.send(&feed(None))?;
            reader.wait(&pair.us, "the withdrawal", View::is_final)
        };
        let told = told();
        done.store(true, Ordering::Relaxed);
        told.and(asker.join().unwrap())
    })?;
    let grown = ferrd.peak_memory().unwrap_or(u64::MAX) - before;
    println!("{before} KiB before, {grown} KiB more at most; longest answer {asked:?}");
    assert!(grown < TABLE + u64::from(STUCK) * EACH, "{before} KiB grew by {grown}");
    assert!(asked < Duration::from_secs(1), "an answer took {asked:?}");
    let summary = ferrd.bgp_json("show bgp summary json")?;
    let peers = summary["ipv4Unicast"]["peers"].as_object().unwrap();
    let up = peers.values().filter(|p| p["state"] == "Established").count();
    assert_eq!(up, usize::from(STUCK) + 2);

    // Those who read again are told what is true by now, and nothing twice that could be left out.
    for mut speaker in stuck.into_iter().step_by(33) {
        let (mut view, mut updates) = (View::default(), 0);
        while !view.is_final() {
            let (kind, body) = speaker.receive()?;
            assert_ne!(kind, 3, "{body:?}");
            if kind == 2 {
                view.update(&body);
                updates += 1;
            }
        }
        assert!(updates < 2 * PREFIXES / SHARED, "{updates}");
        assert_eq!(view.routes, reader.view.lock().unwrap().routes);
    }
    let gap = reader.finish()?;
    assert!(gap < Duration::from_secs(6), "nothing was heard for {gap:?}");
    ferrd.process().check()
}
