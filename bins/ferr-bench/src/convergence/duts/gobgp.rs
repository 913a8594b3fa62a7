//! GoBGP.

use std::thread;
use std::time::Duration;

use ferr_testnet::rivals::GoBgp;
use ferr_testnet::{Error, Host};
use ferr_types::Prefix;
use nix::sys::signal::Signal;

use super::{ADDRESS, ASN, Ask, Filter, Group, Plan, Policy, Router, Show, Text, hex, shows};
use crate::convergence::peers::HOLD;

const SHOWS: [&str; 4] = ["global rib PREFIX -j", "global rib summary", "neighbor -j", "global -j"];

pub(super) struct GobgpRouter {
    host: Host,
    gobgp: GoBgp,
    text: String,
}

const STATEMENT: &str = "  [[policy-definitions.statements]]";
const CONDITION: &str = "    [policy-definitions.statements.conditions";
const ACTIONS: &str = "    [policy-definitions.statements.actions";

fn sets(text: &mut Text, plan: &Plan) {
    for group in &plan.groups {
        let addresses: Vec<String> = group.neighbors.iter().map(|n| format!("\"{}\"", n.address)).collect();
        text.line("[[defined-sets.neighbor-sets]]");
        text.line(format_args!("  neighbor-set-name = \"{}\"", group.name));
        text.line(format_args!("  neighbor-info-list = [{}]", addresses.join(", ")));
    }
    for policy in plan.policies() {
        text.line(format_args!("[[defined-sets.prefix-sets]]\n  prefix-set-name = \"{}\"", policy.name));
        for prefix in &policy.refused {
            text.line(format_args!(
                "  [[defined-sets.prefix-sets.prefix-list]]\n    ip-prefix = \"{prefix}\""
            ));
        }
        for (at, community) in policy.communities.iter().enumerate() {
            text.line("[[defined-sets.bgp-defined-sets.community-sets]]");
            text.line(format_args!("  community-set-name = \"{}-{at}\"", policy.name));
            text.line(format_args!("  community-list = [\"{}\"]", hex(*community)));
        }
    }
}

fn statement(text: &mut Text, group: &str, condition: &str, action: &str) {
    text.line(STATEMENT);
    text.line(format_args!("{CONDITION}.match-neighbor-set]\n      neighbor-set = \"{group}\""));
    text.line(condition);
    text.line(action);
}

fn reject() -> String {
    format!("{ACTIONS}]\n      route-disposition = \"reject-route\"")
}

fn clauses(text: &mut Text, group: &str, policy: &Policy) {
    let name = policy.name;
    let list = format!("{CONDITION}.match-prefix-set]\n      prefix-set = \"{name}\"");
    statement(text, group, &list, &reject());
    let med = |at: usize| {
        format!(
            "{ACTIONS}]\n      route-disposition = \"accept-route\"\n    {ACTIONS}.bgp-actions]\n      set-med = \"{}\"",
            policy.med + at as u32
        )
    };
    for at in 0..policy.communities.len() {
        let condition =
            format!("{CONDITION}.bgp-conditions.match-community-set]\n      community-set = \"{name}-{at}\"");
        let action = if policy.denied.contains(&at) { reject() } else { med(at) };
        statement(text, group, &condition, &action);
    }
    statement(text, group, "", &med(policy.communities.len()));
}

/// Definition of a policy for one direction of all groups; whether there is anything in it.
fn definition(text: &mut Text, plan: &Plan, name: &str, filter: fn(&Group) -> &Filter, out: bool) -> bool {
    let mut body = Text::default();
    for group in &plan.groups {
        match (filter(group), group.tag) {
            (Filter::Nothing, _) => statement(&mut body, &group.name, "", &reject()),
            (Filter::Policy(policy), _) => clauses(&mut body, &group.name, policy),
            (Filter::All, Some(tag)) if out => {
                let action = format!(
                    "{ACTIONS}.bgp-actions.set-community]\n      options = \"add\"\n    \
                     {ACTIONS}.bgp-actions.set-community.set-community-method]\n      \
                     communities-list = [\"{}:{tag}\"]",
                    ASN.0
                );
                statement(&mut body, &group.name, "", &action);
            }
            (Filter::All, _) => {}
        }
    }
    if body.0.is_empty() {
        return false;
    }
    text.line(format_args!("[[policy-definitions]]\n  name = \"{name}\"\n{}", body.0));
    true
}

