//! The RIB, from a protocol's words to operations for the kernel.

use std::sync::Arc;
use std::time::Instant;

use ferr_types::RouteUpdate;

use crate::Work;
use crate::prefixes::of_either;
use crate::rib_common::{drain, key, spec, with_link};

/// Routes are selected, sent and acknowledged.
pub(crate) fn install(count: usize) -> Work {
    let now = Instant::now();
    let mut rib = with_link(now);
    let spec = Arc::new(spec(0, 2));
    let updates = of_either(count).into_iter().map(|p| RouteUpdate::Set(key(p), spec.clone()));
    let updates: Vec<RouteUpdate> = updates.collect();
    Box::new(move || {
        let mut done = 0;
        for batch in updates.chunks(1024) {
            rib.apply(now, batch);
            done += drain(&mut rib, now);
        }
        // Beside the routes their group and its member.
        done.saturating_sub(2)
    })
}
