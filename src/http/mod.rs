//! HTTP: what is at which address. A handler reads the request, calls one function of [`crate::domain`], and
//! writes the answer.

pub mod address;
pub mod basic;
pub mod bearer;
mod challenge;
mod conditional;
mod connections;
mod delivered;
pub mod dpop;
mod fit;
pub mod health;
mod later;
mod no_room;
pub mod oauth;
pub mod openapi;
pub mod operations;
pub mod origin;
pub mod pages;
pub mod parameters;
pub mod prefer;
mod request_log;
pub mod response_headers;
pub mod rest;
pub mod server;
pub mod site;
mod within;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use chrono::TimeDelta;
use tower::ServiceExt;

use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::languages::Language;
use crate::model::ids::RequestId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::TenantSlug;
use crate::noted;
use address::Address;
use connections::Crowding;
pub use connections::{Answered, Coming, Peer, Unreadable};
use oauth::OAuthRefusal;
use origin::Scheme;
use prefer::Prefer;
use request_log::Arrived;
use rest::admin::refusals::Attempt;
use rest::problem::Problem;
use site::Site;
use within::within;

pub fn router(app: &Arc<App>) -> Router {
    let (programs, document) = oauth::router().merge(rest::router()).split_for_parts();
    programs
        .merge(pages::router())
        .merge(health::router())
        .merge(openapi::router(document))
        .route(
            "/",
            get(async |slug: Slug, site: Site| Redirect::to(&format!("{}/device", site.prefix(&slug.0)))),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(app))
}

/// Answers one request, and writes its line in the log. A caller that waits for the answer holds only a pointer
/// to the work: what is large is freed before anyone waits for long.
pub fn answer(
    app: Arc<App>,
    router: Router,
    peer: Peer,
    request: Request<Body>,
) -> impl Future<Output = Answered> + Send {
    Box::pin(begin(app, router, peer, request))
}

async fn begin(app: Arc<App>, router: Router, peer: Peer, request: Request<Body>) -> Answered {
    let trusted = &app.config.server.trusted_proxies;
    origin::notice_unlisted_proxy(&app, peer.address, request.headers());
    let id = RequestId(app.random.uuid_v7(app.clock.now()));
    let origin = origin::of_request(peer.address, request.headers(), trusted, id);
    let arrived = Arrived::note(&app, &request, origin.ip_address);
    let (response, notes) = noted::during(id, respond(&app, &router, peer, request, origin)).await;
    let log = move |response: Response, notes| {
        if let Some(arrived) = arrived {
            arrived.log(response.status(), id, &notes);
        }
        response
    };
    match later::take(response) {
        Err(response) => Answered::Now(log(response, notes)),
        Ok(awaited) => Answered::Later(Box::pin(async move {
            let (response, notes) = noted::further(notes, awaited.arrive()).await;
            log(response, notes)
        })),
    }
}

