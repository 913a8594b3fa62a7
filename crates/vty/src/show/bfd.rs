//! `show bfd`, `clear bfd`, `doctor bfd`.
//!
//! Invariant: sessions are asked for in slices, so that ten thousand of them hold up neither the thread that keeps them nor others.

mod diagnosis;
mod doctor;
mod json;
mod neighbor;
mod text;

use std::net::IpAddr;

use ferr_state::{BfdClient, BfdName, BfdPeerView, Gone, Handle};
use serde_json::Value;

use crate::command::BfdAction;
use crate::json::{Obj, pretty_at};
use crate::output::{Outcome, Status, line};
use crate::pattern::Args;
use crate::show::Ctx;

/// Sessions per request.
const SLICE: usize = 64;
/// Name of the default VRF.
const DEFAULT: &str = "default";

/// Runs one of them.
pub(crate) async fn run(ctx: &mut Ctx<'_>, action: BfdAction, args: &Args) -> Outcome {
    match action {
        BfdAction::Peers => peers(ctx, args).await,
        BfdAction::Peer => peer(ctx, args).await,
        BfdAction::Clear => clear(ctx, args).await,
        BfdAction::Doctor => doctor::run(ctx, args).await,
    }
}

/// Goes through the sessions of one VRF or of all.
struct Sessions {
    vrf: Option<String>,
    after: Option<BfdName>,
}

impl Sessions {
    /// All that a line means; without `vrf` those of all VRFs.
    fn of(args: &Args) -> Self {
        Self { vrf: args.get("VRF").filter(|v| *v != "all").map(str::to_owned), after: None }
    }

    /// Those of one VRF, from `remote` on.
    fn from(vrf: &str, remote: IpAddr) -> Self {
        Self { vrf: Some(vrf.to_owned()), after: Some(BfdName::before(vrf, remote)) }
    }

    /// The next ones; none at the end.
    async fn next(&mut self, handle: &Handle) -> Result<Vec<BfdPeerView>, Gone> {
        let slice = handle.bfd_peers(self.vrf.clone(), self.after.clone(), SLICE).await?;
        if let Some(last) = slice.last() {
            self.after = Some(last.name.clone());
        }
        Ok(slice)
    }
}

/// What a table holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Full,
    Brief,
    Counters,
}

/// `show bfd peers`.
async fn peers(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let json = args.has("json");
    let form = match args.one_of(&["brief", "counters"]) {
        Some("brief") => Form::Brief,
        Some(_) => Form::Counters,
        None => Form::Full,
    };
    match form {
        _ if json => ctx.out.push("["),
        Form::Brief => {
            let total = ctx.handle().bfd_totals().await?.sessions;
            text::brief_head(&mut ctx.out, total);
        }
        Form::Full | Form::Counters => line!(ctx.out, "BFD Peers:"),
    }
    let mut sessions = Sessions::of(args);
    let mut first = true;
    loop {
        let slice = sessions.next(ctx.handle()).await?;
        if slice.is_empty() {
            break;
        }
        for view in &slice {
            match form {
                _ if json => {
                    let object: Value = object(view, form == Form::Counters).into();
                    let comma = if std::mem::take(&mut first) { "" } else { "," };
                    ctx.out.push(comma);
                    ctx.out.push("\n  ");
                    ctx.out.push(&pretty_at(&object, 1));
                }
                Form::Brief => text::brief(&mut ctx.out, view),
                Form::Full => text::peer(&mut ctx.out, view),
                Form::Counters => text::counters(&mut ctx.out, view),
            }
        }
        ctx.out.breathe().await?;
    }
    if json {
        ctx.out.push("\n]\n");
    }
    Ok(Status::Success)
}

fn object(view: &BfdPeerView, counters: bool) -> Obj {
    if counters { json::counters(view) } else { json::peer(view) }
}

/// A session that a line names.
enum Wanted {
    Address { remote: IpAddr, multihop: bool, local: Option<IpAddr>, interface: Option<String> },
    Discriminator(u32),
}

impl Wanted {
    fn of(args: &Args) -> Option<Self> {
        let word = args.after("peer")?;
        let Ok(remote) = word.parse() else { return word.parse().ok().map(Self::Discriminator) };
        Some(Self::Address {
            remote,
            multihop: args.has("multihop"),
            local: args.after("local-address").and_then(|a| a.parse().ok()),
            interface: args.get("IFNAME").map(str::to_owned),
        })
    }

    fn is(&self, view: &BfdPeerView) -> bool {
        match self {
            Self::Discriminator(number) => view.session.discriminator == *number,
            Self::Address { remote, multihop, local, interface } => {
                view.name.remote == *remote
                    && view.name.multihop == *multihop
                    && (local.is_none() || *local == view.name.local || *local == view.session.local)
                    && (interface.is_none()
                        || *interface == view.name.interface
                        || *interface == view.interface)
            }
        }
    }

