//! OSPF beside packaged FRR and BIRD: adjacencies, databases, routes.

mod bed;
mod lan;
