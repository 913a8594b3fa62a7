//! A radix heap: distances never fall below the last one taken, so each entry moves at most 32 times.

/// Set on a vertex that is to come after others at the same distance.
const LATE: u32 = 1 << 31;

/// Vertices by distance; at equal distances networks come before routers (RFC 2328 section 16.1 step 3).
#[derive(Debug)]
pub(crate) struct RadixHeap {
    last: u32,
    /// At the last distance: networks, then routers.
    now: [Vec<u32>; 2],
    /// By the highest bit that differs from the last distance.
    buckets: [Vec<(u32, u32)>; 32],
}

impl RadixHeap {
    pub(crate) fn new() -> Self {
        Self { last: 0, now: [Vec::new(), Vec::new()], buckets: std::array::from_fn(|_| Vec::new()) }
    }

    /// Puts a vertex in, at a distance not below the last one taken.
    #[inline]
    pub(crate) fn push(&mut self, distance: u32, vertex: u32, router: bool) {
        let entry = if router { vertex | LATE } else { vertex };
        self.put(distance, entry);
    }

    #[inline]
    fn put(&mut self, distance: u32, entry: u32) {
        match (distance ^ self.last).checked_ilog2() {
            Some(bit) => self.buckets[bit as usize].push((distance, entry)),
            None => self.now[(entry >> 31) as usize].push(entry & !LATE),
        }
    }

    /// Takes the nearest vertex.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u32, u32)> {
        loop {
            let [networks, routers] = &mut self.now;
            if let Some(vertex) = networks.pop().or_else(|| routers.pop()) {
                return Some((self.last, vertex));
            }
            let bucket = self.buckets.iter().position(|bucket| !bucket.is_empty())?;
            let entries = std::mem::take(&mut self.buckets[bucket]);
            self.last = entries.iter().map(|e| e.0).min()?;
            for &(distance, entry) in &entries {
                self.put(distance, entry);
            }
            // All went into lower buckets; the room is kept.
            self.buckets[bucket] = entries;
            self.buckets[bucket].clear();
        }
    }
}
