//! OSPF's calculation.

use std::time::{Duration, Instant};

use crate::Work;
use crate::network::{AREA, grid, model, router_lsa};

/// All routes of a grid of 1,024 routers, after a change of this router's own links.
pub(crate) fn full(_: usize) -> Work {
    let net = grid(32);
    let now = Instant::now();
    let mut model = model(&net, false, now);
    model.run(now);
    let mut cheap = net;
    let (to, cost) = cheap[0][0];
    cheap[0][0] = (to, cost + 1);
    let lsa = router_lsa(&cheap, 0, 1);
    let now = now + Duration::from_secs(60);
    model.install(AREA, &lsa, now);
    let before = model.spf().full;
    Box::new(move || {
        model.run(now);
        (model.spf().full - before) as usize
    })
}
