//! The kernel's own WireGuard, by generic netlink.
//!
//! # Invariants
//! * What is the same as before is not said again: peers keep their sessions and the place that they moved to.
//! * Octets that hold keys are wiped after use. Nothing here prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ferr_types::Prefix;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute, WireguardCmd,
    WireguardMessage, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags,
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_GENERIC};
use nix::errno::Errno;
use zeroize::{Zeroize, Zeroizing};

/// A key of any kind.
pub type WgKeyBytes = [u8; 32];

/// Peers of one message; a page of netlink holds more.
const PEERS: usize = 16;
/// Allowed prefixes of one message.
const PREFIXES: usize = 256;

/// A peer as it shall be.
#[derive(Clone, PartialEq, Eq)]
pub struct WgPeerWish {
    /// Preshared key.
    pub preshared_key: Option<Zeroizing<WgKeyBytes>>,
    /// Where it is; `None` leaves it where it is.
    pub endpoint: Option<SocketAddr>,
    /// Inner addresses.
    pub allowed_ips: BTreeSet<Prefix>,
    /// Seconds; 0 is off.
    pub keepalive: u16,
}

/// A device as it shall be.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WgWish {
    /// Our secret.
    pub private_key: Option<Zeroizing<WgKeyBytes>>,
    /// UDP port; 0 is any.
    pub listen_port: u16,
    /// Mark of outer packets; 0 is none.
    pub fwmark: u32,
    /// Peers by public key.
    pub peers: BTreeMap<WgKeyBytes, WgPeerWish>,
}

impl fmt::Debug for WgWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WgWish")
            .field("listen_port", &self.listen_port)
            .field("fwmark", &self.fwmark)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

/// A peer as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WgPeerState {
    /// Whether there is a preshared key.
    pub has_preshared_key: bool,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Inner addresses.
    pub allowed_ips: BTreeSet<Prefix>,
    /// Seconds; 0 is off.
    pub keepalive: u16,
    /// Last handshake, on the clock of the day.
    pub last_handshake: Option<SystemTime>,
    /// Octets received, outer UDP payload.
    pub rx_bytes: u64,
    /// Octets sent.
    pub tx_bytes: u64,
}

/// A device as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WgState {
    /// Our key.
    pub public_key: Option<WgKeyBytes>,
    /// UDP port.
    pub listen_port: u16,
    /// Mark of outer packets; 0 is none.
    pub fwmark: u32,
    /// Peers by public key.
    pub peers: BTreeMap<WgKeyBytes, WgPeerState>,
}

/// A socket to the kernel's WireGuard. Belongs to one thread, in the network namespace in which it was opened.
pub struct WgKernel {
    socket: Socket,
    family: u16,
    sequence: u32,
}

impl fmt::Debug for WgKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WgKernel").field("family", &self.family).finish_non_exhaustive()
    }
}

type Attributes = Vec<WireguardAttribute>;

