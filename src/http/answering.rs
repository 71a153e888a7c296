//! How a request is answered, from its first look to the headers that every answer has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use super::address::{self, Address};
use super::asked::Asked;
use super::connections::{Answered, Crowding, Peer};
use super::origin::{self, Scheme};
use super::pages::{bare_notice, browser};
use super::prefer::Prefer;
use super::request_log::Arrived;
use super::rest::admin::refusals::Attempt;
use super::rest::problem::{self, Problem};
use super::surface::Reader;
use super::unrouted::{not_found, refuse, refuse_plain_http, took_too_long};
use super::within::within;
use super::{dpop, fit, later, no_room, response_headers, site};
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::languages::Language;
use crate::model::ids::RequestId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::TenantSlug;
use crate::noted;

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
        _ if let Some(error) = unfit.take() => refuse(request.uri().path(), error),
        // About the server, not about an address on it (RFC 9110 §9.3.7).
        _ if request.method() == Method::OPTIONS && request.uri().path() == "*" => {
            StatusCode::NO_CONTENT.into_response()
        }
        None => took_too_long(request.uri().path()),
        Some(Err(error)) => refuse(request.uri().path(), error),
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
    problem::complete(&mut response, app, id);
    let theme = place.and_then(|(slug, site)| Some((site.prefix(&slug), app.themes.of(&slug)?)));
    let theme = theme.as_ref().map(|(prefix, theme)| (prefix.as_str(), theme.as_ref()));
    response = bare_notice::put_into_words(response, language, theme);
    response_headers::put_on(&mut response, app, id);
    response
}

/// The language of what a person will read; programs are not asked for theirs.
fn language_of(app: &App, address: Option<&Address>, request: &Request<Body>) -> Language {
    match address {
        Some(address) if Reader::of(&address.path) != Reader::Person => Language::English,
        Some(address) => browser::language_of(app, &address.slug, request.headers()),
        None => browser::language_of(app, &TenantSlug::root(), request.headers()),
    }
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
}
