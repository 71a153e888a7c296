//! `POST /oauth/device-authorization` (RFC 8628 §3.1, §3.2)

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::authenticate_client::authenticate;
use crate::domain::device_flow::start::{self, StartRequest, Started};
use crate::domain::oauth_error::OAuthError;
use crate::domain::{dpop, tenants};
use crate::http::asked::Slug;
use crate::http::dpop::Dpop;
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::origin::Origin;
use crate::http::parameters::BodyParameters;
use crate::model::device::{DeviceDescription, MAX_METADATA_BYTES, displayable};
use crate::model::policy::approval::ReverseConfirmation;

/// The longest `nonce`, in characters.
const MAX_NONCE_CHARS: usize = 512;

/// A device authorization request. What the device says about itself is shown to people as unverified.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceAuthorizationRequest {
    /// Client ID; optional with HTTP Basic.
    #[schema(example = "tv")]
    pub client_id: Option<String>,
    /// Client secret (`client_secret_post`).
    pub client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`; required with `client_assertion` (RFC 7523
    /// §2.2).
    pub client_assertion_type: Option<String>,
    /// JWT signed by the client (RFC 7523).
    pub client_assertion: Option<String>,
    /// Requested scopes, separated by spaces (default: all scopes of the client).
    #[schema(example = "openid profile offline_access")]
    pub scope: Option<String>,
    /// Resource that the tokens are for (RFC 8707); can be repeated.
    pub resource: Option<Vec<String>>,
    /// Value to repeat in the ID token, at most 512 characters (OpenID Connect Core §2).
    #[schema(example = "n-0S6_WzA2Mj", max_length = 512)]
    pub nonce: Option<String>,
    /// Device name. It and the next three members have at most 128 characters each.
    #[schema(example = "Living room TV")]
    pub device_name: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Hostname.
    pub hostname: Option<String>,
    /// Version of the client program.
    pub client_version: Option<String>,
    /// Further data from the client, at most 4096 bytes of JSON; a string in a form.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// Device authorization response (RFC 8628 §3.2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceAuthorizationResponse {
    /// Device code, used for polling.
    pub device_code: String,
    /// User code to show.
    #[schema(example = "BDJW-DSXQ")]
    pub user_code: String,
    /// URL where the user enters the code.
    #[schema(example = "https://login.example.org/device")]
    pub verification_uri: String,
    /// Verification URL that includes the user code, for QR codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_uri_complete: Option<String>,
    /// Lifetime of both codes, in seconds.
    #[schema(example = 600)]
    pub expires_in: u32,
    /// Polling interval in seconds.
    #[schema(example = 5)]
    pub interval: u32,
    /// Whether the device must ask for the confirmation code on the approval page and send it as
    /// `confirmation_code`; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmation_required: bool,
    /// Whether the approval page may show a confirmation code, so the device should offer to enter one;
    /// absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmation_possible: bool,
}

/// Start a device authorization
#[utoipa::path(
    post,
    path = "/oauth/device-authorization",
    operation_id = "v1_oauth_device_authorization_create",
    tag = "OAuth Device Flow",
    params(("DPoP" = Option<String>, Header, description = "DPoP proof (RFC 9449 §4); binds the code to \
        its key: only its holder can poll, redeem the code and refresh the tokens")),
    request_body(
        content(
            (DeviceAuthorizationRequest = "application/x-www-form-urlencoded"),
            (DeviceAuthorizationRequest = "application/json"),
            (DeviceAuthorizationRequest = "multipart/form-data")
        )
    ),
    responses(
        (status = 200, description = "The codes", body = DeviceAuthorizationResponse),
        (status = 400, description = "`invalid_request`, `invalid_client`, `invalid_scope`, `invalid_target`, `unauthorized_client`, \
            `invalid_dpop_proof`, `use_dpop_nonce` (see `DPoP-Nonce`)", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`, if the client used the `Authorization` header",
            body = OAuthErrorBody),
        (status = 404, description = "Tenant not found", body = OAuthErrorBody),
        (status = 413, description = "Request body too large", body = OAuthErrorBody),
        (status = 415, description = "Unsupported media type", body = OAuthErrorBody),
        (status = 429, description = "Too many device authorizations, or the address is blocked; see `Retry-After`", body = OAuthErrorBody),
        (status = 503, description = "Service unavailable; see `Retry-After`", body = OAuthErrorBody),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    slug: Slug,
    Origin(origin): Origin,
    Dpop(presented): Dpop,
    mut parameters: BodyParameters,
) -> Result<Response, OAuthEndpointError> {
    let tenant = tenants::find(&app, &slug.0).await?;
    let client = authenticate(&app, &tenant, parameters.take_credentials()?).await?;
    let request = StartRequest {
        scope: parameters.take("scope")?,
        resources: parameters.take_resources()?,
        nonce: nonce(parameters.take("nonce")?)?,
        device: describe(&mut parameters)?,
        proof: dpop::prove(&app, &tenant, presented.as_ref()).await?,
    };
    let started = start::start(&app, &tenant, &client, request, &origin).await?;
    Ok(no_store(DeviceAuthorizationResponse::from(started)))
}

fn nonce(text: Option<String>) -> Result<Option<String>, OAuthError> {
    if text.as_ref().is_some_and(|text| text.chars().count() > MAX_NONCE_CHARS) {
        return Err(OAuthError::invalid_request("nonce must have at most 512 characters."));
    }
    Ok(text)
}

/// Why a text is refused, with all that may be wrong with it.
macro_rules! unfit {
    ($name:literal) => {
        concat!(
            $name,
            " must have at most 128 characters, with no control or bidirectional characters and no mixed \
             alphabets in a word."
        )
    };
}

/// Reads what the device says about itself.
fn describe(parameters: &mut BodyParameters) -> Result<DeviceDescription, OAuthError> {
    let mut field = |name, refusal| {
        let text = parameters.take(name)?.map(|text| displayable(&text)).transpose();
        text.map(|text| text.filter(|text| !text.is_empty()))
            .map_err(|_| OAuthError::invalid_request(refusal))
    };
    Ok(DeviceDescription {
        name: field("device_name", unfit!("device_name"))?,
        os: field("os", unfit!("os"))?,
        hostname: field("hostname", unfit!("hostname"))?,
        client_version: field("client_version", unfit!("client_version"))?,
        metadata: metadata(parameters.take("metadata")?)?,
    })
}

fn metadata(text: Option<String>) -> Result<Map<String, Value>, OAuthError> {
    let Some(text) = text else { return Ok(Map::new()) };
    let refuse = || OAuthError::invalid_request("metadata must be a JSON object of at most 4096 bytes.");
    // Postgres cannot store U+0000 in JSON, however it is written.
    if text.len() > MAX_METADATA_BYTES || text.contains("\\u0000") {
        return Err(refuse());
    }
    serde_json::from_str(&text).map_err(|_| refuse())
}

impl From<Started> for DeviceAuthorizationResponse {
    fn from(started: Started) -> Self {
        Self {
            device_code: started.device_code.expose().to_owned(),
            user_code: started.user_code.to_string(),
            verification_uri: started.verification_uri,
            verification_uri_complete: started.verification_uri_complete,
            expires_in: started.expires_in,
            interval: started.interval,
            confirmation_required: started.confirmation == ReverseConfirmation::Always,
            confirmation_possible: started.confirmation == ReverseConfirmation::OnRisk,
        }
    }
}
