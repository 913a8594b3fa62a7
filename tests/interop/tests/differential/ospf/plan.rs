//! The network of routers that are compared, and the commands.
//!
//! The middle is on a segment with A (FRR, designated) and B (BIRD, not eligible), and on a line with C (FRR) inside of an NSSA (of OSPFv2; what FRR's
//! border router has of type 7 in OSPFv3 is not the same each time). A has
//! an area of its own behind it, C a network that the middle gathers in a range. A second area of the middle is a stub without neighbors.

use crate::compare::Masks;

/// The router that is FRR once and ours once.
pub(crate) const MIDDLE: &str = "frr version 8.4.4
frr defaults traditional
hostname mid
ip route 172.20.1.0/24 blackhole
ip route 172.20.2.0/24 blackhole tag 9
ip route 172.20.3.0/24 10.9.0.2
ipv6 route 2001:db8:20:1::/64 blackhole
ipv6 route 2001:db8:20:2::/64 blackhole tag 9
route-map STATIC permit 10
 match tag 9
 set metric 33
 set metric-type type-1
 set forwarding-address 2001:db8:9::2
exit
route-map STATIC permit 20
exit
bfd
 profile fast
  detect-multiplier 5
  receive-interval 110
  transmit-interval 120
 exit
exit
router ospf
 ospf router-id 10.0.0.1
 log-adjacency-changes
 redistribute static route-map STATIC
 default-information originate always metric 50 metric-type 1
 area 1 nssa
 area 1 range 10.1.0.0/16
 area 2 stub no-summary
exit
interface lo
 ip ospf area 0
exit
interface eth0
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ipv6 ospf6 area 0
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ip ospf area 0
exit
interface eth1
 ip ospf cost 15
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf network point-to-point
 ip ospf bfd
 ipv6 ospf6 area 1
 ipv6 ospf6 cost 15
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 bfd profile fast
 ip ospf area 1
exit
interface users
 ip ospf cost 10
 ip ospf passive
 ipv6 ospf6 area 0
 ipv6 ospf6 cost 10
 ipv6 ospf6 passive
 ip ospf area 0
exit
interface stub
 ip ospf cost 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf authentication message-digest
 ip ospf message-digest-key 3 md5 secret
 ipv6 ospf6 area 2
 ipv6 ospf6 cost 10
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ip ospf area 2
exit
router ospf6
 ospf6 router-id 10.0.0.1
 log-adjacency-changes detail
 redistribute static route-map STATIC
 default-information originate always metric 50 metric-type 1
 area 1 range 2001:db8:1::/48
 area 2 stub no-summary
exit
";

/// A: designated router, border of area 5, with externals.
pub(crate) const A: &str = "frr version 8.4.4
frr defaults traditional
ip route 172.16.1.0/24 blackhole
ip route 172.16.2.0/24 blackhole tag 7
ipv6 route 2001:db8:16:1::/64 blackhole
ipv6 route 2001:db8:16:2::/64 blackhole tag 7
route-map STATIC permit 10
 match tag 7
 set metric-type type-1
 set metric 44
exit
route-map STATIC permit 20
exit
interface eth0
 ip ospf area 0
 ip ospf priority 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ipv6 ospf6 area 0
 ipv6 ospf6 priority 10
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
exit
interface users
 ip ospf area 5
 ip ospf cost 10
 ip ospf passive
 ipv6 ospf6 area 5
 ipv6 ospf6 cost 10
 ipv6 ospf6 passive
exit
router ospf
 ospf router-id 10.0.0.2
 redistribute static route-map STATIC
exit
router ospf6
 ospf6 router-id 10.0.0.2
 redistribute static route-map STATIC
exit
";

