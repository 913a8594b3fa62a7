//! What is compared: the configuration, the neighbors and the commands.

use crate::compare::Masks;

/// The VRF `blue` does not exist.
pub(crate) const CONF: &str = "frr version 8.4.4
frr defaults traditional
hostname r1
ip route 10.1.0.0/16 blackhole
ip route 10.1.1.0/24 192.0.2.2
ip route 10.1.2.0/24 192.0.2.2 77 tag 5
ip route 10.1.2.0/24 192.0.2.3 77 tag 5
ip route 10.1.3.0/24 eth0
ip route 10.1.4.0/24 reject
ip route 172.16.0.0/12 10.1.1.1
ipv6 route 2001:db8:1::/48 blackhole
ipv6 route 2001:db8:1:1::/64 2001:db8:12::2
ip prefix-list NET seq 5 permit 10.0.0.0/8 le 24
ip prefix-list NET seq 10 deny any
bgp as-path access-list THEIRS seq 5 permit _65002$
bgp community-list standard RED seq 5 permit 65002:99
route-map IN permit 10
 match community RED
 set local-preference 150
 set community 65001:1 additive
 on-match next
exit
route-map IN permit 20
 match ip address prefix-list NET
exit
route-map IN permit 30
 match as-path THEIRS
 set metric 77
 set weight 20
exit
route-map OUT permit 10
 set community 65001:77 no-export
 set as-path prepend 65001
exit
route-map STATIC permit 10
 match tag 5
 set metric 9
exit
route-map ALL permit 10
exit
router bgp 65001
 bgp router-id 10.0.0.1
 bgp bestpath as-path multipath-relax
 bgp bestpath compare-routerid
 neighbor 192.0.2.2 remote-as 65002
 neighbor 192.0.2.2 description upstream
 neighbor 192.0.2.2 timers 3 9
 neighbor 192.0.2.2 timers connect 1
 neighbor 192.0.2.3 remote-as 65003
 neighbor 192.0.2.3 update-source 192.0.2.11
 neighbor 192.0.2.3 timers 3 9
 neighbor 192.0.2.3 timers connect 1
 neighbor 192.0.2.4 remote-as 65001
 neighbor 192.0.2.4 update-source 192.0.2.12
 neighbor 192.0.2.4 timers 3 9
 neighbor 192.0.2.4 timers connect 1
 neighbor 192.0.2.9 remote-as 65009
 neighbor 192.0.2.9 shutdown
 neighbor 2001:db8:12::2 remote-as 65002
 neighbor 2001:db8:12::2 timers 3 9
 neighbor 2001:db8:12::2 timers connect 1
 address-family ipv4 unicast
  network 10.1.0.0/16
  network 10.99.0.0/16
  aggregate-address 10.2.0.0/16
  aggregate-address 10.4.0.0/16 summary-only
  redistribute static route-map STATIC
  neighbor 192.0.2.2 soft-reconfiguration inbound
  neighbor 192.0.2.2 route-map IN in
  neighbor 192.0.2.2 route-map OUT out
  neighbor 192.0.2.3 default-originate
  neighbor 192.0.2.3 route-map ALL in
  neighbor 192.0.2.3 route-map ALL out
  neighbor 192.0.2.4 route-reflector-client
  neighbor 192.0.2.4 next-hop-self
  no neighbor 2001:db8:12::2 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor 2001:db8:12::2 activate
  neighbor 2001:db8:12::2 route-map IN in
  neighbor 2001:db8:12::2 route-map OUT out
 exit-address-family
exit
router bgp 65010 view V1
 bgp router-id 10.0.0.10
 no bgp ebgp-requires-policy
 neighbor 192.0.2.5 remote-as 65005
 neighbor 192.0.2.5 update-source 192.0.2.13
 neighbor 192.0.2.5 timers 3 9
 neighbor 192.0.2.5 timers connect 1
 neighbor 192.0.2.10 remote-as 65006
 neighbor 192.0.2.10 shutdown
 address-family ipv4 unicast
  network 10.77.0.0/16
 exit-address-family
exit
router bgp 65020 vrf blue
 bgp router-id 10.0.0.20
 neighbor 192.0.2.20 remote-as 65021
 neighbor 192.0.2.20 timers connect 1
 address-family ipv4 unicast
  network 10.20.0.0/16
  redistribute static
 exit-address-family
exit
";

/// Four neighbors in one daemon: two of other ASes with a route in common, one of ours, and one of the view.
pub(crate) const BIRD_CONF: &str = "router id 10.0.0.2;
protocol device {}
protocol static own2 { ipv4;
  route 10.2.1.0/24 blackhole { bgp_community.add((65002,99)); };
  route 10.2.2.0/24 blackhole { bgp_community.add((65002,98)); bgp_large_community.add((65002,1,2)); };
  route 10.2.3.0/25 blackhole { bgp_path.prepend(65010); bgp_med = 30; };
  route 198.18.0.0/15 blackhole; }
