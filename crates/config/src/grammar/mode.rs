//! Where a session stands: the block that is open, and those around it.

use super::blocks::BlockKind;
use crate::model::bfd::BfdPeerKey;
use crate::model::bgp::{BgpFamily, InstanceName};
use crate::model::origin::Origin;
use crate::model::ospf::OspfName;

/// One open block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Top level.
    Config,
    /// `interface NAME [vrf V]`
    Interface {
        /// Name.
        name: String,
        /// VRF of the header.
        vrf: Option<String>,
    },
    /// `vrf NAME`
    Vrf(String),
    /// `line vty`
    LineVty,
    /// `route-map NAME ACTION SEQ`
    RouteMap(String, u16),
    /// `router bgp ...`
    Bgp(InstanceName),
    /// `address-family ...`
    BgpAf(InstanceName, BgpFamily),
    /// `vni N` of EVPN.
    BgpVni(InstanceName, u32),
    /// `bmp targets NAME`
    Bmp(InstanceName, String),
    /// `bfd`
    Bfd,
    /// `peer ...` in it.
    BfdPeer(BfdPeerKey),
    /// `profile NAME` in it.
    BfdProfile(String),
    /// `router ospf ...`
    Ospf(OspfName),
    /// `router ospf6 ...`
    Ospf6(OspfName),
    /// `key chain NAME`
    KeyChain(String),
    /// `key N` in it.
    Key(String, u32),
    /// A block that is kept as text: kind of the innermost block, header lines from the outermost in.
    Block(BlockKind, Vec<String>),
}

impl Mode {
    /// FRR's name of the mode, as in the prompt `(config-if)`.
    pub const fn prompt(&self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Interface { .. } => "config-if",
            Self::Vrf(_) => "config-vrf",
            Self::LineVty => "config-line",
            Self::RouteMap(..) => "config-route-map",
            Self::Bgp(_) | Self::Ospf(_) => "config-router",
            Self::Ospf6(_) => "config-ospf6",
            Self::KeyChain(_) => "config-keychain",
            Self::Key(..) => "config-keychain-key",
            Self::BgpAf(..) => "config-router-af",
            Self::BgpVni(..) => "config-router-af-vni",
            Self::Bmp(..) => "config-bgp-bmp",
            Self::Bfd => "config-bfd",
            Self::BfdPeer(_) => "config-bfd-peer",
            Self::BfdProfile(_) => "config-bfd-profile",
            Self::Block(kind, _) => kind.prompt(),
        }
    }

    /// Words other than `exit` and `quit` that close the block.
    pub(crate) const fn closer(&self) -> &'static str {
        match self {
            Self::Vrf(_) => "exit-vrf",
            Self::BgpAf(..) => "exit-address-family",
            Self::BgpVni(..) => "exit-vni",
            _ => "exit",
        }
    }
}

impl Mode {
    /// A block opened inside `outer`: takes over what only that one knows (instance name, headers).
    pub(crate) fn inside(self, outer: &Self) -> Self {
        match (self, outer) {
            (Self::BgpAf(_, family), Self::Bgp(name)) => Self::BgpAf(name.clone(), family),
            (Self::Key(_, id), Self::KeyChain(name)) => Self::Key(name.clone(), id),
            (Self::Bmp(_, target), Self::Bgp(name)) => Self::Bmp(name.clone(), target),
            (Self::BgpVni(_, vni), Self::BgpAf(name, _)) => Self::BgpVni(name.clone(), vni),
            (Self::Block(kind, inner), Self::Block(_, path)) => {
                Self::Block(kind, path.iter().cloned().chain(inner).collect())
            }
            (mode, _) => mode,
        }
    }
}

/// The open blocks of one session, outermost first; never empty.
#[derive(Debug, Clone)]
pub struct ModeStack {
    modes: Vec<Mode>,
    pub(crate) origin: Origin,
}

impl Default for ModeStack {
    fn default() -> Self {
        Self::new(Origin::Vty)
    }
}

impl ModeStack {
    /// At top level; statements are noted as coming from `origin`.
    pub fn new(origin: Origin) -> Self {
        Self { modes: vec![Mode::Config], origin }
    }

    /// The innermost open block.
    pub fn current(&self) -> &Mode {
        self.modes.last().unwrap_or(&Mode::Config)
    }

    /// Number of open blocks; 0 at top level.
    pub fn depth(&self) -> usize {
        self.modes.len() - 1
    }

    /// Closes one block; `false` at top level.
    pub fn exit(&mut self) -> bool {
        let inside = self.modes.len() > 1;
        if inside {
            self.modes.pop();
        }
        inside
    }

    /// Back to top level.
    pub fn reset(&mut self) {
        self.modes.truncate(1);
    }

    /// Innermost first.
    pub(crate) fn inward(&self) -> impl Iterator<Item = (usize, &Mode)> {
        self.modes.iter().enumerate().rev()
    }

    pub(crate) fn settle(&mut self, level: usize) {
        self.modes.truncate(level + 1);
    }

    pub(crate) fn push(&mut self, mode: Mode) {
        self.modes.push(mode);
    }
}
