//! Decoding well-formed UPDATEs with a warm scratch does not touch the heap.
#![allow(unsafe_code, clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{add_path, as_path, attr, body, ctx, ebgp, mandatory, mp_reach_v6, next_hop, origin};
use ferr_bgp_wire::{PeerKind, Scratch, SessionContext, Update, frame};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn warm_decoding_allocates_nothing() {
    let as2 = SessionContext { as4: false, ..ebgp() };
    let extra = [attr(0xc0, 8, &[0; 40]), attr(0xc0, 99, &[1; 30]), attr(0xc0, 32, &[0; 24])].concat();
    let two_octet = [
        origin(),
        attr(0x40, 2, &[2, 2, 0x5b, 0xa0, 0x5b, 0xa0]),
        next_hop(),
        attr(0xc0, 17, &[2, 1, 0, 1, 0, 0]),
    ];
    let messages = [
        (ebgp(), body(&[8, 10], &[mandatory(), extra].concat(), &[8, 10, 24, 1, 2, 3])),
        (ebgp(), body(&[], &[origin(), mp_reach_v6(), as_path()].concat(), &[])),
        (as2, body(&[], &two_octet.concat(), &[0])),
        (add_path(ctx(PeerKind::Ebgp)), body(&[0, 0, 0, 1, 8, 10], &[], &[])),
    ];
    let mut scratch = Scratch::default();
    let mut run = || {
        let mut prefixes = 0;
        for (ctx, body) in &messages {
            let _ = frame(body, 4096);
            let update = Update::decode(body, ctx, &mut scratch).unwrap();
            assert!(update.errors.is_empty());
            prefixes += update.withdrawn.iter().count() + update.announced.iter().count();
            prefixes += update.mp_reach.map_or(0, |r| r.nlri.iter().count());
        }
        prefixes
    };
    assert_eq!(run(), 6);
    let before = ALLOCATIONS.get();
    assert_eq!(run(), 6);
    assert_eq!(ALLOCATIONS.get(), before);
}