ipv4 table t3;
protocol static own3 { ipv4 { table t3; };
  route 10.2.2.0/24 blackhole;
  route 10.3.1.0/24 blackhole { bgp_med = 5; }; }
ipv4 table t4;
protocol static own4 { ipv4 { table t4; };
  route 10.4.1.0/24 blackhole { bgp_med = 7; };
  route 10.4.2.0/24 blackhole { bgp_local_pref = 200; }; }
ipv4 table t5;
protocol static own5 { ipv4 { table t5; };
  route 10.5.1.0/24 blackhole { bgp_med = 5; }; }
protocol static own6 { ipv6; route 2001:db8:2::/48 blackhole; route 2001:db8:3::/48 blackhole; }
template bgp common { strict bind yes; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2; }
protocol bgp peer2 from common { local 192.0.2.2 as 65002; neighbor 192.0.2.1 as 65001;
  ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp peer3 from common { local 192.0.2.3 as 65003; neighbor 192.0.2.11 as 65001;
  ipv4 { table t3; import all; export where source = RTS_STATIC; }; }
protocol bgp peer4 from common { local 192.0.2.4 as 65001; neighbor 192.0.2.12 as 65001;
  ipv4 { table t4; import all; export where source = RTS_STATIC; }; }
protocol bgp peer5 from common { local 192.0.2.5 as 65005; neighbor 192.0.2.13 as 65010;
  ipv4 { table t5; import all; export where source = RTS_STATIC; }; }
protocol bgp peer6 { local 2001:db8:12::2 as 65002; neighbor 2001:db8:12::1 as 65001; hold time 9;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv6 { import all; export where source = RTS_STATIC; }; }
";

/// Commands whose answers are JSON.
pub(crate) const COMMANDS: &[&str] = &[
    "show bgp summary json",
    "show bgp vrf all summary json",
    "show bgp ipv4 unicast summary json",
    "show bgp ipv4 unicast json",
    "show bgp ipv6 unicast json",
    "show ip bgp 10.2.1.0/24 json",
    "show ip bgp 10.2.2.0/24 json",
    "show ip bgp 10.2.3.0/25 json",
    "show ip bgp 10.4.1.0/24 json",
    "show ip bgp 10.4.0.0/16 json",
    "show ip bgp 10.1.0.0/16 json",
    "show ip bgp 10.99.0.0/16 json",
    "show bgp ipv6 unicast 2001:db8:2::/48 json",
    "show ip bgp 10.1.2.0/24 json",
    "show ip bgp 10.2.0.0/16 json",
    "show ip bgp 203.0.113.0/24 json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.3 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.4 advertised-routes json",
    "show bgp ipv6 unicast neighbors 2001:db8:12::2 advertised-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 received-routes json",
    "show bgp ipv4 unicast neighbors 192.0.2.2 routes json",
    "show bgp neighbors 192.0.2.2 json",
    "show bgp neighbors 192.0.2.3 json",
    "show bgp neighbors 192.0.2.4 json",
    "show bgp neighbors 192.0.2.9 json",
    "show bgp neighbors 192.0.2.77 json",
    "show bgp vrfs json",
    "show ip route json",
    "show ipv6 route json",
    "show ip route 10.1.2.0/24 json",
    "show ip route 10.2.1.7 json",
    "show ip route static json",
    "show ip route summary json",
    "show interface brief json",
    "show ip prefix-list json",
    "show route-map json",
    "show bgp summary established json",
    "show bgp summary failed json",
    "show ip bgp summary json",
    "show bgp ipv4 unicast summary terse json",
    "show bgp vrf all ipv4 unicast summary failed json",
    "show bgp view V1 summary json",
    "show bgp view V1 ipv4 unicast json",
    "show bgp view V1 ipv4 unicast 10.5.1.0/24 json",
    "show bgp view V1 ipv4 unicast 10.77.0.0/16 json",
    "show bgp view V1 neighbors json",
    "show bgp neighbors json",
    "show ip bgp neighbor json",
    "show bgp vrf all json",
    "show bgp json",
    "show ip bgp json",
    "show bgp vrf all ipv4 unicast json",
    "show bgp vrf default ipv4 json",
    "show ip bgp detail json",
    "show bgp ipv4 10.2.2.5 json",
    "show bgp ipv4 unicast 10.2.2.0/24 bestpath json",
    "show bgp ipv4 unicast 10.2.2.0/24 multipath json",
    "show bgp ipv4 unicast 10.2.0.0/16 longer-prefixes json",
    "show bgp ipv4 unicast community 65002:99 json",
    "show bgp ipv4 unicast large-community 65002:1:2 json",
    "show bgp ipv4 unicast community-list RED json",
    "show bgp ipv4 unicast filter-list THEIRS json",
    "show bgp ipv4 unicast prefix-list NET json",
    "show bgp ipv4 unicast route-map OUT json",
    "show bgp ipv4 unicast cidr-only json",
    "show bgp ipv4 unicast statistics json",
    "show bgp ipv4 neighbors 192.0.2.2 graceful-restart json",
    "show ip bgp neighbors 192.0.2.2 prefix-counts json",
    "show ip bgp neighbors 192.0.2.2 filtered-routes json",
    "show bgp peer-group json",
    "show bgp as-path-access-list json",
    "show bgp ipv4 vpn json",
    "show bgp l2vpn evpn route json",
    "show ip route bgp json",
    "show ip route connected json",
    "show ip route kernel json",
    "show ip route 10.2.2.0/24 json",
    "show ip route 172.16.0.0/12 json",
    "show ip route vrf default json",
    "show ip route vrf all json",
    "show ip fib json",
    "show ipv6 fib json",
    "show ipv6 route bgp json",
    "show ipv6 route connected json",
    "show ipv6 route summary json",
    "show ipv6 route 2001:db8:2::/48 json",
    "show interface json",
    "show bgp vrf blue summary json",
    "show bgp vrf blue ipv4 unicast json",
    "show bgp vrf blue neighbors 192.0.2.20 json",
    "show interface eth0 json",
    "show ip prefix-list NET json",
    "show ip access-list json",
    "show route-map IN json",
];

/// Commands whose text is compared line by line.
pub(crate) const TEXTS: &[&str] = &[
    "show ip route",
    "show ipv6 route",
    "show ip route 10.2.2.0/24",
    "show bgp summary",
    "show bgp ipv4 unicast",
    "show ip bgp 10.2.2.0/24",
    "show ip bgp 10.1.0.0/16",
    "show ip bgp 10.1.2.0/24",
    "show ip bgp 10.4.1.0/24",
    "show bgp ipv6 unicast",
    "show bgp ipv6 unicast 2001:db8:2::/48",
    "show interface brief",
    "show ip prefix-list",
    "show running-config",
    "show ip nht",
    "show bgp vrf blue summary",
    "show bgp vrf blue ipv4 unicast",
    "show bgp vrf blue nexthop",
    "show ipv6 nht",
    "show ip nht 192.0.2.4",
    "show bgp nexthop",
    "show bgp view V1 nexthop",
    "show bgp vrf all summary",
    "show bgp summary failed",
    "show bgp view V1 summary",
    "show bgp view V1 ipv4 unicast",
    "show bgp views",
    "show bgp vrfs",
    "show bgp neighbors 192.0.2.2",
    "show bgp neighbors 192.0.2.3",
    "show bgp neighbors 192.0.2.4",
    "show bgp neighbors 192.0.2.9",
    "show ip bgp neighbors 192.0.2.2 prefix-counts",
    "show bgp ipv4 unicast neighbors 192.0.2.2 routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes",
    "show bgp ipv4 unicast neighbors 192.0.2.2 received-routes",
    "show bgp ipv4 unicast community 65002:99",
    "show bgp ipv4 unicast regexp _65002$",
    "show bgp ipv4 unicast wide",
    "show bgp ipv4 unicast statistics",
    "show bgp ipv4 vpn",
    "show bgp as-path-access-list",
    "show bgp community-list",
    "show ip route bgp",
    "show ip route connected",
    "show ip route static",
    "show ip route supernets-only",
    "show ip route tag 5",
    "show ip route 10.2.0.0/16 longer-prefixes",
    "show ip route 10.1.0.0/16",
    "show ip route 172.16.0.0/12",
    "show ip route vrf default",
    "show ip route summary",
    "show ip fib",
    "show ipv6 route summary",
    "show ipv6 route 2001:db8:2::/48",
    "show interface",
    "show interface description",
    "show interface vrf all",
    "show ip forwarding",
    "show ip prefix-list NET",
    "show ip prefix-list detail",
    "show ip prefix-list summary",
    "show route-map",
    "show running-config no-header",
    "show running-config bgpd",
];

/// Times, counters, memory.
pub(crate) const MASKS: Masks = Masks {
    whole: &[
        "string",
        "portLocal",
        "portForeign",
        "nexthopGroupId",
        "installedNexthopGroupId",
        "internalStatus",
        "internalFlags",
        "interfaceIndex",
        "updateGroupId",
        "subGroupId",
        "opensSent",
        "opensRecv",
        "notificationsSent",
        "notificationsRecv",
        "updatesSent",
        "updatesRecv",
        "keepalivesSent",
        "keepalivesRecv",
        "totalSent",
        "totalRecv",
        "connectionsEstablished",
        "connectionsDropped",
        "invoked",
        "processedChange",
        "lastResetCode",
        "outq",
        "inq",
        "estimatedRttInMsecs",
        "routeRefreshSent",
        "routeRefreshRecv",
    ],
    parts: &[
        "lastLink",
        "ptime",
        "psed",
        "Epoch",
        "epoch",
        "Msec",
        "String",
        "emory",
        "msg",
        "ersion",
        "TimerLast",
        "Uptime",
        "uptime",
    ],
};
