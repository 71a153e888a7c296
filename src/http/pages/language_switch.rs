//! `/language`: choose the language of the pages.

use axum::http::Uri;
use axum::response::Response;

use super::page_error::PageError;
use crate::http::pages::csrf::CsrfChecked;
use crate::languages::Language;

/// The cookie's purpose.
pub(super) const COOKIE: &str = "language";

/// Remembers the language, and shows the page again on which it was chosen.
pub(super) async fn choose(
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let tag = form.take("language").unwrap_or_default();
    let Some(language) = Language::of_tag(&tag) else { return Err(PageError::ForeignForm) };
    browser.keep_cookie(COOKIE, language.tag().to_owned());
    let here = form.take("return_to").filter(|path| is_our_path(path));
    Ok(browser.go_to(here.as_deref().unwrap_or("/device")))
}

/// Whether this is a path and nothing that a browser would take for another host: `//host`, `/\host`, or with
/// control characters, which browsers drop.
fn is_our_path(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let read = path.parse::<Uri>();
    plain
        && path.starts_with('/')
        && !path.starts_with("//")
        && read.is_ok_and(|uri| uri.authority().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_back_to() {
        for ours in ["/device", "/device/consent", "/account/devices?page=2"] {
            assert!(is_our_path(ours), "{ours}");
        }
        for others in [
            "",
            "device",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "/ä",
        ] {
            assert!(!is_our_path(others), "{others}");
        }
    }
}
