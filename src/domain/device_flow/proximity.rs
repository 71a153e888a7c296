//! How near a device is to the browser it is to be approved in (RFC 10027 §6.1.1): one that stands before the person
//! is mostly in the same country, and often in the same network. VPNs and mobile networks say otherwise without
//! any harm, and whoever wants to deceive can seem near: a reason to warn, never a proof.

use crate::model::place::Place;

/// From how far on two places are not near each other, in kilometres: more than files about addresses are mostly
/// wrong by.
const FAR_KM: f64 = 300.0;

/// What speaks against the device being where the browser is. Where something is not known, nothing does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Proximity {
    /// They are in different countries.
    pub is_other_country: bool,
    /// They are in different networks.
    pub is_other_network: bool,
    /// They are far from each other, even if both places are as wrong as they may be: so many kilometres.
    pub far_km: Option<f64>,
    /// The device is where servers live.
    pub is_hosted: bool,
}

impl Proximity {
    /// Compares the place of a device with the place of the browser.
    #[must_use]
    pub fn between(device: Option<&Place>, browser: Option<&Place>) -> Self {
        let is_hosted = device.and_then(|device| device.is_hosting) == Some(true);
        let (Some(device), Some(browser)) = (device, browser) else {
            return Self { is_hosted, ..Self::default() };
        };
        let doubt = f64::from(device.accuracy_km.unwrap_or(0)) + f64::from(browser.accuracy_km.unwrap_or(0));
        Self {
            is_other_country: device.is_same_country(browser) == Some(false),
            is_other_network: device.is_same_asn(browser) == Some(false),
            far_km: device.distance_km(browser).filter(|distance| distance - doubt >= FAR_KM),
            is_hosted,
        }
    }

    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_unsuspicious(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, asn: u32, latitude: f64, longitude: f64) -> Place {
        Place {
            country: Some(country.to_owned()),
            asn: Some(asn),
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..Place::default()
        }
    }

    fn berlin() -> Place {
        place("DE", 64500, 52.52, 13.405)
    }

    #[test]
    fn what_is_near_or_unknown_is_unsuspicious() {
        let (berlin, potsdam) = (berlin(), place("DE", 64500, 52.4, 13.06));
        for (device, browser) in
            [(Some(&berlin), Some(&potsdam)), (None, Some(&berlin)), (Some(&berlin), None), (None, None)]
        {
            assert!(Proximity::between(device, browser).is_unsuspicious());
        }
        assert!(Proximity::between(Some(&Place::default()), Some(&berlin)).is_unsuspicious());
    }

    #[test]
    fn country_network_and_distance_each_count() {
        let paris = place("FR", 64501, 48.8566, 2.3522);
        let found = Proximity::between(Some(&paris), Some(&berlin()));
        assert!(found.is_other_country && found.is_other_network && !found.is_hosted);
        assert_eq!(found.far_km.map(f64::round), Some(878.0));

        let over_the_border = Proximity::between(Some(&place("PL", 64500, 52.35, 14.56)), Some(&berlin()));
        assert!(over_the_border.is_other_country && !over_the_border.is_other_network);
        assert_eq!(over_the_border.far_km, None);

        let munich = Proximity::between(Some(&place("DE", 64501, 48.14, 11.58)), Some(&berlin()));
        assert!(!munich.is_other_country && munich.is_other_network && munich.far_km.is_some());
    }

    #[test]
    fn places_that_may_be_wrong_are_given_the_benefit_of_the_doubt() {
        let vague = Place { accuracy_km: Some(200), ..place("DE", 64500, 48.14, 11.58) };
        let browser = Place { accuracy_km: Some(50), ..berlin() };
        assert_eq!(Proximity::between(Some(&vague), Some(&browser)).far_km, None);
    }

    #[test]
    fn a_device_in_a_data_centre_is_noticed_wherever_the_browser_is() {
        let hosted = Place { is_hosting: Some(true), ..Place::default() };
        assert!(Proximity::between(Some(&hosted), None).is_hosted);
        assert!(!Proximity::between(None, Some(&hosted)).is_hosted);
    }
}