    /// The first such session, in the VRF that the line names, else in the default one.
    async fn find(&self, ctx: &Ctx<'_>, args: &Args) -> Result<Option<BfdPeerView>, Gone> {
        let mut sessions = Sessions::of(args);
        let mut last = None;
        if let Self::Address { remote, .. } = self
            && args.get("VRF") != Some("all")
        {
            sessions = Sessions::from(args.get("VRF").unwrap_or(DEFAULT), *remote);
            last = Some(*remote);
        }
        loop {
            let slice = sessions.next(ctx.handle()).await?;
            let beyond = slice.last().is_none_or(|view| last.is_some_and(|last| view.name.remote != last));
            let found = slice.into_iter().find(|view| self.is(view));
            if found.is_some() || beyond {
                return Ok(found);
            }
        }
    }
}

async fn find(ctx: &mut Ctx<'_>, args: &Args) -> Result<Option<BfdPeerView>, Gone> {
    let found = match Wanted::of(args) {
        Some(wanted) => wanted.find(ctx, args).await?,
        None => None,
    };
    if found.is_none() {
        line!(ctx.out, "% Unable to find 'peer {}'", args.after("peer").unwrap_or_default());
    }
    Ok(found)
}

/// `show bfd peer A`.
async fn peer(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let Some(view) = find(ctx, args).await? else { return Ok(Status::ConfigFailed) };
    let counters = args.has("counters");
    if args.has("json") {
        ctx.out.push(&object(&view, counters).pretty());
    } else if counters {
        text::counters(&mut ctx.out, &view);
    } else {
        line!(ctx.out, "BFD Peer:");
        text::peer(&mut ctx.out, &view);
    }
    Ok(Status::Success)
}

/// `clear bfd peer A counters`.
async fn clear(ctx: &mut Ctx<'_>, args: &Args) -> Outcome {
    let Some(view) = find(ctx, args).await? else { return Ok(Status::ConfigFailed) };
    ctx.handle().bfd_clear_counters(view.name).await?;
    Ok(Status::Success)
}

pub(crate) use neighbor::{neighbor_info, neighbor_lines, neighbor_text};

/// The session that a BGP neighbor uses: of the instance in `vrf`, with the neighbor's address, on `interface` where that is known.
pub(crate) async fn of_neighbor(
    handle: &Handle,
    vrf: &str,
    remote: IpAddr,
    interface: Option<&str>,
) -> Result<Option<BfdPeerView>, Gone> {
    of_client(handle, &BfdClient::Bgp(vrf.to_owned()), vrf, remote, interface).await
}

/// The session with `remote` that a client uses.
pub(crate) async fn of_client(
    handle: &Handle,
    client: &BfdClient,
    vrf: &str,
    remote: IpAddr,
    interface: Option<&str>,
) -> Result<Option<BfdPeerView>, Gone> {
    let mut sessions = Sessions::from(vrf, remote);
    loop {
        let slice = sessions.next(handle).await?;
        let beyond = slice.last().is_none_or(|view| view.name.remote != remote);
        let found = slice.into_iter().find(|view| {
            let there = view.name.interface.as_deref().or(view.interface.as_deref());
            view.name.remote == remote
                && view.clients.contains(client)
                && interface.is_none_or(|i| there.is_none_or(|t| t == i))
        });
        if found.is_some() || beyond {
            return Ok(found);
        }
    }
}

/// What FRR calls a state.
const fn status(view: &BfdPeerView) -> &'static str {
    use ferr_state::ferr_bfd::State;
    match view.session.state {
        State::AdminDown => "shutdown",
        State::Down => "down",
        State::Init => "init",
        State::Up => "up",
    }
}

/// What FRR calls a diagnostic.
const fn diagnostic(diag: ferr_state::ferr_bfd::Diag) -> &'static str {
    match diag.value() {
        0 => "ok",
        1 => "control detection time expired",
        2 => "echo function failed",
        3 => "neighbor signaled session down",
        4 => "forwarding plane reset",
        5 => "path down",
        6 => "concatenated path down",
        7 => "administratively down",
        8 => "reverse concatenated path down",
        _ => "N/A",
    }
}

/// Timers of the peer, milliseconds; what FRR shows before the first packet.
struct RemoteTimers {
    detect_mult: u8,
    receive: u64,
    transmit: u64,
    echo_receive: u64,
}

impl RemoteTimers {
    fn of(view: &BfdPeerView) -> Self {
        let remote = &view.session.remote;
        let ms = |d: std::time::Duration| d.as_millis() as u64;
        if remote.detect_mult == 0 {
            return Self { detect_mult: 3, receive: 1000, transmit: 1000, echo_receive: 0 };
        }
        Self {
            detect_mult: remote.detect_mult,
            receive: ms(remote.receive),
            transmit: ms(remote.transmit),
            echo_receive: ms(remote.echo_receive),
        }
    }
}

/// Interval of echoes as configured, milliseconds; 0 without.
const fn echo_transmit(view: &BfdPeerView) -> u64 {
    use ferr_state::ferr_bfd::EchoMode;
    match view.session.echo {
        EchoMode::Off => 0,
        EchoMode::On { interval } | EchoMode::Unaffiliated { interval } => interval.as_millis() as u64,
    }
}
