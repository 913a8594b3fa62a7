//! Network namespaces, rival daemons as peers, and probes, for the lab, tests and benches.
