//! BFD, with FRR's bfdd and with BIRD.

use std::time::{Duration, Instant};

use ferr_interop::bfd::{
    bfd_conf, changes, frr_session, neighbor, wait_bird, wait_change, wait_frr, with_bfd,
};
use ferr_interop::{Pair, THEM, THEM6, our_conf, wait_their_routes};
use ferr_testnet::rivals::{Bird, Frr, Rival};
use ferr_testnet::{Error, Ferrd};
use nix::sys::signal::Signal;

const US: &str = "192.0.2.1";
const US6: &str = "2001:db8:12::1";
/// What FRR is told beside its sessions of BGP: timers of a profile, so that they can be changed.
const FRR_BFD: &str = "
bfd
 profile timers
  detect-multiplier 3
  receive-interval 100
  transmit-interval 100
 exit
exit
router bgp 65002
 neighbor 192.0.2.1 bfd
 neighbor 192.0.2.1 bfd profile timers
 neighbor 2001:db8:12::1 bfd
 neighbor 2001:db8:12::1 bfd profile timers
exit
";
const BIRD_BFD: &str =
    "protocol bfd { interface \"*\" { interval 100 ms; idle tx interval 500 ms; multiplier 3; };
  multihop { interval 100 ms; idle tx interval 500 ms; multiplier 3; }; }\n";

fn ours() -> String {
    bfd_conf("", &our_conf(" neighbor 192.0.2.2 bfd 3 100 100\n neighbor 2001:db8:12::2 bfd 3 100 100"))
}

/// Waits until FRR has made its session with us for good: it does so anew when BGP is up and has told it the interface, which ends BGP
/// once more. Gives the number of times that ours came up until then.
fn settled(ferrd: &mut Ferrd, frr: &Frr, us: &str, them: &str) -> Result<usize, Error> {
    ferrd.process().check()?;
    ferr_testnet::wait_until(Duration::from_secs(30), format!("FRR to settle with {us}"), || {
        let session = frr_session(frr, us).map_err(|e| e.to_string())?.unwrap_or_default();
        let fine = session["status"] == "up" && session["interface"] == "eth0";
        if fine { Ok(()) } else { Err(session.to_string()) }
    })?;
    ferrd.wait_peer(them, "Established")?;
    Ok(changes(ferrd, them, "up"))
}

fn both_up(pair: &Pair) -> Result<(Ferrd, Frr), Error> {
    let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours())?;
    let frr = Frr::start_with_bfd(&pair.them, &format!("{}{FRR_BFD}", super::frr::CONF))?;
    for (us, them) in [(US, THEM), (US6, THEM6)] {
        settled(&mut ferrd, &frr, us, them)?;
    }
    Ok((ferrd, frr))
}

/// What a test that must not lose a session compares.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    ups: usize,
    downs: usize,
    established: u64,
    state: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Before([Counts; 2]);

impl Before {
    fn of(ferrd: &mut Ferrd) -> Result<Self, Error> {
        let mut counts = |peer: &str| {
            let (ups, downs) = (changes(ferrd, peer, "up"), changes(ferrd, peer, "down"));
            let (state, established, _) = neighbor(ferrd, peer)?;
            Ok::<_, Error>(Counts { ups, downs, established, state })
        };
        Ok(Self([counts(THEM)?, counts(THEM6)?]))
    }
}

