//! The words of a scope in other languages than that of its description.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

use super::device::displayable;

/// The most languages one scope is told in.
const MAX_LANGUAGES: usize = 50;

/// Words for people, by language tag (RFC 5646) in its usual spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translations(BTreeMap<String, String>);

#[derive(Debug, thiserror::Error)]
#[error(
    "translations must have at most 50 unique language tags such as de or zh-Hans; each translation must \
     have 1 to 128 characters, with no control or bidirectional characters and no mixed alphabets in a word"
)]
pub struct TranslationError;

impl Translations {
    pub fn of(
        words: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, TranslationError> {
        let mut read = BTreeMap::new();
        for (tag, words) in words {
            let tag = usual_spelling(tag.as_ref()).ok_or(TranslationError)?;
            let words = displayable(words.as_ref()).ok().filter(|words| !words.is_empty());
            if read.len() == MAX_LANGUAGES || read.insert(tag, words.ok_or(TranslationError)?).is_some() {
                return Err(TranslationError);
            }
        }
        Ok(Self(read))
    }

    /// The words in this language: those of the tag itself, or of it with its last parts left out (RFC 4647 §3.4).
    #[must_use]
    pub fn in_language(&self, tag: &str) -> Option<&str> {
        let mut tag = tag;
        loop {
            if let Some(words) = self.0.get(tag) {
                return Some(words);
            }
            tag = tag.rsplit_once('-')?.0;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(tag, words)| (tag.as_str(), words.as_str()))
    }
}

/// A tag as RFC 5646 §2.1.1 spells it; `None`: it is none, or names no language.
fn usual_spelling(tag: &str) -> Option<String> {
    let read: LanguageIdentifier = tag.parse().ok()?;
    (!read.language.is_empty() && !tag.contains('_')).then(|| read.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_language_speaks_and_no_other() {
        let words = Translations::of([("DE", "Videos"), ("de-at", "Filme"), ("zh-hans", "视频")]).unwrap();
        let said = |tag| words.in_language(tag);
        assert_eq!(said("de-CH"), Some("Videos"));
        assert_eq!(said("de-AT"), Some("Filme"));
        assert_eq!(said("zh-Hans-SG"), Some("视频"));
        assert_eq!((said("zh"), said("d"), said("en"), said("")), (None, None, None, None));
        assert_eq!(words.iter().map(|(tag, _)| tag).collect::<Vec<_>>(), ["de", "de-AT", "zh-Hans"]);
    }

    #[test]
    fn what_is_no_tag_or_no_fit_text_is_refused() {
        for tag in ["", "d", "de_AT", "und", "deutsch!", "de-", "<b>", "de\u{0}", "x-private"] {
            assert!(Translations::of([(tag, "x")]).is_err(), "{tag:?}");
        }
        for words in ["", "  ", "a\u{202e}b", "a\nb", "a\u{0}b", &"x".repeat(129)] {
            assert!(Translations::of([("de", words)]).is_err(), "{words:?}");
        }
        assert!(Translations::of([("de", "x"), ("DE", "y")]).is_err(), "twice");
        let many: Vec<_> = ('a'..='z')
            .flat_map(|first| ('a'..='b').map(move |second| (format!("q{first}{second}"), "x")))
            .collect();
        assert!(Translations::of(many[..50].iter().cloned()).is_ok());
        assert!(Translations::of(many[..51].iter().cloned()).is_err());
    }
}
