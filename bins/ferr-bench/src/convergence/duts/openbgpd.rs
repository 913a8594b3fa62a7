//! OpenBGPD.

use ferr_testnet::rivals::OpenBgpd;
use ferr_testnet::{Error, Host};

use ferr_types::Prefix;

use super::{ADDRESS, ASN, Ask, Filter, Group, Plan, Policy, Router, Show, Text, hex, shows};
use crate::convergence::peers::HOLD;

const SHOWS: [&str; 4] = ["show rib PREFIX", "show summary", "show neighbor", "show rib memory"];

pub(super) struct OpenbgpdRouter {
    host: Host,
    bgpd: OpenBgpd,
    text: String,
}

fn rules(text: &mut Text, group: &str, way: &str, policy: &Policy) {
    text.line(format_args!("deny quick {way} group \"{group}\" prefix-set {}", policy.name));
    for (at, community) in policy.communities.iter().enumerate() {
        let community = hex(*community);
        if policy.denied.contains(&at) {
            text.line(format_args!("deny quick {way} group \"{group}\" community {community}"));
        } else {
            let med = policy.med + at as u32;
            text.line(format_args!(
                "allow quick {way} group \"{group}\" community {community} set med {med}"
            ));
        }
    }
    let last = policy.med + policy.communities.len() as u32;
    text.line(format_args!("allow quick {way} group \"{group}\" set med {last}"));
}

fn group(text: &mut Text, group: &Group, plan: &Plan) {
    text.line(format_args!("group \"{}\" {{", group.name));
    text.line("  passive\n  announce IPv4 unicast\n  enforce neighbor-as no");
    if plan.v6 {
        text.line("  announce IPv6 unicast");
    }
    if group.clients {
        text.line("  route-reflector");
    }
    if matches!(group.export, Filter::Nothing) {
        text.line("  export none");
    }
    for neighbor in &group.neighbors {
        text.line(format_args!("  neighbor {} {{ remote-as {} }}", neighbor.address, neighbor.asn.0));
    }
    text.line("}");
}

fn render(plan: &Plan) -> String {
    let mut text = Text::default();
    text.line(format_args!("AS {}\nrouter-id {ADDRESS}\nfib-update no\nholdtime {HOLD}", ASN.0));
    for policy in plan.policies() {
        let list: Vec<String> = policy.refused.iter().map(ToString::to_string).collect();
        text.line(format_args!("prefix-set {} {{ {} }}", policy.name, list.join(", ")));
    }
    for g in &plan.groups {
        group(&mut text, g, plan);
    }
    for g in &plan.groups {
        if let Filter::Policy(policy) = &g.import {
            rules(&mut text, &g.name, "from", policy);
        }
        match (&g.export, g.tag) {
            (Filter::Policy(policy), _) => rules(&mut text, &g.name, "to", policy),
            (_, Some(tag)) => {
                text.line(format_args!("match to group \"{}\" set community {}:{tag}", g.name, ASN.0));
            }
            _ => {}
        }
    }
    text.line("allow from any\nallow to any");
    text.0
}

impl OpenbgpdRouter {
    pub(super) fn start(host: &Host, plan: &Plan) -> Result<Self, Error> {
        let text = render(plan);
        Ok(Self { host: host.clone(), bgpd: OpenBgpd::start(host, &text)?, text })
    }
}

fn ask(host: &Host, words: &str) -> Ask {
    let all = format!("bgpctl -s {} -j {words}", host.dir().join("bgpd.sock").display());
    Ask::Program(all.split_whitespace().map(str::to_owned).collect())
}

impl Router for OpenbgpdRouter {
    fn pids(&mut self) -> Vec<u32> {
        self.bgpd.pids()
    }

    fn check(&mut self) -> Result<(), Error> {
        self.bgpd.process().check()
    }

    fn configs(&self) -> Vec<(String, String)> {
        vec![("bgpd.conf".to_owned(), self.text.clone())]
    }

    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error> {
        self.text = render(plan);
        self.bgpd.reconfigure(&self.text)
    }

    fn ask(&self) -> Ask {
        ask(&self.host, "show rib")
    }

    fn shows(&self, prefix: Prefix) -> Vec<Show> {
        shows(&SHOWS, prefix, |_, words| ask(&self.host, &words))
    }

    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.bgpd.process().kill();
        meanwhile();
        self.bgpd = OpenBgpd::start(&self.host, &self.text)?;
        Ok(())
    }
}
