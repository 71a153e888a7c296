//! The facts of one approval. Where nothing is known, nothing is concluded.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Serialize;

use crate::model::device_authorization::CodeArrival;
use crate::model::place::Place;

/// Addresses with so many leading bits in common are in one network: an IPv4 /24, or the IPv6 /48 of a site.
const SAME_NETWORK_V4: u8 = 24;
const SAME_NETWORK_V6: u8 = 48;

/// What is known when somebody is about to approve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    pub code_age_seconds: i64,
    /// How the code came to the page.
    pub arrival: CodeArrival,
    /// How near device and browser are in the network.
    pub network: Proximity,
    /// Whether both are in one country, where both countries are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_country: Option<bool>,
    /// Whether both are in one autonomous system, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_asn: Option<bool>,
    /// How far they are apart at the least, in kilometres, where both places are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_km: Option<u32>,
    /// Whether the device is with a hosting provider, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosting_provider: Option<bool>,
    /// What is known of the device's key.
    pub key: KeyStanding,
    /// Whether the person has no other living device of this client.
    pub first_device: bool,
    /// How many codes of this client from this source wait, this one included.
    pub codes_of_source: u32,
    /// How many other accounts had to do with codes of this source lately, for the first time.
    pub accounts_of_source: u32,
    pub frozen_source: bool,
    /// Whether the person signed in after the code was made.
    pub signed_in_since: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proximity {
    SameAddress,
    SameNetwork,
    Elsewhere,
    /// They cannot be compared: one is missing, or they are of different families.
    Unknown,
}

/// What is known of the key that a device proved to hold (RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum KeyStanding {
    None,
    /// None of the person's devices has used it.
    Unknown,
    /// A device of this person used it.
    Known {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        connected_at: DateTime<Utc>,
    },
}

impl Facts {
    /// Whether device and browser are in one network.
    #[must_use]
    pub const fn is_near(&self) -> bool {
        matches!(self.network, Proximity::SameAddress | Proximity::SameNetwork)
    }

    /// Whether device and browser are known to be in different countries, or so far apart.
    #[must_use]
    pub fn is_far(&self, far_km: u32) -> bool {
        !self.is_near()
            && (self.same_country == Some(false)
                || self.distance_km.is_some_and(|distance| distance >= far_km))
    }

    /// Whether a device of the person's own has proved this key before.
    #[must_use]
    pub const fn has_known_key(&self) -> bool {
        matches!(self.key, KeyStanding::Known { .. })
    }
}

impl Proximity {
    #[must_use]
    pub fn of(asker: Option<IpAddr>, approver: IpAddr) -> Self {
        match asker {
            Some(asker) if asker == approver => Self::SameAddress,
            Some(asker) if network_of(asker).contains(&approver) => Self::SameNetwork,
            Some(asker) if asker.is_ipv4() == approver.is_ipv4() => Self::Elsewhere,
            _ => Self::Unknown,
        }
    }
}

/// The network of an address, as far as addresses are compared.
#[must_use]
pub fn network_of(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(address) => IpNet::from(Ipv4Net::new_assert(address, SAME_NETWORK_V4)).trunc(),
        IpAddr::V6(address) => IpNet::from(Ipv6Net::new_assert(address, SAME_NETWORK_V6)).trunc(),
    }
}

/// The distance that two places have at the least, given how exactly each is known.
#[must_use]
pub(super) fn least_distance_km(asker: &Place, approver: &Place) -> Option<u32> {
    let error = f64::from(asker.accuracy_km.unwrap_or(0)) + f64::from(approver.accuracy_km.unwrap_or(0));
    let least = (asker.distance_km(approver)? - error).max(0.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the earth is small and round"
    )]
    Some(least as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(asker: &str, approver: &str) -> Proximity {
        Proximity::of(asker.parse().ok(), approver.parse().unwrap())
    }

    #[test]
    fn addresses_are_compared_by_network_and_never_across_families() {
        assert_eq!(near("192.0.2.7", "192.0.2.7"), Proximity::SameAddress);
        assert_eq!(near("192.0.2.7", "192.0.2.200"), Proximity::SameNetwork);
        assert_eq!(near("192.0.2.7", "192.0.3.7"), Proximity::Elsewhere);
        assert_eq!(near("2001:db8:1:2::1", "2001:db8:1:ff::9"), Proximity::SameNetwork);
        assert_eq!(near("2001:db8:1::1", "2001:db8:2::1"), Proximity::Elsewhere);
        assert_eq!(near("2001:db8:1::1", "192.0.2.7"), Proximity::Unknown);
        assert_eq!(near("", "192.0.2.7"), Proximity::Unknown);
    }

    #[test]
    fn a_place_known_badly_is_never_said_to_be_far() {
        let at = |latitude, longitude, accuracy_km| Place {
            latitude: Some(latitude),
            longitude: Some(longitude),
            accuracy_km,
            ..Place::default()
        };
        let (berlin, paris) = (at(52.52, 13.405, None), at(48.8566, 2.3522, Some(100)));
        assert_eq!(least_distance_km(&berlin, &paris), Some(777));
        assert_eq!(least_distance_km(&berlin, &at(48.8566, 2.3522, Some(1000))), Some(0));
        assert_eq!(least_distance_km(&berlin, &Place::default()), None);
    }
}
