//! OSPF and key chains.

use std::collections::BTreeSet;

use super::Part;
use crate::grammar::table::Lines;
use crate::grammar::{keychain, ospf_area, ospf_router};
use crate::model::Config;
use crate::model::interface::Interface;
use crate::model::ospf::{OspfInstance, OspfInterface, OspfLink};

impl Config {
    /// What belongs to the OSPFv2 instance with this number alone, for [`Part::Ospf`]: `router ospf N`, and which interfaces
    /// are in its areas.
    #[must_use]
    pub fn only_ospf_instance(&self, number: u16) -> Self {
        let mut ospf = self.ospf.clone();
        ospf.retain(|name, _| name.instance == number);
        let member = |settings: &OspfInterface| OspfInterface {
            areas: settings
                .areas
                .iter()
                .filter(|(n, _)| **n == number)
                .map(|(n, area)| (*n, *area))
                .collect(),
            ..OspfInterface::default()
        };
        let interfaces = self.interfaces.iter().map(|(name, i)| {
            let ospf = OspfLink {
                interface: member(&i.ospf.interface),
                addresses: i.ospf.addresses.iter().map(|(addr, s)| (*addr, member(s))).collect(),
                ..OspfLink::default()
            };
            (name.clone(), Interface { ospf, vrf: i.vrf.clone(), ..Interface::default() })
        });
        let (interfaces, global) = (interfaces.collect(), self.global.clone());
        Self { ospf, interfaces, global, origins: self.origins.clone(), ..Self::default() }
    }

    /// Without what belongs to the OSPFv2 instances with these numbers.
    #[must_use]
    pub fn without_ospf_instances(&self, numbers: &BTreeSet<u16>) -> Self {
        let mut rest = self.clone();
        rest.ospf.retain(|name, _| !numbers.contains(&name.instance));
        for link in rest.interfaces.values_mut().map(|i| &mut i.ospf) {
            for settings in link.addresses.values_mut().chain([&mut link.interface]) {
                settings.areas.retain(|number, _| !numbers.contains(number));
            }
        }
        rest
    }
}

pub(super) fn show_key_chains(config: &Config, o: &mut Lines) {
    for (name, chain) in &config.key_chains {
        o.block(format_args!("key chain {name}"), "exit", |o| {
            for (id, key) in &chain.keys {
                o.line(format_args!("key {id}"));
                o.nested(|o| o.table(keychain::KEY, key));
                o.line("exit");
            }
        });
    }
}

pub(super) fn show(config: &Config, part: Part, o: &mut Lines) {
    if part.has(Part::Ospf) {
        for (name, instance) in &config.ospf {
            o.block(format_args!("router ospf{name}"), "exit", |o| show_ospf(instance, o));
        }
    }
    if part.has(Part::Ospf6) {
        for (name, instance) in &config.ospf6 {
            o.block(format_args!("router ospf6{name}"), "exit", |o| show_ospf6(instance, o));
        }
    }
}

fn show_ospf(instance: &OspfInstance, o: &mut Lines) {
    o.table(ospf_router::HEAD, instance);
    for (id, area) in &instance.areas {
        o.led_by(format!("area {id} "), |o| o.table(ospf_area::AREA, area));
    }
    o.table(ospf_router::NEIGHBORS, instance);
    for (id, area) in &instance.areas {
        o.led_by(format!("area {id} "), |o| o.table(ospf_area::VIRTUAL_LINKS, area));
    }
    o.table(ospf_router::TAIL, instance);
    instance.opaque.iter().for_each(|line| o.line(line));
}

fn show_ospf6(instance: &OspfInstance, o: &mut Lines) {
    o.table(ospf_router::HEAD6, instance);
    for (id, area) in &instance.areas {
        o.led_by(format!("area {id} "), |o| o.table(ospf_area::AREA6, area));
    }
    o.table(ospf_router::TAIL6, instance);
}
