//! What a `User-Agent` header calls itself (RFC 9110 §10.1.5), in words for people.
//!
//! Anybody can write anything into it, so a name is a claim. Only what is written exactly as one of the browsers named
//! here writes it is taken for that browser; everything else, such as a program, an app's built-in browser, a robot, or a
//! browser that is not named here, is none, since a wrong name would be worse than no name.

/// A browser on some system, as it calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedBrowser {
    pub browser: Browser,
    pub system: System,
}

/// A browser that many people use. Those built on Chrome that do not say so are Chrome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    Chrome,
    DuckDuckGo,
    Edge,
    Firefox,
    Huawei,
    Opera,
    Safari,
    Samsung,
    Uc,
    Vivaldi,
    Yandex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Android,
    ChromeOs,
    Ipad,
    Iphone,
    Linux,
    MacOs,
    /// Safari says the same on both.
    MacOrIpad,
    Windows,
}

impl Browser {
    /// Its name, the same in every language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::DuckDuckGo => "DuckDuckGo",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Huawei => "Huawei Browser",
            Self::Opera => "Opera",
            Self::Safari => "Safari",
            Self::Samsung => "Samsung Internet",
            Self::Uc => "UC Browser",
            Self::Vivaldi => "Vivaldi",
            Self::Yandex => "Yandex Browser",
        }
    }

    /// The browser that puts this product into its header, beside those that all of its kind put there; and whether it
    /// does so on iPhones and iPads only.
    fn of_product(product: &str) -> Option<(Self, Reach)> {
        Some(match product {
            "Ddg" | "DuckDuckGo" => (Self::DuckDuckGo, Reach::Everywhere),
            "Edg" | "EdgA" | "Edge" => (Self::Edge, Reach::Everywhere),
            "EdgiOS" => (Self::Edge, Reach::IphoneAndIpad),
            "FxiOS" => (Self::Firefox, Reach::IphoneAndIpad),
            "CriOS" => (Self::Chrome, Reach::IphoneAndIpad),
            "HuaweiBrowser" => (Self::Huawei, Reach::Everywhere),
            "OPR" => (Self::Opera, Reach::Everywhere),
            "OPT" | "OPX" => (Self::Opera, Reach::IphoneAndIpad),
            "SamsungBrowser" => (Self::Samsung, Reach::Everywhere),
            "UCBrowser" => (Self::Uc, Reach::Everywhere),
            "Vivaldi" => (Self::Vivaldi, Reach::Everywhere),
            "YaBrowser" => (Self::Yandex, Reach::Everywhere),
            _ => return None,
        })
    }
}

/// Where a product is put into headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Everywhere,
    IphoneAndIpad,
}

impl NamedBrowser {
    /// The browser that writes such a header; `None`: none of those that are known here.
    #[must_use]
    pub fn of(user_agent: &str) -> Option<Self> {
        let (platform, rest) = user_agent.strip_prefix("Mozilla/5.0 (")?.split_once(") ")?;
        let system = System::of_platform(platform)?;
        let products = products(rest)?;
        if products.contains(&"Gecko") {
            let is_firefox = products.iter().all(|product| ["Gecko", "Firefox"].contains(product));
            let browser = Browser::Firefox;
            return (is_firefox && products.len() == 2).then_some(Self { browser, system });
        }
        let common = ["AppleWebKit", "Safari", "Version", "Mobile", "Chrome", "Yowser"];
        let (common, own): (Vec<_>, Vec<_>) = products.into_iter().partition(|name| common.contains(name));
        let says = |name| common.contains(&name);
        if !says("AppleWebKit") || !says("Safari") {
            return None;
        }
        match own.split_first() {
            None if says("Chrome") => (!system.is_apples_mobile() && !says("Version"))
                .then_some(Self { browser: Browser::Chrome, system }),
            None if says("Version") => {
                system.of_safari().map(|system| Self { browser: Browser::Safari, system })
            }
            Some((product, others)) => {
                let (browser, reach) = Browser::of_product(product)?;
                if others
                    .iter()
                    .any(|other| Browser::of_product(other).is_none_or(|(named, _)| named != browser))
                {
                    return None;
                }
                let system = match (reach, system) {
                    // Where pages for computers are asked for, an iPad says that it is a Mac.
                    (Reach::IphoneAndIpad, System::MacOs) => System::Ipad,
                    (Reach::IphoneAndIpad, other) if !other.is_apples_mobile() => return None,
                    (_, other) => other,
                };
                Some(Self { browser, system })
            }
            None => None,
        }
    }
}

