//! Statements that change how LSAs are told and kept: DoNotAge, refreshing together, opaque LSAs, routers that are not for transit.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ferr_ospf_wire::{Age, Body, LinkType, LinkV2, LsaType, Options, Version};
use ferr_policy::PolicySet;
use ferr_types::{AreaId, IfIndex, VrfId};

use super::{BACKBONE, Bed, OWN, PEER, Sent, THIRD, router_lsa, router_lsa_with, sequence};
use crate::config::{InstanceConfig, InterfaceConfig, InterfaceKey, NetworkType};
use crate::{Instance, Start};

const DNA: u16 = Age::DO_NOT_AGE;

/// The peer's router-LSA, with its link to us.
fn peer_lsa(n: i32, age: u16, options: Options) -> Vec<u8> {
    let link = LinkV2::new(LinkType::POINT_TO_POINT, OWN.0, Ipv4Addr::new(192, 0, 2, 2), 10);
    router_lsa_with(PEER, sequence(n), age, (options, &[link]))
}

#[test]
fn what_does_not_age_stays_as_long_as_its_originator() {
    let mut bed = Bed::full();
    bed.update(&[&peer_lsa(1, DNA | 5, Options::E | Options::DC)]);
    bed.update(&[&router_lsa(THIRD, sequence(1), DNA | 7)]);
    bed.wait(Duration::from_secs(3500));
    assert_eq!(bed.held(LsaType::ROUTER_V2, PEER).unwrap().age, Age(DNA | 5));
    assert_eq!(bed.held(LsaType::ROUTER_V2, THIRD).unwrap().age, Age(DNA | 7));
    bed.sent();
    // The third router is nowhere; within one more check its LSA is flushed.
    bed.wait(Duration::from_secs(1000));
    let flushed = bed.sent().into_iter().any(|s| match s {
        Sent::Update(lsas) => lsas.iter().any(|h| h.router == THIRD && h.age.is_max()),
        _ => false,
    });
    assert!(flushed);
    assert!(bed.held(LsaType::ROUTER_V2, THIRD).is_none_or(|h| h.age.is_max()));
    assert_eq!(bed.held(LsaType::ROUTER_V2, PEER).unwrap().age, Age(DNA | 5));
}

#[test]
fn own_lsas_stand_still_where_all_understand_it() {
    let mut bed = Bed::configured(|config| {
        config.areas.entry(AreaId::BACKBONE).or_default().flood_reduction = true;
    });
    bed.become_full();
    bed.update(&[&peer_lsa(1, 1, Options::E | Options::DC)]);
    bed.wait(Duration::from_secs(10));
    let own = bed.own_header().unwrap();
    assert!(own.age.is_do_not_age() && own.options.contains(Options::DC), "{own:?}");
    bed.ack(&[own]);
    bed.wait(Duration::from_secs(7000));
    assert_eq!(bed.own_header().unwrap().sequence, own.sequence, "nothing to refresh");
    // A router that does not understand it comes along.
    bed.update(&[&router_lsa(THIRD, sequence(1), 1)]);
    bed.wait(Duration::from_secs(10));
    let ages = bed.own_header().unwrap();
    assert!(!ages.age.is_do_not_age() && ages.sequence > own.sequence && ages.options.contains(Options::DC));
}

#[test]
fn own_lsas_are_refreshed_in_company() {
    let mut bed = Bed::configured(|config| config.refresh_interval = Duration::from_secs(400));
    let began = bed.now;
    bed.become_full();
    bed.wait(Duration::from_secs(10));
    let (mut last, mut times) = (bed.own_header().unwrap().sequence, Vec::new());
    while bed.now < began + Duration::from_secs(6000) {
        bed.wait(Duration::from_secs(1));
        let held = bed.own_header().unwrap();
        if held.sequence != last {
            last = held.sequence;
            times.push((bed.now - began).as_secs());
            bed.ack(&[held]);
        }
    }
    assert!(times.len() >= 3, "{times:?}");
    assert!(times.iter().all(|t| t % 400 <= 1), "{times:?}");
    assert!(times.windows(2).all(|w| (900..=1800).contains(&(w[1] - w[0]))), "{times:?}");
}

#[test]
fn opaque_lsas_are_a_matter_of_the_interface_too() {
    for (instance, interface) in [(true, true), (true, false), (false, true)] {
        let mut bed = Bed::configured(|config| {
            config.opaque = instance;
            config.interfaces.values_mut().for_each(|i| i.opaque = interface);
        });
        bed.hello();
        let options: Vec<Options> = bed
            .sent()
            .into_iter()
            .filter_map(|s| if let Sent::Dbd(dbd, _) = s { Some(dbd.options) } else { None })
            .collect();
        assert!(!options.is_empty());
        assert!(options.iter().all(|o| o.contains(Options::O) == (instance && interface)), "{options:?}");
    }
}

#[test]
fn a_stub_router_of_ospfv3_is_no_way() {
    for stub in [false, true] {
        #[allow(clippy::disallowed_methods)]
        let now = std::time::Instant::now();
        let mut config = InstanceConfig::new(Version::V3, VrfId::DEFAULT, "default", OWN);
        config.stub_router.administrative = stub;
        let mut interface = InterfaceConfig::new("eth0", AreaId::BACKBONE, NetworkType::PointToPoint);
        interface.link_local = Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
        config.interfaces.insert(InterfaceKey::Link(IfIndex(1), None), interface);
        let start = Start { seed: 1, boot_count: 1, restarting: None };
        let mut ospf = Instance::new(config, Arc::new(PolicySet::default()), start, now);
        ospf.handle_timeout(now + Duration::from_secs(1));
        let mut own = ospf.lsdb().of_type(BACKBONE, LsaType::ROUTER_V3).filter(|(k, _)| k.router == OWN);
        let (_, stored) = own.next().unwrap();
        let Ok(Body::RouterV3(body)) = stored.lsa(Version::V3).unwrap().body() else {
            panic!("no router-LSA")
        };
        assert_eq!(body.options.contains(Options::R), !stub);
        assert!(body.options.contains(Options::V6));
    }
}
