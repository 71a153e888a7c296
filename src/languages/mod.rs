//! The languages of the pages, and every word a person reads on them.
//!
//! # How to say something new
//!
//! 1. Write the message in Fluent (<https://projectfluent.org/fluent/guide/>) into `locales/en/PAGE.ftl`,
//!    `locales/de/PAGE.ftl` and `locales/zh-Hans/PAGE.ftl`, under one key and with the same variables. German says
//!    Sie. A new file is named once more, in [`catalogue`]. Keys are `page-what`: `device-title`, `device-error-…`.
//! 2. Say it where the [frame](crate::http::pages::views::PageFrame) is at hand, in a template or in Rust, always with the key
//!    written out, because a test looks for it:
//!
//! ```text
//! {{ frame.t("device-title") }}
//! {{ frame.t("consent-title").name("client", client_name) }}
//! {{ frame.t("keys-count").number("count", keys.len() as i64) }}
//! frame.t("device-error-too-many").phrase("wait", words::wait(frame.language, retry_after))
//! ```
//!
//! What comes back is a [`Phrase`], which a template writes as it is: the message and every value in it are
//! escaped, and names stand in `<bdi translate="no">`. Inside `<title>` and attributes no element can be; there
//! it is `{{ frame.t("…").plain() }}`. A message may hold `<strong>…</strong>`, and no other markup.
//! What may be on any page, titles and errors of views for instance, is kept as a `Phrase` and not as a `String`.
//!
//! The tests beside [`catalogue`] fail when a key is used and not there, or there and not used, or when two
//! languages differ in their keys or variables.

mod catalogue;
mod choice;
mod phrase;
pub mod places;
pub mod words;

pub use choice::{asked_for, chosen};
pub use phrase::Phrase;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, which everybody gets whose languages we do not have.
    English,
    /// German.
    German,
    /// Chinese in simplified characters.
    SimplifiedChinese,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::SimplifiedChinese];

    /// The tag (RFC 5646), as in `lang` and `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::SimplifiedChinese => "zh-Hans",
        }
    }

    /// The language of this very tag.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The direction of its script, as in `dir`.
    #[must_use]
    pub const fn direction(self) -> &'static str {
        match self {
            Self::English | Self::German | Self::SimplifiedChinese => "ltr",
        }
    }

    /// Its name in itself.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::SimplifiedChinese => "简体中文",
        }
    }

    /// The message of this key in this language.
    #[must_use]
    pub fn t(self, key: &'static str) -> Phrase {
        Phrase::new(self, key)
    }
}
