//! Where an address is, as far as files about addresses know: rarely better than a city, often wrong for VPNs and
//! mobile networks. A hint for people and for risk rules, never a proof.

use serde::{Deserialize, Serialize};

/// The mean radius of the earth, in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// What is known about the place of an address. Whatever is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The city's English name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The English name of the largest part of the country that the city is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The country (ISO 3166-1 alpha-2, upper case).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The number of the network that announces the address (autonomous system, RFC 6793).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Whether that network is one of hosting providers, where servers live and people do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_hosting: Option<bool>,
    /// Degrees north (WGS 84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east (WGS 84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// How far from those coordinates the address may well be, in kilometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_km: Option<u16>,
}

impl Place {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The way between two places over the surface of a round earth (haversine formula), in kilometres, where
    /// both have coordinates.
    #[must_use]
    pub fn distance_km(&self, other: &Self) -> Option<f64> {
        let (from_north, from_east) = (self.latitude?.to_radians(), self.longitude?.to_radians());
        let (to_north, to_east) = (other.latitude?.to_radians(), other.longitude?.to_radians());
        let half_chord_squared = ((to_north - from_north) / 2.0).sin().powi(2)
            + from_north.cos() * to_north.cos() * ((to_east - from_east) / 2.0).sin().powi(2);
        Some(2.0 * EARTH_RADIUS_KM * half_chord_squared.min(1.0).sqrt().asin())
    }

    /// Whether both are in one country, where both countries are known.
    #[must_use]
    pub fn is_same_country(&self, other: &Self) -> Option<bool> {
        Some(self.country.as_ref()? == other.country.as_ref()?)
    }

    /// Whether both are in one network, where both networks are known.
    #[must_use]
    pub fn is_same_asn(&self, other: &Self) -> Option<bool> {
        Some(self.asn? == other.asn?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Place {
        Place { latitude: Some(latitude), longitude: Some(longitude), ..Place::default() }
    }

    #[test]
    fn distances_are_those_of_the_map() {
        let (berlin, paris, sydney) = (at(52.52, 13.405), at(48.8566, 2.3522), at(-33.8688, 151.2093));
        for (from, to, expected) in [
            (&berlin, &paris, 877.5),
            (&berlin, &sydney, 16_090.0),
            (&berlin, &berlin, 0.0),
            // Across the date line, and from pole to pole.
            (&at(0.0, 179.5), &at(0.0, -179.5), 111.2),
            (&at(90.0, 0.0), &at(-90.0, 77.0), 20_015.1),
        ] {
            let distance = from.distance_km(to).unwrap();
            assert!((distance - expected).abs() <= expected * 0.002, "{distance} instead of {expected}");
            assert_eq!(to.distance_km(from).map(f64::round), Some(distance.round()));
        }
    }

    #[test]
    fn what_is_unknown_is_not_compared() {
        let somewhere = Place { country: Some("DE".into()), asn: Some(64500), ..at(52.5, 13.4) };
        let unknown = Place::default();
        assert!(unknown.is_unknown() && !somewhere.is_unknown());
        for (one, other) in [(&somewhere, &unknown), (&unknown, &somewhere), (&unknown, &unknown)] {
            assert_eq!(one.distance_km(other), None);
            assert_eq!(one.is_same_country(other), None);
            assert_eq!(one.is_same_asn(other), None);
        }
        let elsewhere = Place { country: Some("FR".into()), asn: Some(64500), ..Place::default() };
        assert_eq!(somewhere.is_same_country(&elsewhere), Some(false));
        assert_eq!(somewhere.is_same_asn(&elsewhere), Some(true));
    }

    #[test]
    fn only_what_is_known_is_written() {
        let place = Place { country: Some("DE".into()), ..Place::default() };
        assert_eq!(serde_json::to_string(&place).unwrap(), r#"{"country":"DE"}"#);
        assert_eq!(
            serde_json::from_str::<Place>(r#"{"country":"DE","of a later version":1}"#).unwrap(),
            place
        );
    }
}