impl WgKernel {
    /// Opens the socket; `None` when this kernel has no WireGuard (its module is loaded when the first device is made).
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open() -> io::Result<Option<Self>> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&NetlinkAddr::new(0, 0))?;
        let mut this = Self { socket, family: 0, sequence: 0 };
        let name = GenlCtrlAttrs::FamilyName(WireguardMessage::family_name().to_owned());
        let ask = GenlMessage::from_payload(GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![name] });
        let answers = match this.request(ask, NLM_F_REQUEST | NLM_F_ACK) {
            Ok(answers) => answers,
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => return Ok(None),
            Err(error) => return Err(error),
        };
        let family = answers.iter().flat_map(|a| &a.nlas).find_map(|nla| match nla {
            GenlCtrlAttrs::FamilyId(id) => Some(*id),
            _ => None,
        });
        Ok(family.map(|family| Self { family, ..this }))
    }

    /// Has a device become what is wanted; `now` is what it is.
    ///
    /// # Errors
    /// The kernel's answer; what came before the refused part is done.
    pub fn set(&mut self, device: &str, wish: &WgWish, now: &WgState) -> io::Result<()> {
        let name = || WireguardAttribute::IfName(device.to_owned());
        let mut first = vec![name()];
        if let Some(key) = &wish.private_key {
            first.push(WireguardAttribute::PrivateKey(**key));
        }
        if wish.listen_port != now.listen_port && wish.listen_port != 0 {
            first.push(WireguardAttribute::ListenPort(wish.listen_port));
        }
        if wish.fwmark != now.fwmark {
            first.push(WireguardAttribute::Fwmark(wish.fwmark));
        }
        self.change(first)?;
        let gone = now.peers.keys().filter(|key| !wish.peers.contains_key(*key));
        let mut peers: Vec<WireguardPeer> = gone.map(removal).collect();
        for (key, peer) in &wish.peers {
            peers.extend(peer_messages(key, peer, now.peers.get(key)));
        }
        while !peers.is_empty() {
            let rest = peers.split_off(peers.len().min(PEERS));
            self.change(vec![name(), WireguardAttribute::Peers(std::mem::replace(&mut peers, rest))])?;
        }
        Ok(())
    }

    /// What a device is.
    ///
    /// # Errors
    /// The kernel's answer: `ENODEV` when there is none, `EOPNOTSUPP` when it is of another kind.
    pub fn get(&mut self, device: &str) -> io::Result<WgState> {
        let attributes = vec![WireguardAttribute::IfName(device.to_owned())];
        let ask = GenlMessage::from_payload(WireguardMessage { cmd: WireguardCmd::GetDevice, attributes });
        let mut state = WgState::default();
        for answer in self.request(ask, NLM_F_REQUEST | NLM_F_DUMP)? {
            for mut attribute in answer.attributes {
                match &mut attribute {
                    WireguardAttribute::PublicKey(key) => state.public_key = Some(*key),
                    WireguardAttribute::PrivateKey(key) => key.zeroize(),
                    WireguardAttribute::ListenPort(port) => state.listen_port = *port,
                    WireguardAttribute::Fwmark(mark) => state.fwmark = *mark,
                    WireguardAttribute::Peers(peers) => {
                        peers.iter_mut().for_each(|p| read_peer(p, &mut state))
                    }
                    _ => {}
                }
            }
        }
        // A device without a key has one of zeros only.
        state.public_key = state.public_key.filter(|key| *key != WgKeyBytes::default());
        Ok(state)
    }

    fn change(&mut self, attributes: Attributes) -> io::Result<()> {
        let ask = GenlMessage::from_payload(WireguardMessage { cmd: WireguardCmd::SetDevice, attributes });
        self.request(ask, NLM_F_REQUEST | NLM_F_ACK).map(drop)
    }

    /// Sends one request and collects what comes up to its end.
    fn request<F>(&mut self, mut ask: GenlMessage<F>, flags: u16) -> io::Result<Vec<F>>
    where
        F: GenlFamily + Clone + fmt::Debug + Eq + Wipe,
        F: netlink_packet_core::Emitable,
        F: netlink_packet_core::ParseableParametrized<[u8], GenlHeader>,
    {
        if self.family != 0 {
            ask.set_resolved_family_id(self.family);
        }
        ask.finalize();
        let mut message = NetlinkMessage::from(ask);
        self.sequence = self.sequence.wrapping_add(1);
        (message.header.flags, message.header.sequence_number) = (flags, self.sequence);
        message.finalize();
        let mut bytes = Zeroizing::new(vec![0; message.buffer_len()]);
        message.serialize(&mut bytes);
        if let NetlinkPayload::InnerMessage(ask) = &mut message.payload {
            ask.payload.wipe();
        }
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (received, _) = self.socket.recv_from_full()?;
            let received = Zeroizing::new(received);
            let mut rest = &received[..];
            while !rest.is_empty() {
                let answer = <NetlinkMessage<GenlMessage<F>>>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                let len = answer.header.length as usize;
                rest = rest.get(len.next_multiple_of(4).max(4)..).unwrap_or(&[]);
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer.payload),
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
            }
        }
    }
}

/// Overwrites the keys that a message holds.
trait Wipe {
    fn wipe(&mut self);
}

impl Wipe for GenlCtrl {
    fn wipe(&mut self) {}
}

impl Wipe for WireguardMessage {
    fn wipe(&mut self) {
        for attribute in &mut self.attributes {
            match attribute {
                WireguardAttribute::PrivateKey(key) => key.zeroize(),
                WireguardAttribute::Peers(peers) => peers.iter_mut().for_each(wipe_peer),
                _ => {}
            }
        }
    }
}

fn wipe_peer(peer: &mut WireguardPeer) {
    for attribute in &mut peer.0 {
        if let WireguardPeerAttribute::PresharedKey(key) = attribute {
            key.zeroize();
        }
    }
}

