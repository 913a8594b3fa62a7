#![no_main]

use ferr_fuzz::bgp;

// The first octet chooses the session.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((choice, body)) = input.split_first() {
        bgp::update(body, &bgp::session(*choice));
    }
});
