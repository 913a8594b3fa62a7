//! What only minutes show; part of the full test.

use std::thread;
use std::time::Duration;

use ferr_testnet::Error;

use super::bed::{INNER_THEM, INNER_US, our_config, their_conf, with_bed};

fn full() -> bool {
    let full = std::env::var_os("FERR_TEST_FULL").is_some();
    if !full {
        println!("not part of the short test: set FERR_TEST_FULL=1");
    }
    full
}

#[test]
fn keys_are_exchanged_anew_without_a_gap() -> Result<(), Error> {
    if !full() {
        return Ok(());
    }
    with_bed("wgrekey", |bed| {
        let ours = bed.ours(&our_config())?;
        let _go = bed.theirs(&their_conf(""))?;
        bed.reaches(&bed.us, INNER_THEM, 10)?;
        let before = ours.peer().last_handshake;
        let to = INNER_THEM.parse().unwrap();
        for _ in 0..260 {
            bed.us.ping(None, to, Duration::from_secs(1))?;
            thread::sleep(Duration::from_millis(500));
        }
        assert!(ours.peer().last_handshake > before);
        Ok(())
    })
}

#[test]
fn after_minutes_of_silence_it_comes_back_by_itself() -> Result<(), Error> {
    if !full() {
        return Ok(());
    }
    with_bed("wgminutes", |bed| {
        let mut config = our_config();
        config.peers[0].keepalive = std::num::NonZeroU16::new(5);
        let ours = bed.ours(&config)?;
        // Long enough that a session inside is given up: 90 s.
        thread::sleep(Duration::from_secs(150));
        assert!(ours.peer().last_handshake.is_none());
        let go = bed.theirs(&their_conf(""))?;
        bed.us.wait(20, "a handshake without any data", || {
            ours.peer().last_handshake.map(drop).ok_or_else(|| "none".into())
        })?;
        bed.reaches(&bed.them, INNER_US, 5)?;
        drop(go);
        Ok(())
    })
}