#[test]
fn frr_s_timers_change_while_up() -> Result<(), Error> {
    with_bfd("bfdtimers", &[Rival::Frr], |pair| {
        let (mut ferrd, frr) = both_up(pair)?;
        let before = Before::of(&mut ferrd)?;
        let received = |seconds: u64| -> Result<u64, Error> {
            let count = || {
                let all = frr.json("show bfd peers counters json")?;
                let one = all.as_array().into_iter().flatten().find(|c| c["peer"] == US);
                Ok::<_, Error>(one.and_then(|c| c["control-packet-input"].as_u64()).unwrap_or_default())
            };
            let before = count()?;
            std::thread::sleep(Duration::from_secs(seconds));
            Ok(count()? - before)
        };
        let fast = received(2)?;
        assert!(fast >= 12, "{fast} packets in 2 s at 100 ms");
        // Slower than what was the detection time: who does not follow loses the session.
        frr.configure(&["bfd", "profile timers", "receive-interval 1000", "transmit-interval 1000"])?;
        let session = wait_frr(&frr, US, "up")?;
        assert_eq!(session["remote-receive-interval"], 100, "{session}");
        std::thread::sleep(Duration::from_secs(1));
        let slow = received(3)?;
        assert!(slow <= 6, "{slow} packets in 3 s at 1 s");
        frr.configure(&["bfd", "profile timers", "receive-interval 60", "transmit-interval 60"])?;
        frr.configure(&["bfd", "profile timers", "detect-multiplier 5"])?;
        std::thread::sleep(Duration::from_secs(2));
        let fast = received(2)?;
        assert!(fast >= 12, "{fast} packets in 2 s at 100 ms");
        assert_eq!(Before::of(&mut ferrd)?, before, "{}", ferrd.process().log_tail(10));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn frr_holding_a_session_down_tears_no_bgp_down() -> Result<(), Error> {
    with_bfd("bfdadmin", &[Rival::Frr], |pair| {
        let (mut ferrd, frr) = both_up(pair)?;
        let before = Before::of(&mut ferrd)?;
        frr.configure(&["bfd", "profile timers", "shutdown"])?;
        for peer in [THEM, THEM6] {
            wait_change(&mut ferrd, peer, "held down", 1)?;
        }
        // Longer than any detection time.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(Before::of(&mut ferrd)?, before, "{}", ferrd.process().log_tail(10));
        wait_their_routes(&pair.us)?;
        frr.configure(&["bfd", "profile timers", "no shutdown"])?;
        for (us, them) in [(US, THEM), (US6, THEM6)] {
            wait_frr(&frr, us, "up")?;
            let ups = before.0[usize::from(them == THEM6)].ups;
            wait_change(&mut ferrd, them, "up", ups + 1)?;
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn frr_dying_silently_resets_bgp_and_either_side_may_restart() -> Result<(), Error> {
    with_bfd("bfddies", &[Rival::Frr], |pair| {
        let (mut ferrd, mut frr) = both_up(pair)?;
        let before = Before::of(&mut ferrd)?;
        let stopped = Instant::now();
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGSTOP));
        for (peer, counts) in [THEM, THEM6].into_iter().zip(&before.0) {
            let down = wait_change(&mut ferrd, peer, "down", counts.downs + 1)?;
            assert!(down - stopped < Duration::from_secs(3), "{:?}", down - stopped);
            pair.us.wait(10, format!("BGP with {peer} to be reset"), || {
                let (state, _, reason) = neighbor(&ferrd, peer).map_err(|e| e.to_string())?;
                let reset = state != "Established" && reason == "BFD down received";
                if reset { Ok(()) } else { Err(format!("{state}, {reason}")) }
            })?;
        }
        ferr_interop::wait_no_routes(&pair.us)?;
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGCONT));
        wait_their_routes(&pair.us)?;
        for (peer, counts) in [THEM, THEM6].into_iter().zip(&before.0) {
            wait_change(&mut ferrd, peer, "up", counts.ups + 1)?;
        }

        // Ours is killed and comes back, sooner than FRR misses it, or later.
        for wait in [0, 1] {
            let before = frr_session(&frr, US)?.unwrap_or_default();
            ferrd.process().kill();
            std::thread::sleep(Duration::from_secs(wait));
            ferrd.restart()?;
            pair.us.wait(20, "a session with another discriminator", || {
                let now = frr_session(&frr, US).map_err(|e| e.to_string())?.unwrap_or_default();
                let anew = now["status"] == "up" && now["remote-id"] != before["remote-id"];
                if anew { Ok(()) } else { Err(format!("{now}")) }
            })?;
            wait_their_routes(&pair.us)?;
        }

        let (ups, downs) = (changes(&mut ferrd, THEM, "up"), changes(&mut ferrd, THEM, "down"));
        frr.processes().iter_mut().rev().for_each(ferr_testnet::Process::kill);
        drop(frr);
        wait_change(&mut ferrd, THEM, "down", downs + 1)?;
        let frr = Frr::start_with_bfd(&pair.them, &format!("{}{FRR_BFD}", super::frr::CONF))?;
        wait_change(&mut ferrd, THEM, "up", ups + 1)?;
        wait_their_routes(&pair.us)?;

        // An orderly end is no failure: the peer hears so.
        ferrd.process().stop();
        let session = wait_frr(&frr, US, "down")?;
        assert_eq!(session["remote-diagnostic"], "administratively down", "{session}");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn bird_over_both_families_dies_and_restarts() -> Result<(), Error> {
    with_bfd("bfdbird", &[Rival::Bird], |pair| {
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours())?;
        let conf =
            format!("{BIRD_BFD}{}", super::bird::CONF.replace("hold time 9;", "hold time 90; bfd on;"));
        let mut bird = Bird::start(&pair.them, &conf)?;
        for (us, them) in [(US, THEM), (US6, THEM6)] {
            wait_bird(&bird, us, "Up")?;
            wait_change(&mut ferrd, them, "up", 1)?;
        }
        wait_their_routes(&pair.us)?;
        bird.process().signal(Signal::SIGSTOP);
        for peer in [THEM, THEM6] {
            wait_change(&mut ferrd, peer, "down", 1)?;
        }
        ferr_interop::wait_no_routes(&pair.us)?;
        bird.process().signal(Signal::SIGCONT);
        wait_their_routes(&pair.us)?;
        for (us, them) in [(US, THEM), (US6, THEM6)] {
            wait_bird(&bird, us, "Up")?;
            wait_change(&mut ferrd, them, "up", 2)?;
        }
        bird.process().kill();
        wait_change(&mut ferrd, THEM, "down", 2)?;
        bird.restart()?;
        wait_change(&mut ferrd, THEM, "up", 3)?;
        wait_their_routes(&pair.us)?;
        ferrd.process().kill();
        wait_bird(&bird, US, "Down")?;
        ferrd.restart()?;
        wait_bird(&bird, US, "Up")?;
        wait_their_routes(&pair.us)
    })?;
    Ok(())
}

#[test]
fn link_local_peers_have_sessions_too() -> Result<(), Error> {
    with_bfd("bfdlocal", &[Rival::Frr], |pair| {
        pair.us.addr("eth0", "fe80::a/64")?;
        pair.them.addr("eth0", "fe80::b/64")?;
        let conf = |own: u8, other: u8, addr: &str, kind: &str| {
            format!(
                "ipv6 route 2001:db8:{own}::/48 blackhole\nrouter bgp 6500{own}\n bgp router-id 10.0.0.{own}\n \
                 no bgp ebgp-requires-policy\n neighbor {addr} remote-as 6500{other}\n neighbor {addr} interface eth0\n \
                 neighbor {addr} timers 3 9\n neighbor {addr} timers connect 1\n neighbor {addr} {kind}\n \
                 address-family ipv6 unicast\n  network 2001:db8:{own}::/48\n  neighbor {addr} activate\n \
                 exit-address-family\nexit\n"
            )
        };
        let mut ferrd =
            Ferrd::start(&pair.us, &pair.program, &bfd_conf("", &conf(1, 2, "fe80::b", "bfd 3 100 100")))?;
        let mut frr = Frr::start_with_bfd(&pair.them, &conf(2, 1, "fe80::a", "bfd"))?;
        let ups = settled(&mut ferrd, &frr, "fe80::a", "fe80::b")?;
        let downs = changes(&mut ferrd, "fe80::b", "down");
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGSTOP));
        wait_change(&mut ferrd, "fe80::b", "down", downs + 1)?;
        frr.processes().iter_mut().for_each(|p| p.signal(Signal::SIGCONT));
        wait_change(&mut ferrd, "fe80::b", "up", ups + 1)?;
        Ok(())
    })?;
    Ok(())
}

/// Puts a router between the two, and gives both a loopback that the other reaches through it.
fn far_apart(pair: &Pair) -> Result<ferr_testnet::Host, Error> {
    let mid = pair.net.host("mid")?;
    mid.sysctl("net.ipv4.ip_forward", "1")?;
    mid.sysctl("net.ipv6.conf.all.forwarding", "1")?;
    for (host, own, link) in [(&pair.us, 1, "m1"), (&pair.them, 2, "m2")] {
        pair.net.link(host, "eth1", &mid, link)?;
        host.addr("eth1", &format!("198.51.{own}.1/24"))?;
        mid.addr(link, &format!("198.51.{own}.254/24"))?;
        host.addr("eth1", &format!("2001:db8:a{own}::1/64"))?;
        mid.addr(link, &format!("2001:db8:a{own}::fe/64"))?;
        host.addr("lo", &format!("10.255.0.{own}/32"))?;
        host.addr("lo", &format!("2001:db8:ff::{own}/128"))?;
        mid.ip(&format!("route add 10.255.0.{own}/32 via 198.51.{own}.1"))?;
        mid.ip(&format!("route add 2001:db8:ff::{own}/128 via 2001:db8:a{own}::1"))?;
    }
    Ok(mid)
}

fn far_conf(own: u8, other: u8, bfd: &str) -> String {
    let mut text = format!(
        "ip route 10.255.0.{other}/32 198.51.{own}.254\nipv6 route 2001:db8:ff::{other}/128 2001:db8:a{own}::fe\n\
         ip route 10.{own}.0.0/16 blackhole\nrouter bgp 6500{own}\n bgp router-id 10.255.0.{own}\n \
         no bgp ebgp-requires-policy\n"
    );
    for addr in [format!("10.255.0.{other}"), format!("2001:db8:ff::{other}")] {
        for line in [
            &format!("remote-as 6500{other}"),
            "ebgp-multihop 5",
            "update-source lo",
            "timers 10 30",
            "timers connect 1",
            bfd,
        ] {
            text.push_str(&format!(" neighbor {addr} {line}\n"));
        }
    }
    text + &format!(
        " address-family ipv4 unicast\n  network 10.{own}.0.0/16\n exit-address-family\n \
             address-family ipv6 unicast\n  neighbor 2001:db8:ff::{other} activate\n exit-address-family\nexit\n"
    )
}

#[test]
fn multihop_between_loopbacks_with_frr() -> Result<(), Error> {
    let sent = with_bfd("bfdmulti", &[Rival::Frr], |pair| {
        let mid = far_apart(pair)?;
        let conf = bfd_conf("", &far_conf(1, 2, "bfd 3 100 100"));
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let frr = Frr::start_with_bfd(&pair.them, &far_conf(2, 1, "bfd"))?;
        let peers = [("10.255.0.1", "10.255.0.2"), ("2001:db8:ff::1", "2001:db8:ff::2")];
        for (us, them) in peers {
            ferrd.wait_peer(them, "Established")?;
            let session = wait_frr(&frr, us, "up")?;
            assert_eq!(session["multihop"], true, "{session}");
            wait_change(&mut ferrd, them, "up", 1)?;
        }
        mid.black_hole("m1")?;
        for (_, them) in peers {
            wait_change(&mut ferrd, them, "down", 1)?;
            assert_eq!(neighbor(&ferrd, them)?.2, "BFD down received");
        }
        mid.heal("m1")?;
        for (us, them) in peers {
            wait_change(&mut ferrd, them, "up", 2)?;
            wait_frr(&frr, us, "up")?;
            ferrd.wait_peer(them, "Established")?;
        }
        Ok(())
    })?;
    assert!(sent.is_none_or(|sent| sent.multihop > 0 && sent.single_hop == 0), "{sent:?}");
    Ok(())
}

#[test]
fn multihop_between_loopbacks_with_bird() -> Result<(), Error> {
    let sent = with_bfd("bfdbirdm", &[Rival::Bird], |pair| {
        let _mid = far_apart(pair)?;
        // BIRD sends over several hops with the system's TTL, of which the number of hops says nothing.
        let profile =
            " profile bird\n  minimum-ttl 60\n  receive-interval 100\n  transmit-interval 100\n exit\n";
        let conf = bfd_conf(profile, &far_conf(1, 2, "bfd profile bird"));
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &conf)?;
        let mut conf = format!(
            "router id 10.255.0.2;\nprotocol device {{}}\nprotocol kernel {{ ipv4 {{ export all; }}; }}\n{BIRD_BFD}\
            protocol static s4 {{ ipv4; route 10.255.0.1/32 via 198.51.2.254; route 10.2.0.0/16 blackhole; }}\n\
            protocol static s6 {{ ipv6; route 2001:db8:ff::1/128 via 2001:db8:a2::fe; }}\n\
            protocol kernel {{ ipv6 {{ export all; }}; }}\n"
        );
        for (name, us, them, family) in
            [("v4", "10.255.0.1", "10.255.0.2", "ipv4"), ("v6", "2001:db8:ff::1", "2001:db8:ff::2", "ipv6")]
        {
            conf.push_str(&format!(
                "protocol bgp {name} {{ local {them} as 65002; neighbor {us} as 65001; multihop 5; bfd on;\n  \
                 connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
                 {family} {{ import all; export where source = RTS_STATIC; }}; }}\n"
            ));
        }
        let mut bird = Bird::start(&pair.them, &conf)?;
        for (us, them) in [("10.255.0.1", "10.255.0.2"), ("2001:db8:ff::1", "2001:db8:ff::2")] {
            wait_bird(&bird, us, "Up")?;
            wait_change(&mut ferrd, them, "up", 1)?;
            ferrd.wait_peer(them, "Established")?;
        }
        bird.process().signal(Signal::SIGSTOP);
        wait_change(&mut ferrd, "10.255.0.2", "down", 1)?;
        bird.process().signal(Signal::SIGCONT);
        wait_change(&mut ferrd, "10.255.0.2", "up", 2).map(drop)
    })?;
    assert!(sent.is_none_or(|sent| sent.multihop > 0 && sent.single_hop == 0), "{sent:?}");
    Ok(())
}

#[test]
fn a_peer_that_speaks_the_other_hop_mode_is_told() -> Result<(), Error> {
    with_bfd("bfdhops", &[Rival::Frr], |pair| {
        let mut ferrd = Ferrd::start(&pair.us, &pair.program, &ours())?;
        let bfd = "bfd\n peer 192.0.2.1 multihop local-address 192.0.2.2\n  no shutdown\n exit\nexit\n";
        let _frr = Frr::start_with_bfd(&pair.them, &format!("{}{bfd}", super::frr::CONF))?;
        ferrd.wait_peer(THEM, "Established")?;
        pair.us.wait(20, "our log to tell of the wrong port", || {
            let log = ferrd.process().log();
            let told =
                log.lines().any(|l| l.contains("peer 192.0.2.2 vrf default speaks port 4784, we speak 3784"));
            if told { Ok(()) } else { Err(ferrd.process().log_tail(5)) }
        })?;
        // A session that never came up tears nothing down.
        assert_eq!(neighbor(&ferrd, THEM)?.1, 1);
        Ok(())
    })?;
    Ok(())
}
