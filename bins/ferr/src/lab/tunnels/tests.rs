//! The VRF around a plain configuration.

use ferr_testnet::{Requirement, check, skipped};

use super::*;

#[test]
fn routes_speakers_and_sources_move_into_the_vrf() {
    let plain = "hostname x\nip route 2.1.1.1/32 10.1.1.2 wg0 bfd profile tunnel\nrouter bgp 65503\n neighbor 2.1.1.1 \
                 update-source lo\nexit\nipv6 route ::/0 blackhole\n";
    assert_eq!(
        in_vrf(plain),
        "vrf CORE\n ip route 2.1.1.1/32 10.1.1.2 wg0 bfd profile tunnel\n ipv6 route ::/0 blackhole\nexit-vrf\nhostname x\nrouter \
         bgp 65503 vrf CORE\n neighbor 2.1.1.1 update-source CORE\nexit\n"
    );
}

#[test]
fn the_built_in_routers_have_configurations_that_ours_takes_without_a_remark() {
    let plan = Topology::hybrid_cloud().unwrap();
    if let Err(reason) = check(&[Requirement::Program("ip"), Requirement::Namespaces]) {
        return skipped(&reason);
    }
    let net = Net::new("lab-text").unwrap();
    let keys = Keys::make(&plan).unwrap();
    for router in &plan.routers {
        let host = net.host(&router.name).unwrap();
        for vrf in [false, true] {
            let frr = if vrf { in_vrf(&router.config) } else { router.config.clone() };
            let own = own_conf(&plan, router, &host, &keys, vrf).unwrap();
            assert_eq!(own.contains("table 200"), vrf);
            let files = [host.file("frr.conf", &frr).unwrap(), host.file("ferr.conf", &own).unwrap()];
            let fine = format!("{:?}", std::process::ExitCode::SUCCESS);
            assert_eq!(format!("{:?}", ferrd::check(&files)), fine, "{frr}{own}");
            let key = host.dir().join("wg0.key");
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
