//! Places in words, as "Berlin, Germany · Example Networks (AS64500)".

use super::{Language, Phrase};
use crate::model::place::Place;

/// The countries (ISO 3166-1 alpha-2, and XK) in the order of their codes, with their names in English, German and
/// simplified Chinese: from Unicode CLDR, © Unicode, Inc., under the Unicode License v3.
const COUNTRIES: &str = include_str!("locales/countries.tsv");

/// What is known of a place, in words; `None`: nothing that has a name.
#[must_use]
pub fn in_words(language: Language, place: &Place) -> Option<Phrase> {
    let country = place.country.as_deref().map(|code| country(language, code));
    let area = match (&place.city, country) {
        (Some(city), Some(country)) => {
            Some(language.t("place-city-country").name("city", city).text("country", country))
        }
        (Some(city), None) => Some(language.t("place-city").name("city", city)),
        (None, Some(country)) => Some(language.t("place-country").text("country", country)),
        (None, None) => None,
    };
    let network = place.asn.map(|asn| {
        let number = format!("AS{asn}");
        match &place.organisation {
            Some(organisation) => {
                language.t("place-network").name("organisation", organisation).text("number", &number)
            }
            None => language.t("place-network-number").text("number", &number),
        }
    });
    match (area, network) {
        (Some(area), Some(network)) => {
            Some(language.t("place-whole").phrase("area", area).phrase("network", network))
        }
        (area, network) => area.or(network),
    }
}

/// A country's name, or its code if it is none that we know.
fn country(language: Language, code: &str) -> &str {
    let row = COUNTRIES.lines().find_map(|row| row.strip_prefix(code)?.strip_prefix('\t'));
    let column = match language {
        Language::English => 0,
        Language::German => 1,
        Language::SimplifiedChinese => 2,
    };
    row.and_then(|names| names.split('\t').nth(column)).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_name_in_every_language() {
        assert!(COUNTRIES.lines().count() > 245);
        for row in COUNTRIES.lines() {
            let fields: Vec<_> = row.split('\t').collect();
            assert_eq!(fields.len(), 1 + Language::ALL.len(), "{row}");
            assert!(fields[0].len() == 2 && fields.iter().all(|field| !field.trim().is_empty()), "{row}");
        }
    }

    #[test]
    fn places_are_told_in_the_readers_language_as_far_as_they_are_known() {
        let said = |language, place: &Place| in_words(language, place).map(|phrase| phrase.to_string());
        let mut place = Place { country: Some("DE".into()), ..Place::default() };
        assert_eq!(said(Language::English, &place).as_deref(), Some("Germany"));
        assert_eq!(said(Language::SimplifiedChinese, &place).as_deref(), Some("德国"));
        place = Place { asn: Some(64500), ..place };
        assert_eq!(said(Language::German, &place).as_deref(), Some("Deutschland · AS64500"));
        place = Place { city: Some("<Berlin>".into()), organisation: Some("Example & Co.".into()), ..place };
        assert_eq!(
            said(Language::English, &place).unwrap(),
            "<bdi translate=\"no\">&#60;Berlin&#62;</bdi>, Germany · <bdi translate=\"no\">Example &#38; Co.</bdi> (AS64500)"
        );
        assert_eq!(
            said(Language::English, &Place { country: Some("ZZ".into()), ..Place::default() }).as_deref(),
            Some("ZZ")
        );
        assert_eq!(said(Language::English, &Place { latitude: Some(1.0), ..Place::default() }), None);
    }
}
