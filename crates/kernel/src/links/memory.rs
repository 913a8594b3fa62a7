//! What was changed on links, so that it can be taken back when the configuration no longer asks for it.
//!
//! Kept across restarts and crashes by the caller. It counts for one boot and one network namespace: numbers of links mean nothing beyond.

use std::collections::{BTreeMap, BTreeSet};

use ferr_types::IfAddr;
use serde::{Deserialize, Serialize};

/// Changes to one link.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Touched {
    /// Its name then; a link of the same number and another name may be another link.
    pub name: String,
    /// Number of the master that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<u32>,
    /// MTU before ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Link-layer address before ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<[u8; 6]>,
    /// It was shut down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// Addresses that it was given, as text.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<String>,
}

/// A system setting that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSysctl {
    /// Parts of the name below `/proc/sys`.
    pub name: Vec<String>,
    /// It is about one interface.
    pub of_interface: bool,
    /// Value before ours.
    pub old: String,
    /// Ours.
    pub ours: String,
}

/// All that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Boot and network namespace in which this holds.
    #[serde(default)]
    pub world: String,
    /// Links by number.
    #[serde(default)]
    pub links: BTreeMap<u32, Touched>,
    /// System settings.
    #[serde(default)]
    pub sysctls: Vec<SavedSysctl>,
}

impl Touched {
    /// Whether there is anything to take back.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self { name: self.name.clone(), ..Self::default() }
    }

    /// Addresses that it was given.
    pub(crate) fn given(&self) -> impl Iterator<Item = IfAddr> {
        self.addresses.iter().filter_map(|a| a.parse().ok())
    }
}

impl Memory {
    /// What was changed on a link, for changes to come.
    pub(crate) fn of(&mut self, ifindex: u32, name: &str) -> &mut Touched {
        let touched = self.links.entry(ifindex).or_default();
        if touched.name != name {
            *touched = Touched { name: name.to_owned(), ..Touched::default() };
        }
        touched
    }
}
