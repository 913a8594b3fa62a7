//! BIRD.

use ferr_testnet::rivals::Bird;
use ferr_testnet::{Error, Host};

use ferr_types::Prefix;

use super::{ADDRESS, ASN, Ask, Filter, Group, Plan, Policy, Router, Show, Text, shows};
use crate::convergence::peers::HOLD;

const SHOWS: [&str; 5] =
    ["show route PREFIX", "show route for PREFIX", "show protocols", "show protocols all", "show status"];

pub(super) struct BirdRouter {
    host: Host,
    bird: Bird,
    text: String,
}

fn policy(text: &mut Text, policy: &Policy) {
    let name = policy.name;
    let list: Vec<String> = policy.refused.iter().map(ToString::to_string).collect();
    text.line(format_args!("define {name}_LIST = [ {} ];", list.join(", ")));
    text.line(format_args!("filter {name} {{\n  if net ~ {name}_LIST then reject;"));
    for (at, (high, low)) in policy.communities.iter().enumerate() {
        let med = policy.med + at as u32;
        let action = match policy.denied.contains(&at) {
            true => "reject;".to_owned(),
            false => format!("{{ bgp_med = {med}; accept; }}"),
        };
        text.line(format_args!("  if ({high}, {low}) ~ bgp_community then {action}"));
    }
    let last = policy.med + policy.communities.len() as u32;
    text.line(format_args!("  bgp_med = {last};\n  accept;\n}}"));
}

fn direction(filter: &Filter) -> String {
    match filter {
        Filter::All => "all".to_owned(),
        Filter::Nothing => "none".to_owned(),
        Filter::Policy(p) => format!("filter {}", p.name),
    }
}

fn template(text: &mut Text, group: &Group, plan: &Plan) {
    text.line(format_args!(
        "template bgp {} {{\n  local {ADDRESS} as {};\n  passive on;\n  hold time {HOLD};\n  keepalive time {};\n  \
         connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 1;\n  error forget time 1;",
        group.name,
        ASN.0,
        HOLD / 3
    ));
    if group.is_internal() {
        text.line("  direct;");
    }
    if group.clients {
        text.line("  rr client;");
    }
    if plan.graceful {
        text.line("  graceful restart on;");
    }
    let export = match (&group.export, group.tag) {
        (Filter::All, Some(tag)) => {
            format!("filter {{ bgp_community.add(({}, {tag})); accept; }}", ASN.0)
        }
        (filter, _) => direction(filter),
    };
    for family in ["ipv4", "ipv6"].into_iter().take(1 + usize::from(plan.v6)) {
        text.line(format_args!("  {family} {{ import {}; export {export}; }};", direction(&group.import)));
    }
    text.line("}");
}

fn render(plan: &Plan) -> String {
    let mut text = Text::default();
    text.line(format_args!("router id {ADDRESS};"));
    if plan.graceful {
        text.line("graceful restart wait 60;");
    }
    text.line("protocol device { scan time 3600; }");
    for family in ["ipv4", "ipv6"].into_iter().take(1 + usize::from(plan.v6)) {
        let graceful = if plan.graceful { " graceful restart on;" } else { "" };
        text.line(format_args!(
            "protocol kernel {{ scan time 3600;{graceful} {family} {{ import none; export all; }}; }}"
        ));
    }
    for p in plan.policies() {
        policy(&mut text, p);
    }
    for group in &plan.groups {
        template(&mut text, group, plan);
        for (at, neighbor) in group.neighbors.iter().enumerate() {
            text.line(format_args!(
                "protocol bgp {}_{at} from {} {{ neighbor {} as {}; }}",
                group.name, group.name, neighbor.address, neighbor.asn.0
            ));
        }
    }
    text.0
}

impl BirdRouter {
    pub(super) fn start(host: &Host, plan: &Plan) -> Result<Self, Error> {
        let text = render(plan);
        Ok(Self { host: host.clone(), bird: Bird::start(host, &text)?, text })
    }
}

impl Router for BirdRouter {
    fn pids(&mut self) -> Vec<u32> {
        vec![self.bird.process().pid()]
    }

    fn check(&mut self) -> Result<(), Error> {
        self.bird.process().check()
    }

    fn configs(&self) -> Vec<(String, String)> {
        vec![("bird.conf".to_owned(), self.text.clone())]
    }

    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error> {
        self.text = render(plan);
        self.bird.reconfigure(&self.text)
    }

    fn ask(&self) -> Ask {
        Ask::Birdc(self.host.dir().join("bird.ctl"), "show route".to_owned())
    }

    fn shows(&self, prefix: Prefix) -> Vec<Show> {
        let socket = self.host.dir().join("bird.ctl");
        shows(&SHOWS, prefix, |_, command| Ask::Birdc(socket.clone(), command))
    }

    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.bird.process().kill();
        meanwhile();
        self.bird.restart()
    }
}
