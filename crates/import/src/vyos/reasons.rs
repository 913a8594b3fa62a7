//! What is not carried over, and why, by place in the configuration; and lines as a report may show them.

use crate::tree::Line;

/// Places, the more special ones first; `*` is any word.
const PLACES: &[(&str, &str)] = &[
    ("firewall", "packet filters are not FeRR's: keep them in nftables"),
    ("nat", "address translation is not FeRR's: keep it in nftables"),
    ("nat66", "address translation is not FeRR's: keep it in nftables"),
    ("interfaces ethernet * hw-id", "the system names its links (systemd.link)"),
    (
        "interfaces ethernet * duplex",
        "settings of the network card stay with the system (systemd.link, ethtool)",
    ),
    (
        "interfaces ethernet * speed",
        "settings of the network card stay with the system (systemd.link, ethtool)",
    ),
    (
        "interfaces ethernet * offload",
        "settings of the network card stay with the system (systemd.link, ethtool)",
    ),
    (
        "interfaces ethernet * ring-buffer",
        "settings of the network card stay with the system (systemd.link, ethtool)",
    ),
    (
        "interfaces ethernet * smp-affinity",
        "settings of the network card stay with the system (systemd.link, ethtool)",
    ),
    ("interfaces bonding", "bonds are made by the system; addresses, MTU, VRF and VLANs on them are carried"),
    (
        "interfaces tunnel",
        "tunnels of this kind are not made by FeRR: make the link with the system, and give it addresses here",
    ),
    ("interfaces openvpn", "OpenVPN is a program of its own: its link can be given addresses here"),
    ("interfaces pppoe", "PPPoE stays with pppd; routes may name its link"),
    ("interfaces", "this setting of a link is not one of FeRR's"),
    (
        "protocols bgp * neighbor * address-family",
        "this address family, or this setting of it, is not run by FeRR",
    ),
    (
        "protocols bgp neighbor * address-family",
        "this address family, or this setting of it, is not run by FeRR",
    ),
    ("protocols rip", "FeRR does not speak RIP"),
    ("protocols ripng", "FeRR does not speak RIPng"),
    ("protocols isis", "FeRR does not speak IS-IS"),
    ("protocols mpls", "FeRR does not do MPLS"),
    ("protocols pim", "FeRR does not route multicast"),
    ("protocols pim6", "FeRR does not route multicast"),
    ("protocols igmp", "FeRR does not route multicast"),
    ("protocols igmp-proxy", "FeRR does not route multicast"),
    ("protocols rpki", "origin validation is not carried over"),
    ("protocols failover", "a static route with `bfd` does this"),
    ("protocols static arp", "neighbor entries stay with the system"),
    ("protocols", "this setting of the protocol has no counterpart"),
    ("policy route", "policy routing is not FeRR's: keep it in nftables and `ip rule`"),
    ("policy route6", "policy routing is not FeRR's: keep it in nftables and `ip rule`"),
    ("policy local-route", "policy routing is not FeRR's: keep it in `ip rule`"),
    ("policy local-route6", "policy routing is not FeRR's: keep it in `ip rule`"),
    ("policy", "this setting of a list or route-map has no counterpart"),
    ("vrf bind-to-all", "a socket of FeRR serves its own VRF; other services are the system's"),
    ("vrf", "this setting of a VRF has no counterpart"),
    ("service", "services are not FeRR's: keep them in the system"),
    ("system login", "accounts are the system's"),
    ("system ntp", "the clock is the system's"),
    ("system time-zone", "the clock is the system's"),
    ("system console", "consoles are the system's"),
    ("system name-server", "name resolution is the system's"),
    ("system domain-search", "name resolution is the system's"),
    ("system syslog", "logging is the system's; `log syslog LEVEL` in frr.conf says what FeRR sends there"),
    ("system config-management", "keep /etc/frr under version control instead"),
    ("system sysctl", "sysctls are the system's, but for those that links need"),
    ("system", "this is the system's"),
    ("vpn", "IPsec and dial-in are programs of their own"),
    ("pki", "certificates are the system's"),
    ("qos", "shaping stays with tc"),
    ("traffic-policy", "shaping stays with tc"),
    ("container", "containers are the system's"),
    ("high-availability", "VRRP stays with keepalived"),
    ("load-balancing", "load balancing of this kind is not FeRR's"),
];

/// Why the line was not looked at.
pub(super) fn of(line: &Line) -> &'static str {
    let words = match &line.words {
        Ok(words) => words,
        Err(refused) => return refused.reason(),
    };
    let fits = |place: &str| {
        let mut words = words.iter();
        place.split(' ').all(|p| words.next().is_some_and(|w| p == "*" || p == w))
    };
    PLACES.iter().find(|(place, _)| fits(place)).map_or("no counterpart is known", |(_, reason)| reason)
}

/// Words whose value is a secret.
const SECRET: [&str; 9] = [
    "password",
    "private-key",
    "preshared-key",
    "secret",
    "md5-key",
    "passphrase",
    "plaintext",
    "psk",
    "token",
];

fn is_secret(word: &str) -> bool {
    SECRET.iter().any(|s| word.contains(s)) || matches!(word, "key" | "shared-key-file")
}

/// The line without secrets. Of a line that could not be read, the beginning.
pub(super) fn shown(line: &Line) -> String {
    const LONGEST: usize = 200;
    let Ok(words) = &line.words else { return "...".to_owned() };
    let mut text = "set".to_owned();
    for word in words {
        text.push(' ');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            text.push_str(word);
        } else {
            text.push_str(&format!("'{}'", word.chars().filter(|c| !c.is_control()).collect::<String>()));
        }
        if is_secret(word) {
            text.push_str(" ...");
            return text;
        }
    }
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST).chain("...".chars()).collect();
    }
    text
}
