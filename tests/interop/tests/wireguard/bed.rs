//! Two hosts on a cable, our tunnel on one, wireguard-go on the other.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ferr_testnet::{Error, Host, Net, Process, Requirement, check, skipped};
use ferr_wireguard::{
    Endpoint, PeerConfig, PeerStatus, PrivateKey, Tunnel, TunnelConfig, TunnelEvent, TunnelSpec,
};

/// Outer addresses.
pub(crate) const US: &str = "192.0.2.1";
pub(crate) const THEM: &str = "192.0.2.2";
/// Inner addresses.
pub(crate) const INNER_US: &str = "10.9.0.1";
pub(crate) const INNER_THEM: &str = "10.9.0.2";
pub(crate) const INNER_THEM6: &str = "fd00:9::2";
/// Where `wg` looks; it knows no other place.
pub(crate) const CONTROL: &str = "/var/run/wireguard";
pub(crate) const PORT: u16 = 51820;

/// See the module.
pub(crate) struct Bed {
    pub(crate) us: Host,
    pub(crate) them: Host,
    /// Names of devices: the folder of control sockets is common to all tests that run.
    pub(crate) ours: String,
    pub(crate) theirs: String,
    pub(crate) net: Net,
}

/// Our tunnel and what it tells.
pub(crate) struct Ours {
    pub(crate) tunnel: Tunnel,
    pub(crate) events: Receiver<TunnelEvent>,
}

pub(crate) fn our_key() -> PrivateKey {
    PrivateKey::from_bytes([0x48; 32]).unwrap()
}

pub(crate) fn their_key() -> PrivateKey {
    PrivateKey::from_bytes([0x58; 32]).unwrap()
}

/// Runs a test, or says why not.
pub(crate) fn with_bed(name: &str, test: impl FnOnce(&Bed) -> Result<(), Error>) -> Result<(), Error> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let needs = ["ip", "wireguard-go", "wg", "nft"].map(Requirement::Program);
    if let Err(reason) = check(&needs).and_then(|()| check(&[Requirement::Root])) {
        skipped(&reason);
        return Ok(());
    }
    let net = Net::new(name)?;
    let (us, them) = (net.host("us")?, net.host("them")?);
    net.link(&us, "cable", &them, "cable")?;
    us.addr("cable", &format!("{US}/24"))?;
    them.addr("cable", &format!("{THEM}/24"))?;
    us.addr("cable", "2001:db8:12::1/64")?;
    them.addr("cable", "2001:db8:12::2/64")?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let id = format!("{}{}", std::process::id(), char::from(b'a' + (number % 26) as u8));
    test(&Bed { us, them, ours: format!("wu{id}"), theirs: format!("wt{id}"), net })
}

/// The other as a peer of ours.
pub(crate) fn them_as_peer() -> PeerConfig {
    let mut peer = PeerConfig::new(their_key().public());
    peer.endpoint = Some(Endpoint::Addr(format!("{THEM}:{PORT}").parse().unwrap()));
    peer.allowed_ips = ["0.0.0.0/0", "::/0"].map(|p| p.parse().unwrap()).to_vec();
    peer
}

pub(crate) fn our_config() -> TunnelConfig {
    TunnelConfig {
        private_key: Some(our_key()),
        listen_port: std::num::NonZeroU16::new(PORT),
        peers: vec![them_as_peer()],
        ..TunnelConfig::default()
    }
}

/// Their configuration; `more` are lines about us.
pub(crate) fn their_conf(more: &str) -> String {
    format!(
        "[Interface]\nPrivateKey = {}\nListenPort = {PORT}\n[Peer]\nPublicKey = {}\nAllowedIPs = 0.0.0.0/0, ::/0\n{more}",
        their_key().expose_base64().as_str(),
        our_key().public()
    )
}

fn start(host: &Host, name: &str, config: &TunnelConfig, threads: usize) -> Result<Ours, Error> {
    let (tell, events) = channel();
    let mut spec = TunnelSpec::new(name);
    spec.control_dir = Some(PathBuf::from(CONTROL));
    spec.threads = Some(threads);
    spec.listener = Some(Box::new(move |event| {
        let _ = tell.send(event);
    }));
    let tunnel = host.netns().enter(|| Tunnel::start(spec))?.unwrap();
    tunnel.configure(config).unwrap();
    Ok(Ours { tunnel, events })
}

impl Bed {
    /// Starts ours, with addresses.
    pub(crate) fn ours(&self, config: &TunnelConfig) -> Result<Ours, Error> {
        self.ours_with(config, 1)
    }

    /// As above with several threads.
    pub(crate) fn ours_with(&self, config: &TunnelConfig, threads: usize) -> Result<Ours, Error> {
        let ours = start(&self.us, &self.ours, config, threads)?;
        self.address(&self.us, &self.ours, 1)?;
        Ok(ours)
    }

