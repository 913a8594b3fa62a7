//! What became of declared links, system settings and the MSS clamp.

use std::net::IpAddr;

/// A link of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkView {
    /// Its name.
    pub name: String,
    /// What it is declared as, in the kernel's word; `None`: the link is somebody else's, and is only set up.
    pub kind: Option<&'static str>,
    /// Its number, when it is there.
    pub ifindex: Option<u32>,
    /// VRF or bridge to which it shall belong.
    pub master: Option<String>,
    /// Addresses that it shall have, as text.
    pub addresses: Vec<String>,
    /// Everything is as wanted.
    pub ready: bool,
    /// How far it is, in words.
    pub state: String,
    /// What fails, in words.
    pub failure: Option<String>,
    /// Other ends of outer packets that are known.
    pub remotes: Vec<IpAddr>,
}

/// A system setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SysctlView {
    /// Name with dots.
    pub name: String,
    /// Wanted value.
    pub wanted: String,
    /// Present one; `None` while there is no such setting.
    pub current: Option<String>,
    /// The one before ours, which comes back at the end.
    pub before: Option<String>,
    /// Why it could not be set.
    pub error: Option<String>,
}

/// Segment sizes on an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MssView {
    /// Its name.
    pub interface: String,
    /// Over IPv4.
    pub v4: u16,
    /// Over IPv6.
    pub v6: u16,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinksView {
    /// Number of the plan that this is about; they count up.
    pub generation: u64,
    /// Nothing is left that could be done now.
    pub settled: bool,
    /// By name.
    pub links: Vec<LinkView>,
    /// By name.
    pub sysctls: Vec<SysctlView>,
    /// In force, by interface.
    pub mss: Vec<MssView>,
    /// Why they are not.
    pub mss_error: Option<String>,
}
