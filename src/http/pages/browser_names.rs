//! Browsers in words, as "Firefox on Windows": what they call themselves, where that is known to be what they write.

use super::languages::{Language, Phrase};
use crate::model::user_agent::{NamedBrowser, System};

/// The browser that a `User-Agent` header names; `None`: none that is known.
pub(super) fn in_words(language: Language, user_agent: Option<&str>) -> Option<Phrase> {
    let NamedBrowser { browser, system } = NamedBrowser::of(user_agent?)?;
    let phrase = match system {
        System::Android => language.t("browser-on-android"),
        System::ChromeOs => language.t("browser-on-chromeos"),
        System::Ipad => language.t("browser-on-ipad"),
        System::Iphone => language.t("browser-on-iphone"),
        System::Linux => language.t("browser-on-linux"),
        System::MacOs => language.t("browser-on-macos"),
        System::MacOrIpad => language.t("browser-on-mac-or-ipad"),
        System::Windows => language.t("browser-on-windows"),
    };
    Some(phrase.text("browser", browser.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_in_the_readers_language_and_an_unknown_one_is_not() {
        let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
        let said = |language, user_agent| in_words(language, user_agent).map(|phrase| phrase.to_string());
        assert_eq!(said(Language::English, Some(firefox)).as_deref(), Some("Firefox on Windows"));
        assert_eq!(said(Language::German, Some(firefox)).as_deref(), Some("Firefox unter Windows"));
        assert_eq!(said(Language::SimplifiedChinese, Some(firefox)).as_deref(), Some("Windows 上的 Firefox"));
        assert_eq!(said(Language::English, Some("Firefox on Windows")), None);
        assert_eq!(said(Language::English, None), None);
    }
}
