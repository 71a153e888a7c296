//! Browsers in words, as "Firefox on Windows": what they call themselves, where that is known to be what they write.

use crate::languages::{Language, Phrase};
use crate::model::user_agent::{NamedBrowser, NamedProgram, System};

/// The browser that a `User-Agent` header names; `None`: none that is known.
pub(super) fn in_words(language: Language, user_agent: Option<&str>) -> Option<Phrase> {
    let NamedBrowser { browser, system } = NamedBrowser::of(user_agent?)?;
    Some(on_system(language, system).text("browser", browser.name()))
}

/// The same for any program, as "gh on Linux".
pub(super) fn program_in_words(language: Language, user_agent: Option<&str>) -> Option<Phrase> {
    in_words(language, user_agent).or_else(|| {
        let NamedProgram { product, system } = NamedProgram::of(user_agent?)?;
        let phrase =
            system.map_or_else(|| language.t("browser-somewhere"), |system| on_system(language, system));
        Some(phrase.text("browser", product))
    })
}

fn on_system(language: Language, system: System) -> Phrase {
    match system {
        System::Android => language.t("browser-on-android"),
        System::ChromeOs => language.t("browser-on-chromeos"),
        System::Ipad => language.t("browser-on-ipad"),
        System::Iphone => language.t("browser-on-iphone"),
        System::Linux => language.t("browser-on-linux"),
        System::MacOs => language.t("browser-on-macos"),
        System::MacOrIpad => language.t("browser-on-mac-or-ipad"),
        System::Windows => language.t("browser-on-windows"),
    }
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
