//! `/assets/theme.css`, `/assets/logo`, `/assets/logo-dark`: what the pages of a tenant with a theme load beside the
//! house's stylesheet.
//!
//! Each address has the content's hash in its query. Whoever asks with another, as a page of a server that has read
//! the theme earlier or later, gets what is in use here, and may not keep it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::bare_notice::BareNotice;
use crate::app::App;
use crate::http::asked::Slug;
use crate::http::conditional;
use crate::languages::{Language, Phrase};
use crate::model::tenant::TenantSlug;
use crate::themes::{Link, LinkKind, Picture, Theme};

const STYLESHEET: &str = "/assets/theme.css";
const LOGO: &str = "/assets/logo";
const DARK_LOGO: &str = "/assets/logo-dark";

/// An image runs nothing, also when it is opened as a page of its own (an SVG may hold scripts); its own style is its
/// colours.
const HARMLESS: [(HeaderName, HeaderValue); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(STYLESHEET, get(stylesheet)).route(LOGO, get(logo)).route(DARK_LOGO, get(dark_logo))
}

/// What a page of a tenant with a theme has otherwise.
#[derive(Clone, Debug, Default)]
pub struct ThemeFrame {
    /// The URL path of the stylesheet that goes over the house's.
    pub stylesheet: Option<String>,
    /// The logo.
    pub logo: Option<LogoFrame>,
    /// The links of the footer, with what they are called.
    pub links: Vec<(Phrase, String)>,
}

/// The logo in the place of the house's mark.
#[derive(Clone, Debug)]
pub struct LogoFrame {
    /// Its URL path.
    pub path: String,
    /// The URL path of another one for dark surroundings.
    pub dark_path: Option<String>,
    /// What it says, if it stands in the name's place.
    pub alt: Option<String>,
}

impl ThemeFrame {
    /// Whether the logo stands in the place of the tenant's name.
    pub(super) fn names_itself(&self) -> bool {
        self.logo.as_ref().is_some_and(|logo| logo.alt.is_some())
    }

    /// What there is of it in this theme, for a tenant whose paths start with `base`.
    pub(super) fn of(theme: &Theme, language: Language, base: &str) -> Self {
        let address = |path: &str, hash: &str| format!("{base}{path}?v={hash}");
        let logo = theme.logo.as_ref().map(|logo| LogoFrame {
            path: address(LOGO, &logo.picture.hash),
            dark_path: logo.dark.as_ref().map(|picture| address(DARK_LOGO, &picture.hash)),
            alt: logo.alt.clone(),
        });
        let has_colours = !theme.stylesheet.is_empty();
        Self {
            stylesheet: has_colours.then(|| address(STYLESHEET, &theme.stylesheet_hash)),
            logo,
            links: theme.links.iter().map(|link| (words(language, link), link.url.to_string())).collect(),
        }
    }
}

fn words(language: Language, link: &Link) -> Phrase {
    match link.kind {
        LinkKind::Support => language.t("layout-support"),
        LinkKind::Privacy => language.t("layout-privacy"),
        LinkKind::Imprint => language.t("layout-imprint"),
    }
}

async fn stylesheet(State(app): State<Arc<App>>, Slug(slug): Slug, uri: Uri, headers: HeaderMap) -> Response {
    match app.themes.of(&slug).filter(|theme| !theme.stylesheet.is_empty()) {
        Some(theme) => {
            let document = ("text/css; charset=utf-8", Body::from(theme.stylesheet.clone()));
            kept(&uri, &headers, &theme.stylesheet_hash, document)
        }
        None => BareNotice::NotFound.into_response(),
    }
}

async fn logo(State(app): State<Arc<App>>, Slug(slug): Slug, uri: Uri, headers: HeaderMap) -> Response {
    picture(&app, &slug, &uri, &headers, |theme| Some(&theme.logo.as_ref()?.picture))
}

async fn dark_logo(State(app): State<Arc<App>>, Slug(slug): Slug, uri: Uri, headers: HeaderMap) -> Response {
    picture(&app, &slug, &uri, &headers, |theme| theme.logo.as_ref()?.dark.as_ref())
}

fn picture(
    app: &App,
    slug: &TenantSlug,
    uri: &Uri,
    headers: &HeaderMap,
    which: fn(&Theme) -> Option<&Picture>,
) -> Response {
    let theme = app.themes.of(slug);
    match theme.as_deref().and_then(which) {
        Some(picture) => {
            let document = (picture.media_type, Body::from(picture.bytes.clone()));
            (HARMLESS, kept(uri, headers, &picture.hash, document)).into_response()
        }
        None => BareNotice::NotFound.into_response(),
    }
}

/// For good, if the address is the content's own; else asked for anew each time.
fn kept(uri: &Uri, headers: &HeaderMap, hash: &str, document: (&'static str, Body)) -> Response {
    let is_its_own = uri.query().and_then(|query| query.strip_prefix("v=")) == Some(hash);
    let cache_control = if is_its_own { "public, max-age=31536000, immutable" } else { "no-cache" };
    conditional::answer_tagged(headers, hash, cache_control.to_owned(), document)
}
