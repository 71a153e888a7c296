//! Which addresses are of the public internet: where a server may go when somebody else says where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Special-purpose networks (RFC 6890 and its registry), multicast, and what is reserved.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The only network that public addresses are assigned from (RFC 4291 §2.4), ...
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// ... but for these: protocol assignments with Teredo, documentation, and 6to4, which leads to any IPv4 address.
const NOT_PUBLIC_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// IPv4 addresses as networks with IPv6 alone see them (RFC 6052 §2.1).
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// A network that its first two groups tell.
const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

/// Whether an address is of the public internet. An IPv4 address in the clothes of IPv6 is not.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(address) => {
            GLOBAL_UNICAST.contains(&address)
                && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// Top-level domains that no name of the public internet is below: special-use (RFC 6761, RFC 6762, RFC 7686, RFC 8375,
/// RFC 9476) and reserved for private use.
const PRIVATE_ZONES: [&str; 8] =
    ["localhost", "localdomain", "local", "internal", "home.arpa", "invalid", "onion", "alt"];

/// Where a name can lead, before anybody resolves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameReach {
    /// Only to this machine (RFC 6761 §6.3).
    Loopback,
    /// Only to addresses outside the public internet.
    Private,
    Any,
}

/// Returns where a host name can lead.
#[must_use]
pub fn name_reach(name: &str) -> NameReach {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_in =
        |zone: &str| name.strip_suffix(zone).is_some_and(|above| above.is_empty() || above.ends_with('.'));
    if is_in("localhost") {
        NameReach::Loopback
    } else if !name.contains('.') || PRIVATE_ZONES.into_iter().any(is_in) {
        NameReach::Private
    } else {
        NameReach::Any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_and_of_private_networks_are_known() {
        for name in ["localhost", "LOCALHOST.", "hooks.localhost"] {
            assert_eq!(name_reach(name), NameReach::Loopback, "{name}");
        }
        for name in
            ["intranet", "ip6-localhost", "localhost.localdomain", "nas.local", "db.internal.", "x.home.arpa"]
        {
            assert_eq!(name_reach(name), NameReach::Private, "{name}");
        }
        for name in ["hooks.example.org", "localhost.example.org", "notlocalhost.org", "internal.example"] {
            assert_eq!(name_reach(name), NameReach::Any, "{name}");
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
