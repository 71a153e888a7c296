//! Scopes (RFC 6749 §3.3): what a token allows, and who may grant it.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::scope_translations::Translations;
use super::user::Role;

/// A scope in the tenant's catalogue.
#[derive(Clone, Debug)]
pub struct Scope {
    pub name: String,
    pub description: String,
    /// The same words in other languages.
    pub translations: Translations,
    /// The role a user needs to grant it; `None`: everyone may.
    pub required_role: Option<Role>,
    /// Whether only tokens that are bound to a key may have it (RFC 9449).
    pub requires_dpop: bool,
    /// How long a connection with it lasts at most; `None`: as long as any other.
    pub max_lifetime_seconds: Option<u32>,
}

/// What `max_lifetime_seconds` may be: from a minute, which a token needs to be of use, to ten years.
pub const MAX_LIFETIMES: RangeInclusive<u32> = 60..=10 * 365 * 86_400;

/// The scopes every tenant starts with: those that mean something to the server itself.
pub const STANDARD: [(&str, &str, Option<Role>); 9] = [
    ("openid", "See your account ID", None),
    ("profile", "See your name and username", None),
    ("email", "See your email address", None),
    (OFFLINE_ACCESS, "Stay connected when you are not using the device", None),
    ("devices", "See and manage your connected devices", None),
    ("clients", "See and manage the apps you created", None),
    ("device:approve", "Approve other devices on your behalf", None),
    (ADMIN, "Administer this server: view and change everything", Some(Role::Admin)),
    (ADMIN_READ, "View everything on this server without changing anything", Some(Role::Auditor)),
];

/// The words of the standard scopes in German and in simplified Chinese.
const STANDARD_TRANSLATIONS: [(&str, &str, &str); 9] = [
    ("openid", "Ihre Konto-ID sehen", "查看您的账户 ID"),
    ("profile", "Ihren Namen und Benutzernamen sehen", "查看您的姓名和用户名"),
    ("email", "Ihre E-Mail-Adresse sehen", "查看您的电子邮件地址"),
    (
        OFFLINE_ACCESS,
        "Verbunden bleiben, auch wenn Sie das Gerät gerade nicht benutzen",
        "在您不使用设备时保持连接",
    ),
    ("devices", "Ihre verbundenen Geräte sehen und verwalten", "查看并管理您已连接的设备"),
    ("clients", "Die Apps sehen und verwalten, die Sie angelegt haben", "查看并管理您创建的应用"),
    ("device:approve", "In Ihrem Namen weitere Geräte zulassen", "以您的名义批准其他设备"),
    (ADMIN, "Diesen Server verwalten: alles sehen und ändern", "管理此服务器：查看并更改一切"),
    (ADMIN_READ, "Auf diesem Server alles sehen und nichts ändern", "查看此服务器上的一切，但不能更改"),
];

impl Scope {
    /// A scope that asks for nothing: everyone may grant it, to any device, for as long as any other.
    #[must_use]
    pub fn unconditional(name: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            translations: Translations::default(),
            required_role: None,
            requires_dpop: false,
            max_lifetime_seconds: None,
        }
    }

    #[must_use]
    pub const fn is_unconditional(&self) -> bool {
        self.required_role.is_none() && !self.requires_dpop && self.max_lifetime_seconds.is_none()
    }

    /// The scopes every tenant starts with, in words.
    pub fn standard() -> impl Iterator<Item = Self> {
        STANDARD.into_iter().map(|(name, description, required_role)| {
            let words = STANDARD_TRANSLATIONS.into_iter().find(|(of, ..)| *of == name);
            let words = words.map(|(_, german, chinese)| [("de", german), ("zh-Hans", chinese)]);
            Self {
                translations: Translations::of(words.into_iter().flatten()).unwrap_or_default(),
                required_role,
                ..Self::unconditional(name, description)
            }
        })
    }

    /// The words for people, in the first of these languages (RFC 5646) that there are any in; else the description.
    pub fn in_words<'a>(&self, languages: impl IntoIterator<Item = &'a str>) -> &str {
        let translated = languages.into_iter().find_map(|language| self.translations.in_language(language));
        translated.unwrap_or(&self.description)
    }
}

/// The scope that asks for a refresh token (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scope that asks for an ID token (OpenID Connect Core §3.1.2.1).
pub const OPENID: &str = "openid";

/// The scope that lets an administrator's program do whatever the administrator may.
pub const ADMIN: &str = "admin";
/// The scope that lets an administrator's or auditor's program look, and change nothing.
pub const ADMIN_READ: &str = "admin:read";

/// The standard scopes that speak of a person; a client that acts for itself has none to speak of.
pub const OF_A_PERSON: [&str; 7] =
    [OPENID, "profile", "email", OFFLINE_ACCESS, "devices", "clients", "device:approve"];

/// The scopes that open Latchkey's own APIs: a token with one of them is for these APIs, too.
pub const OF_OWN_API: [&str; 5] = ["devices", "clients", "device:approve", ADMIN, ADMIN_READ];

/// The scopes that are given by name only: an administrator must register a client for each of them. No client inherits
/// them, and no client that a user owns or that registered itself ever has them. With `device:approve`, for example, a
/// program connects further devices with other scopes, and no person sees it.
pub const BY_NAME_ONLY: [&str; 4] = [ADMIN, ADMIN_READ, "device:approve", "clients"];

/// A set of scope names; order does not matter (RFC 6749 §3.3), so it is kept sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<String>);

/// The text holds a character that no scope may have.
#[derive(Debug, thiserror::Error)]
#[error(
    "a scope must be one or more printable ASCII characters without quote or backslash; separate scopes by \
     single spaces"
)]
pub struct InvalidScopeError;

impl ScopeSet {
    /// Reads a space-delimited list (RFC 6749 §3.3: `%x21 / %x23-5B / %x5D-7E`). Runs of spaces count as one.
    pub fn parse(text: &str) -> Result<Self, InvalidScopeError> {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .map(Self::parse_name)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub fn parse_name(word: &str) -> Result<String, InvalidScopeError> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if word.is_empty() || !word.bytes().all(legal) {
            return Err(InvalidScopeError);
        }
        Ok(word.to_owned())
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Whether every scope of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether `name` is in the set.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

impl FromIterator<String> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_matter_but_case_does() {
        let set = ScopeSet::parse("openid  email openid").unwrap();
        assert_eq!(set, ScopeSet::parse("email openid").unwrap());
        assert_eq!(set.to_string(), "email openid");
        assert_ne!(set, ScopeSet::parse("Email openid").unwrap());
    }

    #[test]
    fn every_standard_scope_speaks_every_language_of_the_pages() {
        for scope in Scope::standard() {
            let said = [scope.in_words(["en"]), scope.in_words(["de"]), scope.in_words(["fr", "zh-Hans"])];
            assert_eq!(said[0], scope.description);
            assert!(said[0] != said[1] && said[1] != said[2] && said[0] != said[2], "{said:?}");
        }
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "ünd", "a\u{0}"] {
            assert!(ScopeSet::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ScopeSet::parse("urn:x:y#z/1~!").is_ok());
    }
}
