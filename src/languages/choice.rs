//! In which language a request is answered.

use axum::http::{HeaderMap, header};
use axum_extra::extract::CookieJar;
use unic_langid::LanguageIdentifier;

use super::Language;

/// The language of the cookie of this name, which the person set; else the one their browser prefers (RFC 9110
/// §12.5.4); else English.
#[must_use]
pub fn chosen(headers: &HeaderMap, cookie_name: &str) -> Language {
    of_cookie(headers, cookie_name).or_else(|| preferred(headers)).unwrap_or(Language::English)
}

/// What words are looked up by that may be in other languages than the pages: the language of the cookie, else what
/// is asked for first, and what of ours comes near it.
#[must_use]
pub fn asked_for(headers: &HeaderMap, cookie_name: &str) -> Vec<String> {
    let first = ranges(headers).next();
    let ours = first.as_ref().and_then(looked_up);
    let tags = match of_cookie(headers, cookie_name) {
        Some(language) => [None, Some(language.tag().to_owned())],
        None => [first.map(|first| first.to_string()), ours.map(|ours| ours.tag().to_owned())],
    };
    tags.into_iter().flatten().collect()
}

fn of_cookie(headers: &HeaderMap, cookie_name: &str) -> Option<Language> {
    CookieJar::from_headers(headers).get(cookie_name).and_then(|cookie| Language::of_tag(cookie.value()))
}

/// The first of the browser's languages that we have.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    ranges(headers).find_map(|range| looked_up(&range))
}

/// The browser's languages, by weight, then by order.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = LanguageIdentifier> {
    let mut ranges: Vec<_> = headers
        .get_all(header::ACCEPT_LANGUAGE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranges.into_iter().filter(|(weight, _)| *weight > 0).map(|(_, range)| range)
}

/// A language range and its weight in thousandths; `None`: it cannot be read, or is `*`, which names nothing.
fn range(item: &str) -> Option<(u16, LanguageIdentifier)> {
    let mut fields = item.split(';').map(str::trim);
    let range = fields.next()?.parse().ok()?;
    let weight = match fields.next() {
        None => 1000,
        Some(field) => weight(field)?,
    };
    Some((weight, range))
}

/// `q=` and up to three decimals (RFC 9110 §12.4.2).
fn weight(field: &str) -> Option<u16> {
    let value = field.strip_prefix("q=").or_else(|| field.strip_prefix("Q="))?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// Looks a range up (RFC 4647 §3.4): it is shortened until we have its language. Chinese of Taiwan, Hong Kong and
/// Macao is written in traditional characters, which we do not have; it is not answered in a script its readers
/// did not ask for. A browser set to it mostly names plain `zh` too, and that is simplified.
fn looked_up(range: &LanguageIdentifier) -> Option<Language> {
    let script = range.script.map(|script| script.to_string());
    let region = range.region.map(|region| region.to_string());
    match (range.language.as_str(), script.as_deref(), region.as_deref()) {
        ("en", None | Some("Latn"), _) => Some(Language::English),
        ("de", None | Some("Latn"), _) => Some(Language::German),
        ("zh", None, Some("TW" | "HK" | "MO")) => None,
        ("zh", None | Some("Hans"), _) => Some(Language::SimplifiedChinese),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(accept_language: &str, cookie: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accept_language.parse().unwrap());
        headers.insert(header::COOKIE, format!("language={cookie}").parse().unwrap());
        chosen(&headers, "language").tag()
    }

    #[test]
    fn the_language_a_person_chose_wins_if_we_have_it() {
        assert_eq!(tag("en", "de"), "de");
        assert_eq!(tag("zh-CN", "tlh"), "zh-Hans");
        assert_eq!(tag("de", "<script>"), "de");
    }

    #[test]
    fn the_browsers_languages_are_taken_by_weight_and_then_by_order() {
        assert_eq!(tag("fr, de;q=0.8, en;q=0.9", ""), "en");
        assert_eq!(tag("de-AT,en;q=0.7", ""), "de");
        assert_eq!(tag("de, en", ""), "de");
        assert_eq!(tag("DE-de ; q=1.000 , en;q=0.999", ""), "de");
        assert_eq!(tag("de;q=0, zh;q=0.001", ""), "zh-Hans");
        assert_eq!(tag("fr-CA, *;q=0.5", ""), "en");
    }

    #[test]
    fn words_are_looked_up_by_what_is_asked_for_first() {
        let tags = |accept_language: &str, cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, accept_language.parse().unwrap());
            headers.insert(header::COOKIE, format!("language={cookie}").parse().unwrap());
            asked_for(&headers, "language").join(" ")
        };
        assert_eq!(tags("en;q=0.5, fr-ca", ""), "fr-CA");
        assert_eq!(tags("zh-cn, de", ""), "zh-CN zh-Hans");
        assert_eq!(tags("fr, de", "de"), "de");
        assert_eq!(tags(";;;", ""), "");
    }

    #[test]
    fn chinese_is_answered_in_the_script_it_was_asked_for_in() {
        for simplified in ["zh", "zh-CN", "zh-SG", "zh-Hans", "zh-Hans-HK", "zh-TW,zh;q=0.9,en;q=0.8"] {
            assert_eq!(tag(simplified, ""), "zh-Hans", "{simplified}");
        }
        for traditional in ["zh-TW", "zh-HK", "zh-MO", "zh-Hant", "zh-Hant-TW", "zh-TW, de;q=0"] {
            assert_eq!(tag(traditional, ""), "en", "{traditional}");
        }
        assert_eq!(tag("zh-TW, de;q=0.5", ""), "de");
    }

    #[test]
    fn what_cannot_be_read_counts_for_nothing() {
        for nonsense in ["", ";;;", "de;q=2", "de;q=0.1234", "de;level=1", "a-b-c-d", "de_;q=1", "é"] {
            assert_eq!(tag(nonsense, ""), "en", "{nonsense}");
        }
    }
}
