//! Bit sets.

use bitflags::bitflags;

bitflags! {
    /// Optional capabilities (RFC 2328 section A.2, RFC 5340 section A.2): 8 bits in OSPFv2, 24 in OSPFv3. Bits that mean the same
    /// have the same place; two places mean different things in the two versions. Unknown bits are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Options: u32 {
        /// OSPFv2: several topologies (MT, RFC 4915).
        const MT = 0x01;
        /// OSPFv3: take part in IPv6 routing (V6).
        const V6 = 0x01;
        /// AS-external-LSAs are flooded.
        const E = 0x02;
        /// Multicast (MC), deprecated.
        const MC = 0x04;
        /// Not-so-stubby area (N; P in the header of a type 7 LSA).
        const NP = 0x08;
        /// OSPFv2: a block of link-local signaling follows (L).
        const LLS_V2 = 0x10;
        /// OSPFv3: forwards transit traffic (R).
        const R = 0x10;
        /// Demand circuits (DC, RFC 1793).
        const DC = 0x20;
        /// OSPFv2: opaque LSAs (O).
        const O = 0x40;
        /// OSPFv2: told by a PE router, not to be used by another (DN, RFC 4576).
        const DN = 0x80;
        /// OSPFv3: address families (AF, RFC 5838).
        const AF = 0x100;
        /// OSPFv3: a block of link-local signaling follows (L).
        const LLS_V3 = 0x200;
        /// OSPFv3: an authentication trailer follows (AT, RFC 7166).
        const AT = 0x400;
        const _ = !0;
    }
}

bitflags! {
    /// Flags of a Database Description.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct DbdFlags: u8 {
        /// The sender is the master (MS).
        const MASTER = 0x01;
        /// More follow (M).
        const MORE = 0x02;
        /// The first one (I).
        const INIT = 0x04;
        /// Out-of-band resynchronization (R, RFC 4811).
        const RESYNC = 0x08;
        const _ = !0;
    }
}

bitflags! {
    /// What a router is (first octet of a router-LSA).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct RouterBits: u8 {
        /// Area border router (B).
        const BORDER = 0x01;
        /// AS boundary router (E).
        const EXTERNAL = 0x02;
        /// Endpoint of a virtual link (V).
        const VIRTUAL = 0x04;
        /// Wild-card multicast receiver (W), deprecated.
        const WILDCARD = 0x08;
        /// Translates type 7 LSAs always (Nt, RFC 3101).
        const NSSA_TRANSLATOR = 0x10;
        /// S: summaries of the area count beside the backbone's (shortcut border routers).
        const SHORTCUT = 0x20;
        /// OSPFv3: a host (H, RFC 8770 has it in OSPFv2).
        const HOST = 0x80;
        const _ = !0;
    }
}

bitflags! {
    /// Options of an OSPFv3 prefix (RFC 5340 section A.4.1.1).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct PrefixOptions: u8 {
        /// Not for unicast (NU).
        const NU = 0x01;
        /// The advertising router's own address (LA).
        const LA = 0x02;
        /// To be told on where an NSSA ends (P).
        const P = 0x08;
        /// Told by a PE router, not to be used by another (DN).
        const DN = 0x10;
        const _ = !0;
    }
}

bitflags! {
    /// Informational capabilities of a router (RFC 7770 section 2.5); bit 0 is the leftmost.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Capabilities: u32 {
        /// Graceful restart.
        const GRACEFUL_RESTART = 1 << 31;
        /// Helper of graceful restart.
        const GRACEFUL_HELPER = 1 << 30;
        /// Stub router.
        const STUB_ROUTER = 1 << 29;
        /// Traffic engineering.
        const TRAFFIC_ENGINEERING = 1 << 28;
        /// Point-to-point over LAN.
        const P2P_OVER_LAN = 1 << 27;
        /// Experimental traffic engineering.
        const EXPERIMENTAL_TE = 1 << 26;
        const _ = !0;
    }
}

bitflags! {
    /// Extended options of an LLS block (RFC 5613 section 2.4).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ExtendedOptions: u32 {
        /// Out-of-band resynchronization is understood (LR).
        const LR = 0x01;
        /// Restarting (RS).
        const RS = 0x02;
        const _ = !0;
    }
}
