//! The order in which a VRF and what belongs to it appear leaves no trace.

use ferr_testnet::{Error, Ferrd, FerrdProgram, Net};
use ferr_vm_tests::{Entry, in_kernel, table, wait_table};

use crate::set_up::{ROUTES, addresses, ours, pair, theirs, vrf, wait_state};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Vrf,
    Enslave,
    Addresses,
    Daemon,
}

/// All orders in which a link is enslaved after its VRF is made.
fn orders() -> Vec<[Step; 4]> {
    use Step::{Addresses, Daemon, Enslave, Vrf};
    let all = [Vrf, Enslave, Addresses, Daemon];
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order: [Step; 4] = std::array::from_fn(|i| all[code >> (2 * i) & 3]);
        let place = |step| order.iter().position(|s| *s == step);
        let complete = all.iter().all(|s| order.contains(s));
        if complete && place(Vrf) < place(Enslave) {
            orders.push(order);
        }
    }
    orders
}

/// Ends with the tables of VRF and default.
fn run(program: &FerrdProgram, order: [Step; 4]) -> Result<[Vec<Entry>; 2], Error> {
    let net = Net::new("order")?;
    let (us, them) = pair(&net)?;
    let _other = Ferrd::start(&them, program, &theirs(2, Some("key"), false))?;
    let mut ferrd = None;
    for step in order {
        match step {
            Step::Vrf => vrf(&us, "blue", 10)?,
            Step::Enslave => {
                us.ip("link set eth0 master blue")?;
                if order.iter().position(|s| *s == Step::Addresses)
                    < order.iter().position(|s| *s == Step::Enslave)
                {
                    // The kernel takes IPv6 addresses away when a link changes its VRF.
                    us.ip("addr replace 2001:db8:12::1/64 dev eth0 nodad")?;
                }
            }
            Step::Addresses => addresses(&us)?,
            Step::Daemon => ferrd = Some(Ferrd::start(&us, program, &ours("blue", Some("key"), false))?),
        }
    }
    if let Some(ferrd) = &ferrd {
        wait_state(ferrd, "blue", true)?;
    }
    wait_table(&us, 10, &ROUTES)?;
    Ok([table(&us, 10)?, table(&us, 254)?])
}

fn same_end(test: &str, half: usize) -> Result<(), Error> {
    in_kernel(test, |program| {
        let orders = orders();
        assert_eq!(orders.len(), 12);
        let mut first = None;
        for order in orders.into_iter().skip(half).step_by(2) {
            println!("{order:?}");
            let end = run(program, order)?;
            assert_eq!(first.get_or_insert_with(|| end.clone()), &end, "{order:?}");
        }
        Ok(())
    })
}

#[test]
fn even() -> Result<(), Error> {
    same_end("order::even", 0)
}

#[test]
fn odd() -> Result<(), Error> {
    same_end("order::odd", 1)
}