fn removal(key: &WgKeyBytes) -> WireguardPeer {
    let flags = WireguardPeerFlags::RemoveMe;
    WireguardPeer(vec![WireguardPeerAttribute::PublicKey(*key), WireguardPeerAttribute::Flags(flags)])
}

/// What has to be said of a peer; more than one part when it has many prefixes.
fn peer_messages(key: &WgKeyBytes, wish: &WgPeerWish, now: Option<&WgPeerState>) -> Vec<WireguardPeer> {
    let mut first = vec![WireguardPeerAttribute::PublicKey(*key)];
    // Zeros take a key away.
    let keyed = wish.preshared_key.as_ref().map(|k| **k).unwrap_or_default();
    if wish.preshared_key.is_some() || now.is_some_and(|n| n.has_preshared_key) {
        first.push(WireguardPeerAttribute::PresharedKey(keyed));
    }
    if let Some(endpoint) = wish.endpoint {
        first.push(WireguardPeerAttribute::Endpoint(endpoint));
    }
    if now.is_none_or(|n| n.keepalive != wish.keepalive) {
        first.push(WireguardPeerAttribute::PersistentKeepalive(wish.keepalive));
    }
    if now.is_some_and(|n| n.allowed_ips == wish.allowed_ips) {
        return vec![WireguardPeer(first)];
    }
    first.push(WireguardPeerAttribute::Flags(WireguardPeerFlags::ReplaceAllowedIps));
    let prefixes: Vec<WireguardAllowedIp> = wish.allowed_ips.iter().map(allowed).collect();
    let mut parts = prefixes.chunks(PREFIXES);
    first.push(WireguardPeerAttribute::AllowedIps(parts.next().unwrap_or_default().to_vec()));
    let further = parts.map(|part| {
        WireguardPeer(vec![
            WireguardPeerAttribute::PublicKey(*key),
            WireguardPeerAttribute::AllowedIps(part.to_vec()),
        ])
    });
    std::iter::once(WireguardPeer(first)).chain(further).collect()
}

fn allowed(prefix: &Prefix) -> WireguardAllowedIp {
    let family =
        if prefix.addr().is_ipv4() { WireguardAddressFamily::Ipv4 } else { WireguardAddressFamily::Ipv6 };
    WireguardAllowedIp(vec![
        WireguardAllowedIpAttr::Family(family),
        WireguardAllowedIpAttr::IpAddr(prefix.addr()),
        WireguardAllowedIpAttr::Cidr(prefix.len()),
    ])
}

/// Adds what a part of a dump says of a peer, which may have been in an earlier part too.
fn read_peer(peer: &mut WireguardPeer, state: &mut WgState) {
    let key = peer.iter().find_map(|a| match a {
        WireguardPeerAttribute::PublicKey(key) => Some(*key),
        _ => None,
    });
    let Some(key) = key else { return };
    let to = state.peers.entry(key).or_default();
    for attribute in &peer.0 {
        match attribute {
            WireguardPeerAttribute::PresharedKey(k) => to.has_preshared_key = *k != WgKeyBytes::default(),
            WireguardPeerAttribute::Endpoint(addr) => to.endpoint = Some(*addr),
            WireguardPeerAttribute::PersistentKeepalive(seconds) => to.keepalive = *seconds,
            WireguardPeerAttribute::LastHandshake(at) => {
                let since = Duration::new(
                    u64::try_from(at.seconds).unwrap_or(0),
                    u32::try_from(at.nano_seconds).unwrap_or(0).min(999_999_999),
                );
                to.last_handshake = (!since.is_zero()).then(|| SystemTime::UNIX_EPOCH + since);
            }
            WireguardPeerAttribute::RxBytes(octets) => to.rx_bytes = *octets,
            WireguardPeerAttribute::TxBytes(octets) => to.tx_bytes = *octets,
            WireguardPeerAttribute::AllowedIps(list) => {
                to.allowed_ips.extend(list.iter().filter_map(read_prefix))
            }
            _ => {}
        }
    }
    wipe_peer(peer);
}

fn read_prefix(attributes: &WireguardAllowedIp) -> Option<Prefix> {
    let (mut addr, mut len) = (None, None);
    for attribute in &attributes.0 {
        match attribute {
            WireguardAllowedIpAttr::IpAddr(a) => addr = Some(*a),
            WireguardAllowedIpAttr::Cidr(l) => len = Some(*l),
            _ => {}
        }
    }
    Prefix::new(addr?, len?)
}

#[cfg(test)]
mod tests;
