//! `GET` and `POST /oauth/device/consent`: what the consent page does, for a front end of one's own.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;

use super::consent_body::{
    Answer, Arrival, DeviceConsentDecided, DeviceConsentRequest, DeviceConsentResponse,
};
use super::consent_error::ConsentError;
use crate::app::App;
use crate::domain::approval::{Approving, assess};
use crate::domain::device_flow::choices::{ChoiceError, Choices};
use crate::domain::device_flow::decide::{self, Decision, DecisionError, NamedCode};
use crate::domain::device_flow::open;
use crate::domain::oauth_error::OAuthError;
use crate::http::bearer::{BearerError, BearerErrorBody};
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::OAuthErrorBody;
use crate::http::pages::{browser, linked_codes};
use crate::http::parameters::Parameters;
use crate::http::rest::caller::{Caller, CallerError, Via};
use crate::languages::Language;
use crate::model::approver::Approver;
use crate::model::device_authorization::CodeArrival;
use crate::model::lifetime::Lifetime;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;

/// The scope that a program needs to act here for its person.
const SCOPE: &str = "device:approve";

/// Get a pending request by user code
///
/// Changes nothing. Wrong codes count as guesses.
#[utoipa::path(
    get,
    path = "/oauth/device/consent",
    operation_id = "v1_oauth_device_consent_show",
    tag = "OAuth Device Flow",
    params(
        ("user_code" = String, Query, description = "User code", example = "BDJW-DSXQ"),
        ("arrival" = Option<Arrival>, Query, description = "How the user code reached the front end (default `link`)"),
        ("Accept-Language" = Option<String>, Header, description = "Language of `scopes`"),
    ),
    security(("access_token" = ["device:approve"]), ("browser_session" = [])),
    responses(
        (status = 200, description = "The pending request", body = DeviceConsentResponse),
        (status = 400, description = "`invalid_request`: `user_code` is missing", body = OAuthErrorBody),
        (status = 401, description = "Missing or invalid authentication, or \
            `insufficient_user_authentication`: a recent sign-in is required (RFC 9470)", body = BearerErrorBody),
        (status = 403, description = "`insufficient_scope`: the token lacks `device:approve`", body = OAuthErrorBody),
        (status = 404, description = "Request or tenant not found",
            body = OAuthErrorBody),
        (status = 409, description = "Another user has opened the request; see `Retry-After`", body = OAuthErrorBody),
        (status = 429, description = "Too many wrong codes; see `Retry-After`", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn show(
    State(app): State<Arc<App>>,
    person: ApprovingPerson,
    RawQuery(query): RawQuery,
) -> Result<Response, ConsentError> {
    let mut query = Parameters::of_query(query.as_deref())?;
    let input = query.take("user_code").ok_or_else(no_user_code)?;
    let said = match query.take("arrival").as_deref() {
        None | Some("link") => CodeArrival::Link,
        Some("typed") => CodeArrival::Typed,
        Some(_) => return Err(OAuthError::invalid_request("arrival must be typed or link.").into()),
    };
    let arrival = person.arrival(&app, &input, said);
    let ApprovingPerson { tenant, approver, origin, languages, .. } = person;
    let consent =
        open::read(&app, &tenant, &approver, &input, arrival, &origin).await.map_err(DecisionError::from)?;
    let judged = Approving::of(&approver, &origin);
    let risk = assess(&app, &tenant, &judged, &consent).await.map_err(OAuthError::from)?;
    Ok(no_store(DeviceConsentResponse::of(consent, risk, &languages)))
}

/// Approve or deny a pending request
#[utoipa::path(
    post,
    path = "/oauth/device/consent",
    operation_id = "v1_oauth_device_consent_create",
    tag = "OAuth Device Flow",
    params(("Accept-Language" = Option<String>, Header,
        description = "Language of the approval email")),
    security(("access_token" = ["device:approve"]), ("browser_session" = [], "csrf_token" = [])),
    request_body = DeviceConsentRequest,
    responses(
        (status = 200, description = "Decision recorded", body = DeviceConsentDecided),
        (status = 400, description = "`invalid_request`; `invalid_scope`: `scopes` contains a scope that \
            is not offered or omits a required one", body = OAuthErrorBody),
        (status = 401, description = "Missing or invalid authentication, or \
            `insufficient_user_authentication`: a recent sign-in is required (RFC 9470)", body = BearerErrorBody),
        (status = 403, description = "`insufficient_scope`: the token lacks `device:approve`; \
            `access_denied`: a browser sent no valid `X-CSRF-Token`", body = OAuthErrorBody),
        (status = 404, description = "Request or tenant not found",
            body = OAuthErrorBody),
        (status = 409, description = "Another user has opened the request; see `Retry-After`", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Request body is not JSON", body = OAuthErrorBody),
        (status = 429, description = "Too many wrong codes; see `Retry-After`", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn decide(
    State(app): State<Arc<App>>,
    person: ApprovingPerson,
    Decided { user_code, said, retyped, decision }: Decided,
) -> Result<Response, ConsentError> {
    let arrival = person.arrival(&app, &user_code, said);
    let code = NamedCode { input: &user_code, arrival, retyped: retyped.as_deref() };
    let ApprovingPerson { tenant, approver, origin, language, .. } = person;
    let status = if decision == Decision::Deny { "denied" } else { "approved" };
    let outcome =
        decide::decide_on_code(&app, &tenant, &approver, code, decision, language.tag(), &origin).await?;
    let confirmation_code = match outcome {
        decide::Decided::Done => None,
        decide::Decided::ToBeConfirmed(characters) => Some(characters.as_str().to_owned()),
    };
    Ok(no_store(DeviceConsentDecided { status, confirmation_code }))
}

/// A person who may approve devices here, by their browser or by a token that may do it for them.
pub struct ApprovingPerson {
    tenant: Arc<Tenant>,
    approver: Approver,
    origin: RequestOrigin,
    /// The headers of their browser, if it is not a program with a token.
    browser: Option<HeaderMap>,
    /// In which they are written to.
    language: Language,
    /// By what words for them are looked up.
    languages: Vec<String>,
}

impl ApprovingPerson {
    /// How a code came here: as the front end says, unless the browser knows better.
    fn arrival(&self, app: &App, code: &str, said: CodeArrival) -> CodeArrival {
        let known = |headers| linked_codes::arrival_by(app, &self.tenant, headers, code);
        said.or(self.browser.as_ref().map_or(CodeArrival::Typed, known))
    }
}

impl FromRequestParts<Arc<App>> for ApprovingPerson {
    type Rejection = ConsentError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ConsentError> {
        let caller = Caller::with_scope(parts, app, &[SCOPE]).await?;
        let approver = caller.approver().ok_or(CallerError::from(BearerError::NoToken))?;
        let (slug, headers) = (&caller.tenant.slug, &parts.headers);
        let language = browser::language_of(app, slug, headers);
        let languages = browser::languages_asked_for(app, slug, headers);
        let browser = matches!(caller.via, Via::Browser(_)).then(|| headers.clone());
        Ok(Self { tenant: caller.tenant, approver, origin: caller.origin, browser, language, languages })
    }
}

/// A decision as it was sent, read.
pub struct Decided {
    user_code: String,
    said: CodeArrival,
    retyped: Option<String>,
    decision: Decision,
}

impl FromRequest<Arc<App>> for Decided {
    type Rejection = ConsentError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ConsentError> {
        let sent: DeviceConsentRequest = Parameters::of_json(request, app).await?;
        let lifetime = match sent.lifetime.as_deref() {
            Some(word) => Lifetime::parse(word).ok_or(DecisionError::Choice(ChoiceError::Lifetime))?,
            None => Lifetime::Longest,
        };
        let choices = Choices {
            scopes: sent.scopes.map(|names| names.into_iter().collect()),
            trusted: sent.trusted.unwrap_or(false),
            device_name: sent.device_name,
            lifetime,
        };
        let decision = match sent.decision {
            Answer::Approve => Decision::Approve(choices),
            Answer::Deny => Decision::Deny,
        };
        let said = sent.arrival.map_or(CodeArrival::Link, CodeArrival::from);
        Ok(Self { user_code: sent.user_code, said, retyped: sent.retyped_user_code, decision })
    }
}

fn no_user_code() -> OAuthError {
    OAuthError::invalid_request("user_code is required.")
}