/// Brings the request's path to its one form, lets the router answer, and puts on the headers that every answer has.
async fn respond(
    app: &Arc<App>,
    router: &Router,
    peer: Peer,
    mut request: Request<Body>,
    origin: RequestOrigin,
) -> Response {
    let Peer { address: peer, room, unreadable } = peer;
    let (settings, id) = (&app.config.server, origin.request_id);
    let in_the_clear = app.config.is_https()
        && origin::scheme(peer, request.headers(), &settings.trusted_proxies) == Scheme::Plain;
    let host = site::asked_host(peer, &request, &settings.trusted_proxies);
    let patience = Duration::from_secs(settings.request_timeout_seconds);
    let turned_away = room == Crowding::Full && !no_room::is_kept_for(request.uri().path());
    let mut unfit = match unreadable {
        Some(why) => Some(fit::unreadable(why)),
        None => fit::refusal(peer, &request, &settings.trusted_proxies).map(OAuthError::invalid_request),
    };
    let found = if turned_away || unfit.is_some() {
        Some(Ok(None))
    } else {
        within(patience, site::find(app, host, Address::of(request.uri().path()))).await
    };
    let place = match &found {
        Some(Ok(Some(place))) => Some(place),
        _ => None,
    };
    let language = language_of(app, place.map(|(address, _)| address), &request);
    let place = place.map(|(address, site)| (address.slug.clone(), site.clone()));
    if let Some((slug, _)) = &place {
        noted::tenant(slug);
    }
    let mut response = match found {
        _ if let Some(error) = unfit.take() => Reader::of(request.uri().path()).refuse(error),
        // About the server, not about an address on it (RFC 9110 §9.3.7).
        _ if request.method() == Method::OPTIONS && request.uri().path() == "*" => {
            StatusCode::NO_CONTENT.into_response()
        }
        None => took_too_long(request.uri().path()),
        Some(Err(error)) => Reader::of(request.uri().path()).refuse(error),
        Some(Ok(Some((address, site)))) if in_the_clear => refuse_plain_http(app, &address, &site),
        Some(Ok(Some((address, site)))) => {
            if request.uri().path() != address.path {
                *request.uri_mut() = address::with_path(request.uri(), &address.path);
            }
            let attempt = Attempt::of(&mut request, &address.slug, &origin);
            let prefer = Prefer::of(request.headers());
            let slug = address.slug.clone();
            request.extensions_mut().insert(Asked { slug, site, language, origin, prefer });
            let mut response = match within(patience, router.clone().oneshot(request)).await {
                Some(answered) => answered.into_response(),
                None => took_too_long(&address.path),
            };
            dpop::offer_nonce(&mut response, app, &address);
            if let Some(attempt) = attempt {
                let problem = response.extensions().get::<Problem>().cloned();
                attempt.write_down(app, response.status(), problem).await;
            }
            response
        }
        Some(Ok(None)) if turned_away => no_room::refuse(request.uri().path()),
        Some(Ok(None)) => not_found(request).await,
    };
    rest::problem::complete(&mut response, app, id);
    let theme = place.and_then(|(slug, site)| Some((site.prefix(&slug), app.themes.of(&slug)?)));
    let theme = theme.as_ref().map(|(prefix, theme)| (prefix.as_str(), theme.as_ref()));
    response = pages::put_into_words(response, language, theme);
    response_headers::put_on(&mut response, app, id);
    response
}

/// What [`answer`] found out about a request before anybody handles it, for the extractors.
#[derive(Clone, Debug)]
struct Asked {
    slug: TenantSlug,
    site: Site,
    language: Language,
    origin: RequestOrigin,
    prefer: Prefer,
}

/// The tenant's name in the request's address.
#[derive(Clone, Debug)]
pub struct Slug(pub TenantSlug);

impl<S: Send + Sync> FromRequestParts<S> for Slug {
    type Rejection = OAuthRefusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, OAuthRefusal> {
        let asked = parts.extensions.get::<Asked>();
        asked
            .map(|asked| Self(asked.slug.clone()))
            .ok_or_else(|| OAuthError::fault("a request without an address").into())
    }
}

/// Redirects pages to https; rejects other plain-HTTP requests, whose secrets are already exposed.
fn refuse_plain_http(app: &App, address: &Address, site: &Site) -> Response {
    let error = OAuthError::invalid_request("Use https.");
    match Reader::of(&address.path) {
        Reader::Person => {
            Redirect::to(&format!("{}{}", site.base(app, &address.slug), address.path)).into_response()
        }
        reader => reader.refuse(error),
    }
}

/// Most likely the database hangs; whatever was begun there is rolled back.
fn took_too_long(path: &str) -> Response {
    tracing::error!(path, "request timed out");
    let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, "The request timed out; try again later.");
    Reader::of(path).refuse(error)
}

