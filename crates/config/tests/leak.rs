//! `import vrf`.
#![allow(missing_docs)]

use ferr_config::model::bgp::{BgpFamily, InstanceName};
use ferr_config::{Part, parse, render};

const TEXT: &str = "\
router bgp 65001 vrf blue
 address-family ipv4 unicast
  import vrf red
  import vrf default
  import vrf route-map IMP
 exit-address-family
exit
";

#[test]
fn sources_and_one_map() {
    let outcome = parse("frr.conf", TEXT);
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    let af = &outcome.config.bgp[&InstanceName::Vrf("blue".to_owned())].afs[&BgpFamily::Ipv4Unicast];
    assert_eq!(af.imports.iter().collect::<Vec<_>>(), ["default", "red"]);
    assert_eq!(af.import_map.as_deref(), Some("IMP"));
    let text = render(&outcome.config, Part::Frr);
    assert!(text.contains("  import vrf route-map IMP\n  import vrf default\n  import vrf red\n"), "{text}");
    assert_eq!(parse("frr.conf", &text).config, outcome.config);
    let head = "router bgp 65001 vrf blue\naddress-family ipv4 unicast\n";
    let less = parse("frr.conf", &format!("{TEXT}{head}no import vrf red\nno import vrf route-map"));
    assert!(less.diagnostics.is_empty(), "{:?}", less.diagnostics);
    let af = &less.config.bgp[&InstanceName::Vrf("blue".to_owned())].afs[&BgpFamily::Ipv4Unicast];
    assert!(af.import_map.is_none() && af.imports.iter().eq(["default"]));
}
