//! Interning of attributes and the decision: `cargo bench -p ferr-bgp`.
//!
//! Figures are in docs/benchmarks.md. `cargo test --all-targets` runs each once.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ferr_bgp::config::BestpathConfig;
use ferr_bgp::decision::{Candidate, NexthopId, Path, PathIdx, select};
use ferr_bgp::{AttrId, AttrStore, DecisionKey};
use ferr_types::aspath::AsPathBuf;
use ferr_types::attr::{BgpNexthop, Origin, PathAttributes};
use ferr_types::{Asn, Metric, PeerId, RouterId};

/// Attribute sets; a full table has about 180,000, so that the index does not fit into the first-level cache either way.
const SETS: u32 = 20_000;

fn paths() -> Vec<AsPathBuf> {
    let path = |set: u32| {
        // Five hops is the mean of an Internet table.
        AsPathBuf::from_sequence([
            Asn(65100),
            Asn(3356),
            Asn(1299 + set % 97),
            Asn(20_000 + set),
            Asn(64_500 - set % 31),
        ])
    };
    (0..SETS).map(path).collect()
}

fn attributes(path: &AsPathBuf) -> PathAttributes<'_> {
    PathAttributes {
        as_path: path.as_path(),
        next_hop: Some(BgpNexthop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        med: Some(10),
        ..PathAttributes::default()
    }
}

fn fill(store: &mut AttrStore, paths: &[AsPathBuf]) -> Vec<AttrId> {
    paths.iter().map(|p| store.intern(&attributes(p), 100)).collect()
}

fn interning(c: &mut Criterion) {
    let paths = paths();
    let mut group = c.benchmark_group("intern");
    group.throughput(Throughput::Elements(u64::from(SETS)));
    group.bench_function("new", |b| {
        let empty = || AttrStore::new(1);
        b.iter_batched_ref(empty, |store| fill(store, &paths), BatchSize::LargeInput);
    });
    let mut store = AttrStore::new(1);
    fill(&mut store, &paths);
    group.bench_function("known, and released again", |b| {
        b.iter(|| {
            for path in &paths {
                let id = store.intern(&attributes(path), 100);
                store.release(black_box(id));
            }
        });
    });
    group.finish();
}

/// A path that ties with all others up to MED and metric, which is what a decision between upstreams looks like.
fn path(n: u32) -> (Path, DecisionKey) {
    let path = Path {
        attr: AttrId::NONE,
        peer: PeerId(n),
        path_id: 0,
        next: PathIdx::NIL,
        nexthop: NexthopId::NONE,
        stamp: 100,
        flags: 0,
        weight: 0,
    };
    let key = DecisionKey {
        local_pref: 100,
        med: n % 3,
        neighbor_as: Asn(65_000 + n % 4),
        path_len: 3,
        path_len_confed: 3,
        origin: Origin::Igp,
        has_med: true,
        cluster_len: 0,
        confed: false,
    };
    (path, key)
}

fn decision(c: &mut Criterion) {
    let config = BestpathConfig::default();
    let mut group = c.benchmark_group("decision");
    for count in [2, 8, 64] {
        let paths: Vec<_> = (0..count).map(path).collect();
        let candidates: Vec<Candidate<'_>> = (0..count)
            .zip(&paths)
            .map(|(n, (path, key))| Candidate {
                at: PathIdx(n),
                path,
                key,
                aigp: None,
                igp_metric: Metric(10),
                router_id: RouterId(Ipv4Addr::from_bits(0x0a00_0100 - n)),
                peer_addr: Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))),
            })
            .collect();
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_with_input(BenchmarkId::new("paths", count), &candidates, |b, candidates| {
            b.iter(|| select(black_box(candidates), &config));
        });
    }
    group.finish();
}

criterion_group!(benches, interning, decision);
criterion_main!(benches);
