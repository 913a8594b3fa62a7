//! OSPF and key chains.

use super::Part;
use crate::grammar::table::Lines;
use crate::grammar::{keychain, ospf_area, ospf_router};
use crate::model::Config;
use crate::model::ospf::OspfInstance;

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
