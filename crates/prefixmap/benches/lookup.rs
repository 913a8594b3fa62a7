//! Exact look-up and longest match in a full IPv4 table, beside `prefix-trie`: `cargo bench -p ferr-prefixmap`.
//!
//! Figures are in docs/benchmarks.md. `cargo test --all-targets` runs each once.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ferr_prefixmap::PrefixMap;
use ferr_types::Ipv4Prefix;

/// Routes of the table, about as many as the Internet has.
const ROUTES: u32 = 1_000_000;
/// Look-ups per round.
const LOOKUPS: usize = 10_000;

type Ours = PrefixMap<Ipv4Prefix, u32>;
/// Its key is an address and a length.
type Trie = prefix_trie::PrefixMap<(u32, u8), u32>;

/// Spreads numbers over 32 bits; odd factors make it one-to-one.
fn scatter(n: u32) -> u32 {
    n.wrapping_mul(2_654_435_761)
}

/// Lengths as the Internet has them: six of ten are /24, hardly any shorter than /16.
fn length(n: u32) -> u8 {
    match n % 10 {
        0..6 => 24,
        6 => 23,
        7 => 22,
        8 => 20,
        _ => 16 + (n / 10 % 4) as u8,
    }
}

fn prefixes() -> Vec<Ipv4Prefix> {
    let prefix = |n| {
        let len = length(n);
        Ipv4Prefix::from_bits(scatter(n) & (u32::MAX << (32 - len)), len)
    };
    (0..ROUTES).filter_map(prefix).collect()
}

fn tables(prefixes: &[Ipv4Prefix]) -> (Ours, Trie) {
    let (mut ours, mut trie) = (Ours::default(), Trie::default());
    for (n, prefix) in (0..).zip(prefixes) {
        ours.insert(*prefix, n);
        trie.insert((prefix.bits(), prefix.len()), n);
    }
    (ours, trie)
}

fn exact(c: &mut Criterion, ours: &Ours, trie: &Trie, prefixes: &[Ipv4Prefix]) {
    let wanted: Vec<_> = prefixes.iter().step_by(prefixes.len() / LOOKUPS).copied().collect();
    let mut group = c.benchmark_group("exact");
    group.throughput(Throughput::Elements(wanted.len() as u64));
    group.bench_function("ferr-prefixmap", |b| {
        b.iter(|| wanted.iter().filter_map(|p| ours.get(black_box(*p))).fold(0, |sum, v| sum ^ v));
    });
    group.bench_function("prefix-trie", |b| {
        let found = |p: &Ipv4Prefix| trie.get(black_box(&(p.bits(), p.len())));
        b.iter(|| wanted.iter().filter_map(found).fold(0, |sum, v| sum ^ v));
    });
    group.finish();
}

fn longest(c: &mut Criterion, ours: &Ours, trie: &Trie) {
    let addresses = (0..).map(|n| scatter(n ^ 0x5555_5555)).take(LOOKUPS);
    let hosts: Vec<_> = addresses.filter_map(|bits| Ipv4Prefix::from_bits(bits, 32)).collect();
    let mut group = c.benchmark_group("longest match");
    group.throughput(Throughput::Elements(hosts.len() as u64));
    group.bench_function("ferr-prefixmap", |b| {
        let found = |p: &Ipv4Prefix| ours.longest_match(black_box(*p)).map(|(_, v)| v);
        b.iter(|| hosts.iter().filter_map(found).fold(0, |sum, v| sum ^ v));
    });
    group.bench_function("prefix-trie", |b| {
        let found = |p: &Ipv4Prefix| trie.get_lpm(black_box(&(p.bits(), 32))).map(|(_, v)| v);
        b.iter(|| hosts.iter().filter_map(found).fold(0, |sum, v| sum ^ v));
    });
    group.finish();
}

fn each<T>(prefixes: &[Ipv4Prefix], mut insert: impl FnMut(Ipv4Prefix) -> T) {
    for prefix in prefixes {
        black_box(insert(*prefix));
    }
}

fn filling(c: &mut Criterion, prefixes: &[Ipv4Prefix]) {
    let mut group = c.benchmark_group("filling");
    group.sample_size(10).throughput(Throughput::Elements(prefixes.len() as u64));
    group.bench_function("ferr-prefixmap", |b| {
        b.iter_batched_ref(
            Ours::default,
            |map| each(prefixes, |p| map.insert(p, 0)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("prefix-trie", |b| {
        b.iter_batched_ref(
            Trie::default,
            |map| each(prefixes, |p| map.insert((p.bits(), p.len()), 0)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn lookup(c: &mut Criterion) {
    let prefixes = prefixes();
    let (ours, trie) = tables(&prefixes);
    assert_eq!(ours.len(), trie.len());
    exact(c, &ours, &trie, &prefixes);
    longest(c, &ours, &trie);
    filling(c, &prefixes);
}

criterion_group!(benches, lookup);
criterion_main!(benches);
