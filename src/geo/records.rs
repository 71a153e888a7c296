//! What files say of an address, as far as it is wanted. The members are those of MaxMind's City and ASN files,
//! which others write too.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::model::place::Place;

/// A record of a file about cities or countries.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CityRecord<'a> {
    #[serde(borrow)]
    city: Named<'a>,
    #[serde(borrow)]
    country: Country<'a>,
    location: Location,
    /// From the largest to the smallest.
    #[serde(borrow)]
    subdivisions: Vec<Named<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<Number>,
    longitude: Option<Number>,
    accuracy_radius: Option<Number>,
}

/// A record of a file about networks.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NetworkRecord<'a> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

impl CityRecord<'_> {
    pub(super) fn tell(&self, place: &mut Place) {
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        place.city = text(self.city.names.en);
        place.region = text(self.subdivisions.first().and_then(|region| region.names.en));
        place.country = text(self.country.iso_code);
        place.latitude = self.location.latitude.as_ref().map(|degrees| degrees.0);
        place.longitude = self.location.longitude.as_ref().map(|degrees| degrees.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it stops at the ends")]
        let whole = |kilometres: &Number| kilometres.0 as u16;
        place.accuracy_km = self.location.accuracy_radius.as_ref().map(whole);
    }
}

impl NetworkRecord<'_> {
    pub(super) fn tell(&self, place: &mut Place) {
        place.asn = self.autonomous_system_number;
        place.organisation = self.autonomous_system_organization.map(ToOwned::to_owned);
    }
}

/// A number in whichever of its types a file has it: single precision, double precision or whole.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "degrees and kilometres are small")]
    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "degrees and kilometres are small")]
    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number(number as f64))
    }
}
