//! A person's browser: its cookie, and who is signed in with it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::assets::STYLESHEET_PATH;
use super::page::{html, redirect};
use super::page_error::PageError;
use super::theme::ThemeFrame;
use super::views::{NextStep, NoticePage, PageFrame, Tone};
use super::{language_switch, signing_browser};
use crate::app::App;
use crate::domain::deeds::Deed;
use crate::domain::oauth_error::OAuthError;
use crate::domain::sign_in::{self, SignedIn};
use crate::domain::tenants;
use crate::http::asked::{Asked, Slug};
use crate::http::origin::Origin;
use crate::http::site::Site;
use crate::languages::{self, Language, Phrase};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::{Tenant, TenantSlug};

/// Everything a page knows of the browser that asks for it. Every browser has a secret of its own from its
/// first visit, so that its forms can be told from others'; signing in replaces it.
pub struct Browser {
    /// The tenant it visits.
    pub(in crate::http) tenant: Arc<Tenant>,
    /// Under which address it visits.
    pub(in crate::http) site: Site,
    /// Where it is.
    pub(in crate::http) origin: RequestOrigin,
    /// Who is signed in.
    pub(in crate::http) session: Option<BrowserSession>,
    /// The language of its pages.
    pub(super) language: Language,
    /// Where a change of the language leads back to, below the tenant's prefix: the page that is asked for,
    /// without its query. Who needs the query puts the parts of it here that it has checked.
    pub(super) here: String,
    secret: BearerSecret,
    app: Arc<App>,
    jar: CookieJar,
}

impl FromRequestParts<Arc<App>> for Browser {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let wiring = |_| PageError::from(OAuthError::fault("a request without an address or origin"));
        let Slug(slug) = Slug::from_request_parts(parts, app).await.map_err(wiring)?;
        let Origin(origin) = Origin::from_request_parts(parts, app).await.map_err(wiring)?;
        let Ok(site) = Site::from_request_parts(parts, app).await;
        let tenant = tenants::find(app, &slug).await?;
        let jar = CookieJar::from_headers(&parts.headers);
        let name = cookie_name(app, &tenant.slug, "");
        let shown =
            jar.get(&name).and_then(|cookie| BearerSecret::parse(SecretKind::Browser, cookie.value()));
        let session = match &shown {
            Some(secret) => sign_in::current(app, tenant.id, secret.expose()).await?,
            None => None,
        };
        let mut browser = Self {
            secret: shown.clone().unwrap_or_else(|| BearerSecret::generate(SecretKind::Browser, &app.random)),
            tenant,
            site,
            origin,
            session,
            language: parts.extensions.get::<Asked>().map_or(Language::English, |asked| asked.language),
            here: parts.uri.path().to_owned(),
            app: Arc::clone(app),
            jar,
        };
        if shown.is_none() {
            browser.set_cookie("", browser.secret.expose().to_owned());
        }
        Ok(browser)
    }
}

impl Browser {
    /// What forms of this browser must send back.
    pub(in crate::http) fn form_token(&self, purpose: &str) -> String {
        self.app.secrets.form_token(self.secret.expose(), purpose)
    }

    /// Whether a form of this browser sent back what [`Self::form_token`] gave it.
    pub(in crate::http) fn is_form_token(&self, given: &str, purpose: &str) -> bool {
        self.app.secrets.is_form_token(given, self.secret.expose(), purpose)
    }

    /// What the browser holds and nobody else.
    pub(super) fn secret(&self) -> &BearerSecret {
        &self.secret
    }

    /// Takes a new secret, known to nobody before: on signing in and out.
    pub(super) fn change_secret(&mut self, secret: BearerSecret) {
        self.set_cookie("", secret.expose().to_owned());
        self.secret = secret;
    }

    /// Goes on as what has just signed in, and keeps its mark.
    pub(super) fn begin_session(&mut self, signed_in: SignedIn) {
        let SignedIn { session, secret, mark } = signed_in;
        self.change_secret(secret);
        self.session = Some(session);
        signing_browser::keep(self, mark);
    }

    /// Who is signed in, if they proved it recently enough to connect a device.
    pub(super) fn fresh_session(&self) -> Option<&BrowserSession> {
        self.session.as_ref().filter(|session| sign_in::strength::is_fresh(&self.app, session))
    }

    /// The value of one of our cookies.
    pub(super) fn cookie(&self, purpose: &str) -> Option<&str> {
        Some(self.jar.get(&cookie_name(&self.app, &self.tenant.slug, purpose))?.value())
    }

    /// Sets one of our cookies until the browser is closed.
    pub(super) fn set_cookie(&mut self, purpose: &str, value: String) {
        let cookie = self.our_cookie(purpose, value);
        self.jar = std::mem::take(&mut self.jar).add(cookie);
    }

    /// Sets one of our cookies for as long as the browser keeps any: most take it away after 400 days.
    pub(super) fn keep_cookie(&mut self, purpose: &str, value: String) {
        let mut cookie = self.our_cookie(purpose, value);
        cookie.make_permanent();
        self.jar = std::mem::take(&mut self.jar).add(cookie);
    }

    /// Sets one of our cookies to what nobody but us can read or write.
    pub(super) fn set_sealed_cookie(&mut self, purpose: &str, value: &str) {
        let sealed = self.sealed(purpose, value);
        self.set_cookie(purpose, sealed);
    }

