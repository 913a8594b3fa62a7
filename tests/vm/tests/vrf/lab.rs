//! The two-site network as a whole, in a VRF: tunnels, speakers between loopbacks, BFD, and a tunnel that falls silent.

use std::process::Command;

use ferr_testnet::Error;
use ferr_vm_tests::in_kernel;
use serde_json::Value;

#[test]
fn the_sites_work_in_a_vrf() -> Result<(), Error> {
    in_kernel("lab::the_sites_work_in_a_vrf", |program| {
        let ferr = program.program.with_file_name("ferr");
        assert!(ferr.is_file(), "{} has to be built", ferr.display());
        let output = Command::new(&ferr)
            .args(["lab", "--json", "--transit", "built-in"])
            .output()
            .map_err(|source| Error::Io { what: ferr.display().to_string(), source })?;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stdout));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(report["vrf"], "CORE", "{told}");
        assert_eq!(report["tunnels"], true);
        assert_eq!(report["leaked"], Value::Array(Vec::new()));
        for kind in ["silent_cut", "cut"] {
            let after = report[kind]["after"].as_str().unwrap_or_default();
            assert!(after.contains("dev wg1") && !after.contains("dev wg0"), "{kind}: {report}");
            assert!(report[kind]["outage_milliseconds"].is_number(), "{kind}: {report}");
        }
        assert_eq!(report["silent_cut"]["sessions_kept"], true, "{report}");
        println!("silent: {} ms", report["silent_cut"]["outage_milliseconds"]);
        Ok(())
    })
}