async fn not_found(request: Request<Body>) -> Response {
    match Reader::of(request.uri().path()) {
        Reader::Person => pages::BareNotice::NotFound.into_response(),
        reader => reader.refuse(OAuthError::new(ErrorCode::NotFound, "There is nothing at this URL.")),
    }
}

async fn method_not_allowed(request: Request<Body>) -> Response {
    match Reader::of(request.uri().path()) {
        Reader::Person => pages::BareNotice::NotPossible.into_response(),
        reader => reader
            .refuse(OAuthError::new(ErrorCode::MethodNotAllowed, "This URL does not support that method.")),
    }
}

/// The language of what a person will read; programs are not asked for theirs.
fn language_of(app: &App, address: Option<&Address>, request: &Request<Body>) -> Language {
    match address {
        Some(address) if Reader::of(&address.path) != Reader::Person => Language::English,
        Some(address) => pages::language_of(app, &address.slug, request.headers()),
        None => pages::language_of(app, &TenantSlug::root(), request.headers()),
    }
}

/// Who reads what is at a path, and so in which shape an error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Person,
    /// A program that speaks OAuth: RFC 6749 §5.2.
    OAuthClient,
    /// A program that speaks REST: RFC 9457.
    RestClient,
}

impl Reader {
    /// Who reads what is at this path, also where no tenant can be.
    fn of(path: &str) -> Self {
        let below_tenant = path.strip_prefix("/t/").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        let path = address::without_api_prefix(below_tenant.unwrap_or(path));
        let is_below = |start: &&str| path.strip_prefix(*start).is_some_and(|rest| rest.starts_with('/'));
        // Nothing is known of it but that a program made it.
        if path == "*" {
            return Self::RestClient;
        }
        if path == "/devices" || ["/devices", "/admin", "/account/oauth"].iter().any(is_below) {
            return Self::RestClient;
        }
        let is_protocol = ["/oauth/", "/.well-known/", "/api/", "/health/", "/openapi.json"];
        if is_protocol.iter().any(|start| path.starts_with(start)) { Self::OAuthClient } else { Self::Person }
    }

    fn refuse(self, error: OAuthError) -> Response {
        match self {
            Self::Person => pages::PageRefusal::from(error).into_response(),
            Self::OAuthClient => OAuthRefusal::from(error).into_response(),
            Self::RestClient => Problem::from(error).into_response(),
        }
    }
}

/// The value of `Retry-After` (RFC 9110 §10.2.3).
fn whole_seconds(span: TimeDelta) -> HeaderValue {
    HeaderValue::from(u64::try_from((span.num_milliseconds() + 999) / 1000).unwrap_or(1).max(1))
}

/// Answers JSON that must not be kept by anybody on the way.
fn no_store(body: impl serde::Serialize) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (headers, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function with four arguments returns, in bytes.
    fn size<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn whoever_waits_for_an_answer_holds_little() {
        // A connection has room for this all its life.
        assert!(size(answer) <= 256, "{}", size(answer));
    }

    #[test]
    fn every_path_has_its_reader() {
        for (path, reader) in [
            ("/", Reader::Person),
            ("/device", Reader::Person),
            ("/account/devices", Reader::Person),
            ("/admin", Reader::Person),
            ("/devicesx", Reader::Person),
            ("/oauth/token", Reader::OAuthClient),
            ("/t/acme/.well-known/x", Reader::OAuthClient),
            ("/api/v1/nothing", Reader::OAuthClient),
            ("*", Reader::RestClient),
            ("/devices", Reader::RestClient),
            ("/devices/x/y", Reader::RestClient),
            ("/t/NO TENANT/devices", Reader::RestClient),
            ("/admin/users", Reader::RestClient),
            ("/api/admin/users", Reader::RestClient),
            ("/t/acme/api/v1/devices", Reader::RestClient),
            ("/account/oauth/clients", Reader::RestClient),
        ] {
            assert_eq!(Reader::of(path), reader, "{path}");
        }
    }
}
