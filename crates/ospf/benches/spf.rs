//! SPF and routes: grids and random networks of 1,000 and 10,000 routers, changes of leaves and of externals.

#![allow(clippy::disallowed_methods)]

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ferr_ospf::ScopeId;

use common::{AREA, external_lsa, grid, model, random, router_lsa};

fn full(c: &mut Criterion) {
    let nets = [
        ("grid-1k", grid(32)),
        ("random-1k", random(1000)),
        ("grid-10k", grid(100)),
        ("random-10k", random(10_000)),
    ];
    for (name, net) in &nets {
        for (suffix, alternates) in [("", false), ("-lfa", true)] {
            let mut now = Instant::now();
            let mut model = model(net, alternates, now);
            let routes = model.run(now).len();
            assert!(routes >= net.len() - 1, "{routes} of {}", net.len());
            // A link next to this router changes its cost: all is worked out again.
            let mut cheap = net.clone();
            let (to, cost) = cheap[0][0];
            cheap[0][0] = (to, cost + 1);
            let lsas = [router_lsa(&cheap, 0, 1), router_lsa(net, 0, 1)];
            let mut turn = 0;
            c.bench_function(&format!("spf/full/{name}{suffix}"), |b| {
                b.iter_custom(|rounds| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..rounds {
                        now += Duration::from_secs(60);
                        turn += 1;
                        model.install(AREA, &lsas[turn % 2], now);
                        let start = Instant::now();
                        black_box(model.run(now));
                        spent += start.elapsed();
                    }
                    spent
                });
            });
        }
    }
}

fn partial(c: &mut Criterion) {
    let net = grid(32);
    let mut now = Instant::now();
    let mut model = model(&net, true, now);
    for n in 0..10_000 {
        model.install(ScopeId::As, &external_lsa(n % 1000 + 1, n, 20), now);
    }
    model.run(now);
    let runs = model.spf().full;
    let lsas = [router_lsa(&net, 500, 2), router_lsa(&net, 500, 1)];
    let mut turn = 0;
    c.bench_function("spf/leaf/grid-1k", |b| {
        b.iter(|| {
            turn += 1;
            now += Duration::from_secs(60);
            model.install(AREA, &lsas[turn % 2], now);
            black_box(model.run(now))
        });
    });
    let lsas = [external_lsa(501, 500, 21), external_lsa(501, 500, 20)];
    c.bench_function("spf/external/10k", |b| {
        b.iter(|| {
            turn += 1;
            now += Duration::from_secs(60);
            model.install(ScopeId::As, &lsas[turn % 2], now);
            black_box(model.run(now))
        });
    });
    assert_eq!(model.spf().full, runs);
    c.bench_function("spf/everything/10k-externals", |b| {
        b.iter(|| {
            now += Duration::from_secs(60);
            model.reconfigured(now);
            black_box(model.run(now))
        });
    });
}

fn build(c: &mut Criterion) {
    let net = grid(32);
    let now = Instant::now();
    c.bench_function("spf/build/grid-1k", |b| {
        b.iter_batched(|| (), |()| model(&net, false, now), BatchSize::LargeInput);
    });
}

criterion_group!(benches, full, partial, build);
criterion_main!(benches);