    /// One of ours in the place of theirs.
    pub(crate) fn theirs_as_ours(&self, config: &TunnelConfig) -> Result<Ours, Error> {
        let ours = start(&self.them, &self.theirs, config, 1)?;
        self.address(&self.them, &self.theirs, 2)?;
        Ok(ours)
    }

    fn address(&self, host: &Host, name: &str, last: u8) -> Result<(), Error> {
        host.ip(&format!("link set {name} mtu 1420 up"))?;
        host.addr(name, &format!("10.9.0.{last}/24"))?;
        host.addr(name, &format!("fd00:9::{last}/64"))
    }

    /// Starts theirs.
    pub(crate) fn theirs(&self, conf: &str) -> Result<Process, Error> {
        let mut command = Command::new("wireguard-go");
        command.args(["-f", &self.theirs]).env("LOG_LEVEL", "verbose");
        let process = self.them.start("wireguard-go", command)?;
        let socket = PathBuf::from(format!("{CONTROL}/{}.sock", self.theirs));
        self.them.wait(
            10,
            "wireguard-go",
            || if socket.exists() { Ok(()) } else { Err("no socket".into()) },
        )?;
        self.wg_them("setconf", conf)?;
        self.address(&self.them, &self.theirs, 2)?;
        Ok(process)
    }

    /// `wg VERB THEIRS FILE`.
    pub(crate) fn wg_them(&self, verb: &str, conf: &str) -> Result<(), Error> {
        let path = self.them.file("wg.conf", conf)?;
        self.wg(&self.them, &[verb, &self.theirs, &path.display().to_string()]).map(drop)
    }

    /// Runs `wg` on a host.
    pub(crate) fn wg(&self, host: &Host, words: &[&str]) -> Result<String, Error> {
        host.run(Command::new("wg").args(words))
    }

    /// Waits until an echo through the tunnel is answered.
    pub(crate) fn reaches(&self, from: &Host, to: &str, seconds: u64) -> Result<(), Error> {
        let to: IpAddr = to.parse().unwrap();
        from.wait(seconds, format!("an answer of {to}"), || {
            from.ping(None, to, Duration::from_millis(500)).map(drop).map_err(|e| e.to_string())
        })
    }

    /// Nothing reaches the other for a while.
    pub(crate) fn does_not_reach(&self, from: &Host, to: &str) {
        for _ in 0..3 {
            let answer = from.ping(None, to.parse().unwrap(), Duration::from_millis(300));
            assert!(answer.is_err(), "{to} has answered");
        }
    }
}

impl Ours {
    /// The only peer.
    pub(crate) fn peer(&self) -> PeerStatus {
        self.tunnel.status().peers.remove(0)
    }

    /// Waits for an event.
    pub(crate) fn wait(&self, seconds: u64, wanted: impl Fn(&TunnelEvent) -> bool) {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut seen = Vec::new();
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) if wanted(&event) => return,
                Ok(event) => seen.push(event),
                Err(_) => panic!("instead came {seen:?}"),
            }
        }
    }
}

fn fill(chunk: &mut [u8], from: usize) {
    for (i, octet) in chunk.iter_mut().enumerate() {
        let at = (from + i) as u64;
        *octet = (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    }
}

/// Sends octets over TCP from one host to an address of the other, and checks that they arrive as they were. Gives how long it took.
pub(crate) fn transfer(from: &Host, to: &Host, addr: &str, octets: usize) -> Result<Duration, Error> {
    let addr: IpAddr = addr.parse().unwrap();
    let listener = to.netns().enter(|| TcpListener::bind((addr, 0)))?.unwrap();
    let target: SocketAddr = listener.local_addr().unwrap();
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (mut buffer, mut expected, mut got) = (vec![0; 1 << 16], vec![0; 1 << 16], 0);
        loop {
            let len = stream.read(&mut buffer).unwrap();
            if len == 0 {
                return got;
            }
            fill(&mut expected[..len], got);
            assert!(buffer[..len] == expected[..len], "other octets after {got}");
            got += len;
        }
    });
    let start = Instant::now();
    let timeout = Duration::from_secs(10);
    let mut stream = from.netns().enter(|| TcpStream::connect_timeout(&target, timeout))?.unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut chunk, mut sent) = (vec![0; 1 << 16], 0);
    while sent < octets {
        let len = chunk.len().min(octets - sent);
        fill(&mut chunk[..len], sent);
        stream.write_all(&chunk[..len]).unwrap();
        sent += len;
    }
    drop(stream);
    assert_eq!(receiver.join().unwrap(), octets);
    Ok(start.elapsed())
}
