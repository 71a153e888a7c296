//! Access tokens in requests, and the errors for rejected ones (RFC 6750, RFC 9449 §7).

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::challenge::{self, Reason, Scheme};
use super::dpop::Dpop;
use super::json::no_store;
use super::oauth_endpoint_error::OAuthEndpointError;
use super::parameters::Parameters;
use crate::app::App;
use crate::domain::access_tokens::{AccessTokenError, Presented};
use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// The access token of a request: in the `Authorization` header (RFC 6750 §2.1), or in the form that is posted
/// (§2.2). One in the query string is never looked at (RFC 9700 §4.3.2).
pub struct AccessToken(pub Presented);

/// Why a request with a token, or without one, is refused.
#[derive(Debug)]
pub enum BearerError {
    NoToken,
    Token(AccessTokenError),
    Malformed(&'static str),
    Request(OAuthError),
}

impl From<AccessTokenError> for BearerError {
    fn from(refused: AccessTokenError) -> Self {
        match refused {
            AccessTokenError::Store(error) => Self::Request(error.into()),
            AccessTokenError::WrongProof(error)
                if !matches!(error.code, ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce) =>
            {
                Self::Request(error)
            }
            other => Self::Token(other),
        }
    }
}

impl From<OAuthError> for BearerError {
    fn from(error: OAuthError) -> Self {
        Self::Request(error)
    }
}

impl From<OAuthEndpointError> for BearerError {
    fn from(refusal: OAuthEndpointError) -> Self {
        Self::Request(refusal.into())
    }
}

impl FromRequest<Arc<App>> for AccessToken {
    type Rejection = BearerError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, BearerError> {
        let (mut parts, body) = request.into_parts();
        let in_header = in_header(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let in_form = if request.method() == Method::POST {
            let form = Parameters::of_form(request, app).await.map_err(|error| match error.code {
                ErrorCode::InvalidRequest => BearerError::Malformed(error.description),
                _ => error.into(),
            });
            form?.take_secret("access_token").map(Presented::Bearer)
        } else {
            None
        };
        match (in_header, in_form) {
            (Some(_), Some(_)) => Err(BearerError::Malformed("Send the access token in only one way.")),
            (one, other) => one.or(other).map(Self).ok_or(BearerError::NoToken),
        }
    }
}

/// What the `Authorization` header shows, with the proof that came beside it. `None` without the header, or with a
/// scheme that shows no token.
pub(super) async fn in_header(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Presented>, BearerError> {
    Ok(match of_header(&parts.headers)? {
        Some((Scheme::Bearer, token)) => Some(Presented::Bearer(token)),
        Some((Scheme::Dpop, token)) => {
            let Dpop(proof) = Dpop::from_request_parts(parts, app).await?;
            Some(Presented::Dpop { token, proof })
        }
        None => None,
    })
}

/// Error for a rejected access token; absent if the request had none (RFC 6750 §3.1).
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BearerErrorBody {
    /// Error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_token")]
    pub error: Option<&'static str>,
    /// Description for developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The access token is invalid, expired or revoked.")]
    pub error_description: Option<&'static str>,
}

/// The token in the `Authorization` header. `None` without the header, or with a scheme that shows no token.
fn of_header(headers: &HeaderMap) -> Result<Option<(Scheme, Zeroizing<String>)>, BearerError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerError::Malformed("Send only one Authorization header."));
    }
    let malformed = || BearerError::Malformed("The Authorization header is malformed.");
    let (scheme, token) = value.to_str().map_err(|_| malformed())?.split_once(' ').ok_or_else(malformed)?;
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return Ok(None);
    };
    let token = token.trim_start_matches(' ');
    if token.is_empty() || token.contains(' ') {
        return Err(malformed());
    }
    Ok(Some((scheme, Zeroizing::new(token.to_owned()))))
}

/// What is said to a token that opens no door, whatever the shape of the answer.
pub(super) struct Denial {
    /// 400, 401 or 403.
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    /// A sentence for the client's developer.
    pub(super) description: &'static str,
    /// The values of `WWW-Authenticate`.
    pub(super) challenges: [HeaderValue; 2],
}

impl Denial {
    fn new(status: StatusCode, reason: Reason<'static>) -> Self {
        let Reason { error, description, .. } = reason;
        Self { status, error, description, challenges: challenge::access_token(Some(reason)) }
    }

    /// The token cannot be read (RFC 6750 §3.1).
    pub(super) fn malformed(description: &'static str) -> Self {
        let reason = Reason { scheme: Scheme::Bearer, error: "invalid_request", description, scope: None };
        Self::new(StatusCode::BAD_REQUEST, reason)
    }
}

impl From<AccessTokenError> for Denial {
    fn from(refused: AccessTokenError) -> Self {
        let invalid =
            |scheme, description| Reason { scheme, error: "invalid_token", description, scope: None };
        let reason = match refused {
            // RFC 9449 §7.1, §9
            AccessTokenError::WrongProof(error) => Reason {
                scheme: Scheme::Dpop,
                error: error.code.as_str(),
                description: error.description,
                scope: None,
            },
            AccessTokenError::InsufficientScope { needed } => {
                let reason = Reason {
                    scheme: Scheme::Bearer,
                    error: "insufficient_scope",
                    description: "The access token lacks the required scope.",
                    // RFC 6750 §3: the scope that is enough, and no more.
                    scope: needed.first().copied(),
                };
                return Self::new(StatusCode::FORBIDDEN, reason);
            }
            AccessTokenError::Unproven => invalid(Scheme::Dpop, "The access token requires a DPoP proof."),
            AccessTokenError::OtherAudience => {
                invalid(Scheme::Bearer, "The access token was issued for another service.")
            }
            AccessTokenError::Invalid | AccessTokenError::Store(_) => {
                invalid(Scheme::Bearer, "The access token is invalid, expired or revoked.")
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, reason)
    }
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let (status, challenges, body) = match self {
            // Whoever did not try is only told how to (RFC 6750 §3.1).
            Self::NoToken => {
                (StatusCode::UNAUTHORIZED, challenge::access_token(None), BearerErrorBody::default())
            }
            Self::Request(error) => return OAuthEndpointError::from(error).into_response(),
            Self::Malformed(description) => Denial::malformed(description).told(),
            Self::Token(refused) => Denial::from(refused).told(),
        };
        let challenges = challenges.map(|challenge| (header::WWW_AUTHENTICATE, challenge));
        (status, AppendHeaders(challenges), no_store(body)).into_response()
    }
}

impl Denial {
    fn told(self) -> (StatusCode, [HeaderValue; 2], BearerErrorBody) {
        let Self { status, error, description, challenges } = self;
        metrics::counter!("latchkey_oauth_errors_total", "error" => error).increment(1);
        (status, challenges, BearerErrorBody { error: Some(error), error_description: Some(description) })
    }
}
