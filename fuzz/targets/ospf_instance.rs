#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ferr_fuzz::ospf_instance::run(input));
