//! Linux as the FIB: netlink writer, monitor and reconciliation.