fn render(plan: &Plan) -> String {
    let mut text = Text::default();
    text.line(format_args!("[global.config]\n  as = {}\n  router-id = \"{ADDRESS}\"", ASN.0));
    let mut policies = Text::default();
    let imports = definition(&mut policies, plan, "imports", |g| &g.import, false);
    let exports = definition(&mut policies, plan, "exports", |g| &g.export, true);
    if imports || exports {
        text.line("[global.apply-policy.config]");
        for (used, word) in [(imports, "import"), (exports, "export")] {
            if used {
                text.line(format_args!(
                    "  {word}-policy-list = [\"{word}s\"]\n  default-{word}-policy = \"accept-route\""
                ));
            }
        }
    }
    for group in &plan.groups {
        for neighbor in &group.neighbors {
            text.line(format_args!(
                "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}",
                neighbor.address, neighbor.asn.0
            ));
            text.line("  [neighbors.transport.config]\n    passive-mode = true");
            text.line(format_args!("  [neighbors.timers.config]\n    hold-time = {HOLD}"));
            text.line(format_args!("    keepalive-interval = {}", HOLD / 3));
            if group.clients {
                text.line("  [neighbors.route-reflector.config]\n    route-reflector-client = true");
                text.line(format_args!("    route-reflector-cluster-id = \"{ADDRESS}\""));
            }
            for family in ["ipv4", "ipv6"].into_iter().take(1 + usize::from(plan.v6)) {
                text.line(format_args!(
                    "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}-unicast\""
                ));
            }
        }
    }
    if imports || exports {
        sets(&mut text, plan);
        text.line(policies.0);
    }
    text.0
}

impl GobgpRouter {
    pub(super) fn start(host: &Host, plan: &Plan) -> Result<Self, Error> {
        let text = render(plan);
        Ok(Self { host: host.clone(), gobgp: GoBgp::start(host, &text)?, text })
    }
}

fn ask(words: &str) -> Ask {
    let all = format!("gobgp -u 127.0.0.1 -p 50051 {words}");
    Ask::Program(all.split_whitespace().map(str::to_owned).collect())
}

impl Router for GobgpRouter {
    fn pids(&mut self) -> Vec<u32> {
        vec![self.gobgp.process().pid()]
    }

    fn check(&mut self) -> Result<(), Error> {
        self.gobgp.process().check()
    }

    fn configs(&self) -> Vec<(String, String)> {
        vec![("gobgpd.toml".to_owned(), self.text.clone())]
    }

    fn reconfigure(&mut self, plan: &Plan) -> Result<(), Error> {
        self.text = render(plan);
        self.host.file("gobgpd.toml", &self.text)?;
        self.gobgp.process().signal(Signal::SIGHUP);
        // It says nothing when it has read the file, and applies it only to what is asked for afterwards.
        thread::sleep(Duration::from_millis(200));
        self.gobgp.gobgp("neighbor all softresetin")?;
        self.gobgp.gobgp("neighbor all softresetout").map(drop)
    }

    fn ask(&self) -> Ask {
        ask("global rib -j")
    }

    fn shows(&self, prefix: Prefix) -> Vec<Show> {
        shows(&SHOWS, prefix, |_, words| ask(&words))
    }

    fn crash(&mut self, meanwhile: &mut dyn FnMut()) -> Result<(), Error> {
        self.gobgp.process().kill();
        meanwhile();
        self.gobgp = GoBgp::start(&self.host, &self.text)?;
        Ok(())
    }
}