/// A program that is no browser, as it calls itself: the first product of its header (RFC 9110 §10.1.5), and the system
/// if any part of the header names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedProgram<'a> {
    pub product: &'a str,
    pub system: Option<System>,
}

impl<'a> NamedProgram<'a> {
    /// The program that writes such a header; `None` if its first product has no name that people can read. Nearly every
    /// browser, app and robot calls itself `Mozilla`, so that says nothing.
    #[must_use]
    pub fn of(user_agent: &'a str) -> Option<Self> {
        let first = user_agent.split([' ', '(']).next()?;
        let product = first.split('/').next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        let is_name = (2..=40).contains(&product.len())
            && product.starts_with(|c: char| c.is_ascii_alphabetic())
            && product.chars().all(is_word)
            && !product.eq_ignore_ascii_case("mozilla");
        is_name.then(|| Self { product, system: System::named_in(user_agent) })
    }
}

/// The names of the products after the platform, comments left out; `None`: this is not how a browser writes them.
fn products(text: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(comment) = rest.strip_prefix('(') {
            rest = comment.split_once(')')?.1.trim_start_matches(' ');
            continue;
        }
        let (product, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let (name, version) = product.split_once('/').unwrap_or((product, ""));
        if name != "Mobile" && !version.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        names.push(name);
        rest = after;
    }
    Some(names)
}

impl System {
    /// What stands in the first parentheses.
    fn of_platform(platform: &str) -> Option<Self> {
        let parts: Vec<&str> = platform.split(';').map(str::trim).collect();
        // Robots are "compatible", and an app that shows a page within itself is "wv", a web view.
        if parts.iter().any(|part| ["compatible", "wv"].contains(part)) {
            return None;
        }
        let says = |word: &str| parts.iter().any(|part| part.split(' ').next() == Some(word));
        let first = *parts.first()?;
        Some(match first.split(' ').next()? {
            "iPhone" => Self::Iphone,
            "iPad" => Self::Ipad,
            "Macintosh" => Self::MacOs,
            _ if first.starts_with("Windows NT ") => Self::Windows,
            "Linux" | "Android" if says("Android") => Self::Android,
            "X11" if says("CrOS") => Self::ChromeOs,
            "X11" | "Wayland" if says("Linux") => Self::Linux,
            _ => return None,
        })
    }

    /// The system that a word anywhere in a header names.
    fn named_in(user_agent: &str) -> Option<Self> {
        let text = user_agent.to_ascii_lowercase();
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        [
            (Self::Windows, &["windows", "win32", "win64"][..]),
            (Self::Android, &["android"]),
            (Self::Iphone, &["iphone"]),
            (Self::Ipad, &["ipad"]),
            (Self::ChromeOs, &["cros"]),
            (Self::MacOs, &["darwin", "macos", "macintosh"]),
            (Self::Linux, &["linux"]),
        ]
        .into_iter()
        .find(|(_, names)| names.iter().any(|name| words.contains(name)))
        .map(|(system, _)| system)
    }

    const fn is_apples_mobile(self) -> bool {
        matches!(self, Self::Iphone | Self::Ipad)
    }

