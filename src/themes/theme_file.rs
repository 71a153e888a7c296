//! What `theme.toml` may say.

use serde::{Deserialize, Deserializer};
use url::Url;

use super::colour::Colour;
use super::error::ThemeError;

/// The longest name and description of a logo, in characters.
const MAX_WORDS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThemeFile {
    /// The tenant's name on its pages; none: the one it was made with.
    #[serde(default, deserialize_with = "some_words")]
    pub(super) name: Option<String>,
    pub(super) light: Option<Colours>,
    pub(super) dark: Option<Colours>,
    pub(super) logo: Option<LogoFile>,
    #[serde(default)]
    links: Links,
}

/// The colours for light, or for dark surroundings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Colours {
    /// Of the main button, the focus and the marks.
    pub(super) accent: Colour,
    /// Of the text on the main button; none: white or black.
    pub(super) accent_text: Option<Colour>,
    pub(super) background: Option<Colour>,
    pub(super) text: Option<Colour>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogoFile {
    pub(super) file: String,
    pub(super) dark_file: Option<String>,
    /// What it says to whoever does not see it. Then it stands in the name's place; without, beside it.
    #[serde(default, deserialize_with = "some_words")]
    pub(super) alt: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Links {
    support: Option<Url>,
    privacy: Option<Url>,
    imprint: Option<Url>,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub kind: LinkKind,
    /// `https`, or `mailto` for support.
    pub url: Url,
}

/// Where a link of the footer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Support,
    Privacy,
    Imprint,
}

impl ThemeFile {
    pub(super) fn parse(text: &str) -> Result<Self, ThemeError> {
        let refuse = |problem: String| Err(ThemeError::Unreadable(problem));
        let file = match toml::Deserializer::parse(text) {
            Ok(file) => file,
            Err(error) => return refuse(format!("{}{}", line(text, &error), error.message())),
        };
        serde_path_to_error::deserialize(file).or_else(|error| {
            let (key, error) = (error.path().to_string(), error.into_inner());
            let key = if key == "." { String::new() } else { format!("{key}: ") };
            refuse(format!("{}{key}{}", line(text, &error), error.message()))
        })
    }

    /// The links, in the order in which pages have them.
    pub(super) fn links(self) -> Result<Vec<Link>, ThemeError> {
        let links = [
            (LinkKind::Support, "support", self.links.support),
            (LinkKind::Privacy, "privacy", self.links.privacy),
            (LinkKind::Imprint, "imprint", self.links.imprint),
        ];
        let mut taken = Vec::new();
        for (kind, key, url) in links {
            let Some(url) = url else { continue };
            let mail = kind == LinkKind::Support && url.scheme() == "mailto";
            if url.scheme() != "https" && !mail {
                let also = if kind == LinkKind::Support { " or mailto" } else { "" };
                return Err(ThemeError::Unreadable(format!("links.{key}: must be https{also}")));
            }
            taken.push(Link { kind, url });
        }
        Ok(taken)
    }
}

/// Where the error is, as the start of a message: `line 3: `.
fn line(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return String::new() };
    format!("line {}: ", text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1)
}

fn some_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let words = String::deserialize(deserializer)?.trim().to_owned();
    if words.chars().count() > MAX_WORDS || words.chars().any(char::is_control) {
        let problem = format!("must be one line of at most {MAX_WORDS} characters");
        return Err(serde::de::Error::custom(problem));
    }
    Ok((!words.is_empty()).then_some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_optional_but_the_accent_of_a_scheme() {
        let file = ThemeFile::parse("").unwrap();
        assert!(file.name.is_none() && file.light.is_none() && file.links().unwrap().is_empty());
        let file = ThemeFile::parse("name = \" Acme \"\n[light]\naccent = \"#0b6e4f\"").unwrap();
        assert_eq!(file.name.as_deref(), Some("Acme"));
    }

    #[test]
    fn links_have_one_order_and_lead_to_the_web() {
        let file = "[links]\nimprint = \"https://a.example/i\"\nsupport = \"mailto:help@a.example\"";
        let kinds: Vec<_> = ThemeFile::parse(file).unwrap().links().unwrap().iter().map(|l| l.kind).collect();
        assert_eq!(kinds, [LinkKind::Support, LinkKind::Imprint]);
    }

    #[test]
    fn every_refusal_names_its_key() {
        for (text, key) in [
            ("nmae = \"x\"", "nmae"),
            ("[light]\naccent = \"red\"", "light.accent"),
            ("[light]\naccent = \"#fff;} * {\"", "light.accent"),
            ("[light]\ntext = \"#000000\"", "accent"),
            ("[dark]\naccent = \"#000000\"\nfont = \"x\"", "font"),
            ("[logo]\nalt = \"x\"", "file"),
            ("name = \"two\\nlines\"", "name"),
            ("[links]\nsupport = \"help\"", "links.support"),
            ("[links]\nsupport = \"javascript:alert(1)\"", "links.support"),
            ("[links]\nprivacy = \"mailto:x@a.example\"", "links.privacy"),
            ("[links]\nimprint = \"http://a.example\"", "links.imprint"),
            ("[light", ""),
        ] {
            let refusal = ThemeFile::parse(text).and_then(ThemeFile::links).expect_err(text).to_string();
            assert!(refusal.contains(key), "{text:?} gave {refusal:?}");
        }
        let long = format!("name = \"{}\"", "x".repeat(MAX_WORDS + 1));
        assert!(ThemeFile::parse(&long).is_err());
    }
}
