//! OSPF beside packaged FRR and BIRD: adjacencies, databases, routes.
#![allow(clippy::unwrap_used)]

mod areas;
mod auth;
mod bed;
mod exporter;
mod externals;
mod lan;
mod networks;
mod restart;
mod shown;
mod tunnel;
