//! Sockets: VRF binding, TCP-MD5, GTSM, batching.
