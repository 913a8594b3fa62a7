use super::*;

fn parse(edit: impl Fn(&str) -> String) -> Result<Topology, TopologyError> {
    let text = edit(include_str!("../hybrid-cloud/topology.json"));
    Topology::parse(Path::new("plan.json"), &text, |_| Ok(String::new()))
}

#[test]
fn the_built_in_plan_is_valid() {
    let plan = Topology::hybrid_cloud().unwrap();
    assert_eq!(plan.routers.len(), 2);
    assert!(plan.routers[0].config.contains("router bgp 65503"));
}

#[test]
fn mistakes_name_their_place_and_the_fix() {
    for (from, to, expected) in [
        (
            r#""cut": "overlay""#,
            r#""cut": "nothing""#,
            "known are internet, second provider, overlay, backup",
        ),
        (
            r#""router": "t1", "interface": "wg1""#,
            r#""router": "t9", "interface": "wg1""#,
            "known are t1, t2",
        ),
        (r#""interface": "wg1""#, r#""interface": "wg0""#, "t1 wg0 is used for two things"),
        (r#""over": "internet""#, r#""over": "overlay""#, "link overlay is a tunnel over overlay"),
        (r#""10.1.2.1/30""#, r#""10.1.2.1""#, "'10.1.2.1' is not an address"),
        (r#""10.1.2.1/30""#, r#""10.1.2.1/33""#, "'10.1.2.1/33' is not an address"),
        (r#""bridges": ["br0"]"#, r#""bridges": []"#, "names br0, which does not exist"),
        (r#""name": "t1""#, r#""name": "../t1""#, "cannot be a router's name"),
        (r#""interface": "wg1""#, r#""interface": "an-interface-name""#, "cannot be an interface"),
        (r#""links""#, r#""lines""#, "plan.json:29:"),
    ] {
        let error = parse(|text| text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}
