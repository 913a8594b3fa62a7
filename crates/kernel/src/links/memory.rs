//! What was changed on links, so that it can be taken back when the configuration no longer asks for it.
//!
//! Kept across restarts and crashes by the caller. It counts for one boot and one network namespace: numbers of links mean nothing beyond.

use std::collections::{BTreeMap, BTreeSet};

use ferr_types::IfAddr;
use serde::{Deserialize, Serialize};

use super::mtu;
use super::observed::Observed;
use super::op::{LinkChange, LinkOp};
use super::plan::LinkPlan;
use super::reconcile::{marked, own};

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
    fn of(&mut self, ifindex: u32, name: &str) -> &mut Touched {
        let touched = self.links.entry(ifindex).or_default();
        if touched.name != name {
            *touched = Touched { name: name.to_owned(), ..Touched::default() };
        }
        touched
    }

    /// Notes what an operation is about to change.
    pub fn note(&mut self, op: &LinkOp, seen: &Observed) {
        match op {
            LinkOp::AddAddress { ifindex, name, address } => {
                self.of(*ifindex, name).addresses.insert(own(address).to_string());
            }
            LinkOp::Set { ifindex, name, change } => {
                let Some(link) = seen.links.get(ifindex) else { return };
                let touched = self.of(*ifindex, name);
                match change {
                    LinkChange::Master(master) => touched.master = (*master != 0).then_some(*master),
                    LinkChange::Mtu(mtu) if touched.mtu != Some(*mtu) => {
                        touched.mtu.get_or_insert(link.mtu);
                    }
                    LinkChange::Mac(mac) if touched.mac != Some(mac.0) => {
                        if let Some(old) = link.mac {
                            touched.mac.get_or_insert(old.0);
                        }
                    }
                    LinkChange::Up(up) => touched.down = !up,
                    LinkChange::Mtu(_) | LinkChange::Mac(_) | LinkChange::Alias(_) => {}
                }
            }
            _ => {}
        }
    }

    /// Drops what is over: links that are gone, and changes that were taken back.
    pub fn settle(&mut self, plan: &LinkPlan, seen: &Observed) {
        self.links.retain(|ifindex, touched| {
            let Some(link) = seen.links.get(ifindex) else { return false };
            // A link of ours is known by its mark, whatever somebody calls it.
            if link.name != touched.name {
                return marked(link) == Some(&touched.name);
            }
            let wanted = plan.links.get(&touched.name);
            let present = seen.addresses.get(ifindex);
            touched.addresses.retain(|text| {
                let is = |addr: IfAddr| addr.to_string() == *text;
                present.is_some_and(|p| p.iter().any(|(addr, _)| is(*addr)))
                    || wanted.is_some_and(|w| w.addresses.iter().any(|a| is(own(a))))
            });
            touched.master = touched.master.filter(|m| *m == link.master);
            let asked = wanted.and_then(|w| mtu::wanted(&touched.name, w, seen));
            touched.mtu = touched.mtu.filter(|old| asked.is_some() || *old != link.mtu);
            let mac = wanted.and_then(|w| w.mac);
            touched.mac = touched.mac.filter(|old| mac.is_some() || link.mac.map(|m| m.0) != Some(*old));
            touched.down &= !link.up;
            !touched.is_empty()
        });
    }
}
