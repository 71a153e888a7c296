//! What files say of an address, as far as it is wanted. The members are those of MaxMind's City and ASN files, which
//! DB-IP and others write too, and those of flat files, such as those of `IPinfo`, `ip-location-db` and
//! `IP2Location`.

use super::value::Value;
use crate::model::place::Place;

/// Where each fact may stand; the first place that says something counts.
const CITY: [&[&str]; 2] = [&["city", "names", "en"], &["city"]];
const REGION: [&[&str]; 5] =
    [&["subdivisions", "names", "en"], &["state1"], &["region"], &["region_name"], &["stateprov"]];
const COUNTRY: [&[&str]; 4] =
    [&["country", "iso_code"], &["country_code"], &["country_iso_code"], &["country"]];
const LATITUDE: [&[&str]; 3] = [&["location", "latitude"], &["latitude"], &["lat"]];
const LONGITUDE: [&[&str]; 4] = [&["location", "longitude"], &["longitude"], &["lng"], &["lon"]];
const ACCURACY_KM: [&[&str]; 2] = [&["location", "accuracy_radius"], &["accuracy_radius"]];
const ASN: [&[&str]; 3] = [&["autonomous_system_number"], &["asn"], &["as_number"]];
const ORGANISATION: [&[&str]; 4] =
    [&["autonomous_system_organization"], &["as_name"], &["as_organization"], &["as"]];

/// Adds what a record of a file about cities or countries says. Returns `true` if it says where the address is.
pub(super) fn tell_city(record: &Value<'_>, place: &mut Place) -> bool {
    let text = |paths: &[&[&str]]| first(record, paths, Value::text).map(ToOwned::to_owned);
    place.city = text(&CITY);
    place.region = text(&REGION);
    place.country = first(record, &COUNTRY, country);
    let degrees = (
        first(record, &LATITUDE, |value| value.number().filter(|degrees| degrees.abs() <= 90.0)),
        first(record, &LONGITUDE, |value| value.number().filter(|degrees| degrees.abs() <= 180.0)),
    );
    // Null Island, in the sea, is where files without a place for an address put it.
    if let (Some(north), Some(east)) = degrees
        && (north, east) != (0.0, 0.0)
    {
        (place.latitude, place.longitude) = (Some(north), Some(east));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it stops at the ends")]
    let whole = |kilometres: f64| kilometres as u16;
    place.accuracy_km = first(record, &ACCURACY_KM, Value::number).map(whole);
    place.country.is_some() || place.latitude.is_some()
}

/// Adds what a record of a file about networks says. Returns `true` if it says in whose network the address is.
pub(super) fn tell_network(record: &Value<'_>, place: &mut Place) -> bool {
    place.asn = first(record, &ASN, number_of_network);
    place.organisation = first(record, &ORGANISATION, Value::text).map(ToOwned::to_owned);
    place.asn.is_some()
}

fn first<'a, T>(record: &Value<'a>, paths: &[&[&str]], read: impl Fn(&Value<'a>) -> Option<T>) -> Option<T> {
    paths.iter().find_map(|path| record.at(path).and_then(&read))
}

/// A country's code (ISO 3166-1 alpha-2); its name is none.
fn country(value: &Value<'_>) -> Option<String> {
    let code =
        value.text().filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
    Some(code.to_ascii_uppercase())
}

/// The number of a network, also as `AS64500`.
fn number_of_network(value: &Value<'_>) -> Option<u32> {
    let digits = |text: &str| text.strip_prefix("AS").unwrap_or(text).parse().ok();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in bounds")]
    let whole = |number: f64| (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32);
    let number = match value.text() {
        Some(text) => digits(text),
        None => value.number().and_then(whole),
    };
    number.filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(members: Vec<(&'static str, Value<'static>)>) -> Place {
        let (record, mut place) = (Value::Map(members), Place::default());
        tell_city(&record, &mut place);
        tell_network(&record, &mut place);
        place
    }

    #[test]
    fn what_a_provider_does_not_know_is_not_taken_for_a_place() {
        let unknown = vec![
            ("city", Value::Text("-")),
            ("country_code", Value::Text("-")),
            ("country", Value::Text("Germany")),
            ("latitude", Value::Number(0.0)),
            ("longitude", Value::Text("0")),
            ("asn", Value::Text("-")),
        ];
        assert_eq!(told(unknown), Place::default());
        assert_eq!(
            told(vec![("latitude", Value::Number(91.0)), ("longitude", Value::Number(1.0))]),
            Place::default()
        );
        assert_eq!(told(vec![("asn", Value::Number(0.0)), ("city", Value::Other)]), Place::default());
    }

    #[test]
    fn codes_and_numbers_are_read_however_they_are_written() {
        for (name, value) in [
            ("country", Value::Text("de")),
            ("country", Value::Map(vec![("iso_code", Value::Text("DE"))])),
            ("country_code", Value::Text("DE")),
        ] {
            assert_eq!(told(vec![(name, value)]).country.as_deref(), Some("DE"));
        }
        for (name, value) in [
            ("asn", Value::Text("AS64500")),
            ("asn", Value::Text("64500")),
            ("autonomous_system_number", Value::Number(64500.0)),
        ] {
            assert_eq!(told(vec![(name, value)]).asn, Some(64500));
        }
    }
}