/// B: an internal router that is not eligible.
pub(crate) const B: &str = "router id 10.0.0.3;
protocol device { scan time 1; }
protocol ospf v2 o2 { ipv4 { import all; export none; }; area 0 {
 interface \"eth0\" { hello 1; dead 4; cost 10; priority 0; };
 interface \"users\" { stub; cost 10; }; }; }
protocol ospf v3 o3 { ipv6 { import all; export none; }; area 0 {
 interface \"eth0\" { hello 1; dead 4; cost 10; priority 0; };
 interface \"users\" { stub; cost 10; }; }; }
";

/// C: inside of the NSSA, with externals and a network of users.
pub(crate) const C: &str = "frr version 8.4.4
frr defaults traditional
ip route 172.17.1.0/24 blackhole
ip route 172.17.2.0/24 blackhole tag 3
ipv6 route 2001:db8:17:1::/64 blackhole
interface eth0
 ip ospf area 1
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf network point-to-point
 ip ospf bfd
 ipv6 ospf6 area 1
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 bfd
exit
interface users
 ip ospf area 1
 ip ospf cost 10
 ip ospf passive
 ipv6 ospf6 area 1
 ipv6 ospf6 cost 10
 ipv6 ospf6 passive
exit
router ospf
 ospf router-id 10.0.0.4
 redistribute static
 area 1 nssa
exit
router ospf6
 ospf6 router-id 10.0.0.4
 redistribute static
exit
";

/// Commands whose answers are JSON.
pub(crate) const COMMANDS: &[&str] = &[
    "show ip ospf json",
    "show ip ospf vrf all json",
    "show ip ospf vrfs json",
    "show ip ospf neighbor json",
    "show ip ospf neighbor all json",
    "show ip ospf neighbor detail json",
    "show ip ospf neighbor 10.0.0.2 json",
    "show ip ospf neighbor eth1 json",
    "show ip ospf neighbor eth1 detail json",
    "show ip ospf vrf all neighbor json",
    "show ip ospf interface json",
    "show ip ospf interface eth1 json",
    "show ip ospf vrf all interface json",
    "show ip ospf interface traffic json",
    "show ip ospf database json",
    "show ip ospf database self-originate json",
    "show ip ospf database max-age json",
    "show ip ospf database router json",
    "show ip ospf database router self-originate json",
    "show ip ospf database router adv-router 10.0.0.2 json",
    "show ip ospf database router 10.0.0.2 json",
    "show ip ospf database network json",
    "show ip ospf database summary json",
    "show ip ospf database asbr-summary json",
    "show ip ospf database external json",
    "show ip ospf database external 172.16.1.0 json",
    "show ip ospf database external self-originate json",
    "show ip ospf database nssa-external json",
    "show ip ospf database opaque-link json",
    "show ip ospf database opaque-area json",
    "show ip ospf database opaque-as json",
    "show ip ospf route json",
    "show ip ospf vrf default route json",
    "show ip ospf border-routers json",
    "show ip ospf graceful-restart helper json",
    "show ip ospf graceful-restart helper detail json",
    "show ipv6 ospf6 json",
    "show ipv6 ospf6 vrf all json",
    "show ipv6 ospf6 vrfs json",
    "show ipv6 ospf6 neighbor json",
    "show ipv6 ospf6 neighbor detail json",
    "show ipv6 ospf6 neighbor drchoice json",
    "show ipv6 ospf6 neighbor 10.0.0.2 json",
    "show ipv6 ospf6 interface json",
    "show ipv6 ospf6 interface eth1 json",
    "show ipv6 ospf6 interface lo json",
    "show ipv6 ospf6 interface nowhere json",
    "show ipv6 ospf6 interface traffic json",
    "show ipv6 ospf6 interface prefix json",
    "show ipv6 ospf6 interface eth1 prefix json",
    "show ipv6 ospf6 database json",
    "show ipv6 ospf6 database detail json",
    "show ipv6 ospf6 database internal json",
    "show ipv6 ospf6 database router json",
    "show ipv6 ospf6 database router detail json",
    "show ipv6 ospf6 database network detail json",
    "show ipv6 ospf6 database inter-prefix detail json",
    "show ipv6 ospf6 database inter-router detail json",
    "show ipv6 ospf6 database as-external detail json",
    "show ipv6 ospf6 database as-external json",
    "show ipv6 ospf6 database type-7 detail json",
    "show ipv6 ospf6 database link detail json",
    "show ipv6 ospf6 database intra-prefix detail json",
    "show ipv6 ospf6 database self-originated json",
    "show ipv6 ospf6 database router self-originated json",
    "show ipv6 ospf6 database router adv-router 10.0.0.2 json",
    "show ipv6 ospf6 database linkstate-id 0.0.0.0 json",
    "show ipv6 ospf6 route json",
    "show ipv6 ospf6 route detail json",
    "show ipv6 ospf6 route summary json",
    "show ipv6 ospf6 route intra-area json",
    "show ipv6 ospf6 route inter-area detail json",
    "show ipv6 ospf6 route external-1 json",
    "show ipv6 ospf6 route external-2 detail json",
    "show ipv6 ospf6 route 2001:db8:16:1::/64 json",
    "show ipv6 ospf6 route 2001:db8:16:1::7 json",
    "show ipv6 ospf6 route 2001:db8:16:1::/64 match json",
    "show ipv6 ospf6 spf tree json",
    "show ipv6 ospf6 redistribute json",
    "show ipv6 ospf6 summary-address json",
    "show ipv6 ospf6 graceful-restart helper json",
    "show ipv6 ospf6 graceful-restart helper detail json",
    "show ip route json",
    "show ip route ospf json",
    "show ip route 172.16.1.0/24 json",
    "show ip route summary json",
    "show ipv6 route json",
    "show ipv6 route ospf6 json",
    "show ipv6 route 2001:db8:16:1::/64 json",
    "show ipv6 route summary json",
];

/// Commands whose answers are text.
pub(crate) const TEXTS: &[&str] = &[
    "show ip ospf",
    "show ip ospf vrfs",
    "show ip ospf neighbor",
    "show ip ospf neighbor all",
    "show ip ospf neighbor detail",
    "show ip ospf neighbor detail all",
    "show ip ospf neighbor 10.0.0.2",
    "show ip ospf neighbor eth1",
    "show ip ospf vrf default neighbor",
    "show ip ospf interface",
    "show ip ospf interface eth0",
    "show ip ospf interface traffic",
    "show ip ospf database",
    "show ip ospf database self-originate",
    "show ip ospf database max-age",
    "show ip ospf database router",
    "show ip ospf database router 10.0.0.2",
    "show ip ospf database router adv-router 10.0.0.2",
    "show ip ospf database network",
    "show ip ospf database summary",
    "show ip ospf database summary self-originate",
    "show ip ospf database asbr-summary",
    "show ip ospf database external",
    "show ip ospf database nssa-external",
    "show ip ospf database opaque-area",
    "show ip ospf route",
    "show ip ospf vrf default route",
    "show ip ospf border-routers",
    "show ip ospf reachable-routers",
    "show ip ospf graceful-restart helper",
    "show ip ospf graceful-restart helper detail",
    "show ip ospf summary-address",
    "show ip ospf mpls-te router",
    "show ip ospf mpls-te interface",
    "show ip ospf router-info",
    "show ipv6 ospf6",
    "show ipv6 ospf6 vrfs",
    "show ipv6 ospf6 neighbor",
    "show ipv6 ospf6 neighbor detail",
    "show ipv6 ospf6 neighbor drchoice",
    "show ipv6 ospf6 neighbor 10.0.0.2",
    "show ipv6 ospf6 interface",
    "show ipv6 ospf6 interface eth1",
    "show ipv6 ospf6 interface traffic",
    "show ipv6 ospf6 interface prefix",
    "show ipv6 ospf6 interface prefix detail",
    "show ipv6 ospf6 database",
    "show ipv6 ospf6 database detail",
    "show ipv6 ospf6 database internal",
    "show ipv6 ospf6 database as-external",
    "show ipv6 ospf6 route",
    "show ipv6 ospf6 route detail",
    "show ipv6 ospf6 route summary",
    "show ipv6 ospf6 route intra-area",
    "show ipv6 ospf6 route external-2",
    "show ipv6 ospf6 route 2001:db8:16:1::/64",
    "show ipv6 ospf6 spf tree",
    "show ipv6 ospf6 area 0.0.0.1 spf tree",
    "show ipv6 ospf6 simulate spf-tree 10.0.0.2 area 0.0.0.0",
    "show ipv6 ospf6 linkstate detail",
    "show ipv6 ospf6 linkstate router 10.0.0.2",
    "show ipv6 ospf6 border-routers",
    "show ipv6 ospf6 border-routers detail",
    "show ipv6 ospf6 redistribute",
    "show ipv6 ospf6 summary-address",
    "show ipv6 ospf6 graceful-restart helper",
    "show ipv6 ospf6 zebra",
    "show ip route",
    "show ip route ospf",
    "show ip route 172.16.1.0/24",
    "show ip route summary",
    "show ipv6 route",
    "show ipv6 route ospf6",
    "show ipv6 route 2001:db8:16:1::/64",
    "show ipv6 route summary",
    "ospfd: show running-config",
    "ospf6d: show running-config",
];

/// Times, ages, sequence numbers, checksums, counters of packets and of runs, memory.
pub(crate) const MASKS: Masks = Masks {
    whole: &[
        "age",
        "neighborStateDuration",
        "dbDescSeqNumber",
        "installedTimeSince",
        "changedTimeSince",
        "spfLastExecutedReason",
        "spfLastExecutedSecs",
        "spfLastExecutedMicroSecs",
        "spfLastDurationSecs",
        "spfTimerDueInMsecs",
        "lsSequenceNumber",
        "lastUpdate",
        "holdtimeMultplier",
        "holdTimeMultiplier",
        "AuthTrailerHigherSeqNo",
        "installedNexthopGroupId",
        "internalStatus",
        "lsaAge",
        "sequenceNumber",
        "lsaSeqNumber",
        "seqNum",
        "upTime",
        "upTimeInMsec",
        "deadTime",
        "deadTimeMsecs",
        "routerDeadIntervalTimerDueMsec",
        "lastPrgrsvChangeMsec",
        "spfLastExecutedMsecs",
        "spfLastDurationMsecs",
        "spfExecutedCounter",
        "timerHelloInMsecs",
        "timerHelloInMs",
        "running",
        "duration",
        "uptime",
    ],
    parts: &[
        "hecksum",
        "Rx",
        "Tx",
        "helloIn",
        "helloOut",
        "dbDescIn",
        "dbDescOut",
        "lsReq",
        "lsUpd",
        "lsAck",
        "nexthopGroupId",
    ],
};