    /// The same, for as long as the browser keeps any.
    pub(super) fn keep_sealed_cookie(&mut self, purpose: &str, value: &str) {
        let sealed = self.sealed(purpose, value);
        self.keep_cookie(purpose, sealed);
    }

    fn sealed(&self, purpose: &str, value: &str) -> String {
        let context = sealing_context(&self.tenant, purpose);
        let sealed = self.app.secrets.cookies.seal(value.as_bytes(), &context, &self.app.random);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// What [`Self::set_sealed_cookie`] has set.
    pub(super) fn sealed_cookie(&self, purpose: &str) -> Option<String> {
        opened(&self.app, &self.tenant, self.cookie(purpose)?, purpose)
    }

    /// Takes one of our cookies away.
    pub(super) fn remove_cookie(&mut self, purpose: &str) {
        let cookie = self.our_cookie(purpose, String::new());
        self.jar = std::mem::take(&mut self.jar).remove(cookie);
    }

    fn our_cookie(&self, purpose: &str, value: String) -> Cookie<'static> {
        Cookie::build((cookie_name(&self.app, &self.tenant.slug, purpose), value))
            .path("/")
            .http_only(true)
            .secure(self.app.config.is_https())
            // Strict would drop the session of those who arrive by a link from elsewhere.
            .same_site(SameSite::Lax)
            .build()
    }

    /// What surrounds each page.
    pub(super) fn frame(&self) -> PageFrame {
        let base = self.site.prefix(&self.tenant.slug);
        let theme = self.app.themes.of(&self.tenant.slug);
        let name = theme.as_ref().and_then(|theme| theme.name.as_ref());
        PageFrame {
            language: self.language,
            here: Some(self.here.clone()),
            tenant_name: name.unwrap_or(&self.tenant.name).clone(),
            theme: theme.map(|theme| ThemeFrame::of(&theme, self.language, &base)).unwrap_or_default(),
            base,
            stylesheet: STYLESHEET_PATH.clone(),
            signed_in_as: self.session.as_ref().map(|session| session.user.username.clone()),
            opens_console: self
                .session
                .as_ref()
                .is_some_and(|session| Deed::See.is_allowed_to(&session.user)),
            csrf: self.form_token(super::csrf::ANY_FORM),
        }
    }

    /// A page, with the cookies that changed.
    pub(super) fn show(self, status: StatusCode, page: &impl askama::Template) -> Response {
        let response = html(status, self.language, page);
        (self.jar, response).into_response()
    }

    /// A page that only tells something.
    pub(super) fn tell(
        self,
        status: StatusCode,
        tone: Tone,
        title: Phrase,
        text: Phrase,
        next: Option<Phrase>,
    ) -> Response {
        let frame = self.frame();
        let next = next.map(|label| NextStep { href: format!("{}/device", frame.base), label });
        let page = NoticePage { frame, title, text, tone, next };
        self.show(status, &page)
    }

    /// A page that tells that a link is not good any more.
    pub(super) fn tell_dead_link(self, title: Phrase, text: Phrase) -> Response {
        self.tell(StatusCode::NOT_FOUND, Tone::Problem, title, text, None)
    }

    /// Sends the browser to another page of the tenant, always by GET (RFC 9700 §4.12).
    pub(super) fn go_to(self, path: &str) -> Response {
        let target = format!("{}{path}", self.site.prefix(&self.tenant.slug));
        (self.jar, redirect(&target)).into_response()
    }
}

/// What [`Browser::set_sealed_cookie`] has set, as the headers of a request to an API have it.
pub(super) fn sealed_cookie(
    app: &App,
    tenant: &Tenant,
    headers: &HeaderMap,
    purpose: &str,
) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    opened(app, tenant, jar.get(&cookie_name(app, &tenant.slug, purpose))?.value(), purpose)
}

fn opened(app: &App, tenant: &Tenant, value: &str, purpose: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let opened = app.secrets.cookies.open(&sealed, &sealing_context(tenant, purpose)).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}

fn sealing_context(tenant: &Tenant, purpose: &str) -> String {
    format!("cookie {purpose} {}", tenant.id)
}

/// The language of a request for a page of this tenant.
pub(in crate::http) fn language_of(app: &App, slug: &TenantSlug, headers: &HeaderMap) -> Language {
    languages::chosen(headers, &cookie_name(app, slug, language_switch::COOKIE))
}

/// What words for a person of this tenant are looked up by.
pub(in crate::http) fn languages_asked_for(app: &App, slug: &TenantSlug, headers: &HeaderMap) -> Vec<String> {
    languages::asked_for(headers, &cookie_name(app, slug, language_switch::COOKIE))
}

/// `__Host-` binds a cookie to this host and to https (RFC 6265bis §4.1.3.2). Tenants share the host, so each
/// has cookies of its own name: `latchkey`, `latchkey-code`, `latchkey.acme`, `latchkey-code.acme`. No slug has a
/// dot, so no tenant's name can spell another's cookie.
fn cookie_name(app: &App, slug: &TenantSlug, purpose: &str) -> String {
    let prefix = if app.config.is_https() { "__Host-" } else { "" };
    let dash = if purpose.is_empty() { "" } else { "-" };
    let slug = slug.as_str();
    let dot = if slug.is_empty() { "" } else { "." };
    format!("{prefix}latchkey{dash}{purpose}{dot}{slug}")
}