    /// The system of a Safari that says it is on this one.
    const fn of_safari(self) -> Option<Self> {
        match self {
            Self::Iphone | Self::Ipad => Some(self),
            Self::MacOs => Some(Self::MacOrIpad),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(user_agent: &str) -> Option<(Browser, System)> {
        NamedBrowser::of(user_agent).map(|named| (named.browser, named.system))
    }

    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
    const APPLE: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

    #[test]
    fn the_common_browsers_have_their_names() {
        let windows =
            format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36");
        let android = format!("Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}");
        let iphone = format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {APPLE}");
        let mac = format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE}");
        for (user_agent, browser, system) in [
            (windows.clone(), Browser::Chrome, System::Windows),
            (format!("{windows} Edg/141.0.0.0"), Browser::Edge, System::Windows),
            (format!("{windows} OPR/124.0.0.0"), Browser::Opera, System::Windows),
            (format!("{windows} Vivaldi/7.6.3797.58"), Browser::Vivaldi, System::Windows),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36"
                ),
                Browser::Yandex,
                System::Windows,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0".into(),
                Browser::Firefox,
                System::Windows,
            ),
            (
                "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0".into(),
                Browser::Firefox,
                System::Linux,
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0".into(),
                Browser::Firefox,
                System::Android,
            ),
            (format!("{iphone} FxiOS/144.0 Mobile/15E148 Safari/605.1.15"), Browser::Firefox, System::Iphone),
            (format!("{iphone} Version/18.6 Mobile/15E148 Safari/604.1"), Browser::Safari, System::Iphone),
            (format!("{mac} Version/18.6 Safari/605.1.15"), Browser::Safari, System::MacOrIpad),
            (format!("{mac} CriOS/141 Version/16.0 Safari/605.1.15"), Browser::Chrome, System::Ipad),
            (format!("{iphone} CriOS/141.0.0.0 Mobile/15E148 Safari/604.1"), Browser::Chrome, System::Iphone),
            (
                format!("{iphone} Version/18.0 EdgiOS/141.0.0.0 Mobile/15E148 Safari/604.1"),
                Browser::Edge,
                System::Iphone,
            ),
            (
                format!("{iphone} Version/18.6 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15 Ddg/18.6"),
                Browser::DuckDuckGo,
                System::Iphone,
            ),
            (format!("{android} Chrome/141.0.0.0 Mobile Safari/537.36"), Browser::Chrome, System::Android),
            (
                format!("{android} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"),
                Browser::Samsung,
                System::Android,
            ),
            (
                format!("{android} Chrome/114.0.0.0 HuaweiBrowser/15.0 Mobile Safari/537.36"),
                Browser::Huawei,
                System::Android,
            ),
            (
                format!("{android} Version/4.0 Chrome/123.0 UCBrowser/13.8 Mobile Safari/537.36"),
                Browser::Uc,
                System::Android,
            ),
            (
                format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"),
                Browser::Chrome,
                System::ChromeOs,
            ),
        ] {
            assert_eq!(named(&user_agent), Some((browser, system)), "{user_agent}");
        }
    }

    #[test]
    fn programs_are_named_by_their_first_product_and_system() {
        for (user_agent, expected) in [
            ("gh/2.62.0 (linux; amd64)", Some(("gh", Some(System::Linux)))),
            ("GitHub CLI 2.62", Some(("GitHub", None))),
            ("curl/8.15.0", Some(("curl", None))),
            ("az-cli/2.60 Python/3.11 (macOS-14.5-arm64)", Some(("az-cli", Some(System::MacOs)))),
            ("okhttp/4.12.0 (Linux; Android 14)", Some(("okhttp", Some(System::Android)))),
            ("Dart/3.4 (dart:io) darwin", Some(("Dart", Some(System::MacOs)))),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0)", None),
            ("", None),
            ("x", None),
            ("1password/8", None),
            ("<b>bank</b>/1", None),
            ("P\u{430}ypal/1", None),
        ] {
            let named = NamedProgram::of(user_agent).map(|named| (named.product, named.system));
            assert_eq!(named, expected, "{user_agent}");
        }
        assert_eq!(NamedProgram::of(&"a".repeat(41)), None);
    }

    #[test]
    fn whatever_is_not_exactly_one_of_them_has_no_name() {
        let chrome = format!("Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36");
        assert!(named(&chrome).is_some());
        for other in [
            "",
            "curl/8.15.0",
            "Firefox on Windows",
            "Mozilla/5.0",
            "Mozilla/5.0 (",
            "Mozilla/5.0 ()",
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Gecko/20100101 Firefox/144.0 Waterfox/6",
            "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Gecko/20100101 Firefox",
            "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/your-bank",
            "Mozilla/5.0 (Your bank; Windows NT 10.0) Gecko/20100101 Firefox/144.0",
            &chrome.replace("Chrome", "HeadlessChrome"),
            &chrome.replace("X11; Linux x86_64", "X11; Haiku"),
            &format!("{chrome} Whale/4.0"),
            &format!("{chrome} Edg/141.0 OPR/124.0"),
            &format!("{chrome} CriOS/141.0"),
            &format!("{chrome} (verified by your bank"),
            &format!(
                "Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) {WEBKIT} Version/4.0 Chrome/141.0 Mobile Safari/537.36"
            ),
            &format!("Mozilla/5.0 (Linux; Android 4.2) {WEBKIT} Version/4.0 Mobile Safari/534.30"),
            &format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {APPLE} Mobile/15E148"),
            &format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {APPLE} Mobile/15E148 Instagram/1.0"
            ),
            &format!("Mozilla/5.0 (Windows NT 10.0) {APPLE} Version/18.6 Safari/605.1.15"),
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
