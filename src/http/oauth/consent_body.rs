//! What `/oauth/device/consent` is sent and answers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::approval::{Assessment, Step};
use crate::domain::device_flow::consent::Consent;
use crate::model::device_authorization::CodeArrival;
use crate::model::lifetime::Lifetime;
use crate::model::scope::Scope;

/// A pending request.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceConsentResponse {
    /// User code as the device shows it; the user must compare the two. Absent if `risk.steps` contains
    /// `retype`: the front end must not show it, and the user reads it from the device.
    #[schema(example = "BDJW-DSXQ")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_code: Option<String>,
    /// Client ID.
    #[schema(example = "tv")]
    pub client_id: String,
    /// Name shown to people.
    #[schema(example = "The TV app")]
    pub client_name: String,
    /// Expiry time of the codes.
    #[schema(value_type = String, format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub expires_at: String,
    /// Scopes that the device requested; empty if it requested none, which means all scopes of the client.
    pub requested_scopes: Vec<String>,
    /// Scopes that the device gets if the user approves and omits none.
    pub granted_scopes: Vec<String>,
    /// Descriptions of the scopes, in the requested language if available.
    pub scopes: Vec<ScopeInWords>,
    /// Choices that the approval can make.
    pub choices: ConsentChoices,
    /// What the device says about itself, and where its request came from. Only the IP address is verified.
    pub device: AskingDevice,
    /// Risk assessment: `verdict`, `reasons`, `steps`, `facts`.
    #[schema(value_type = Object)]
    pub risk: Assessment,
}

/// Description of a scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeInWords {
    /// Scope name.
    #[schema(example = "email")]
    pub name: String,
    /// Description shown to people.
    #[schema(example = "See your email address")]
    pub description: String,
}

/// Choices that an approval can make.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentChoices {
    /// The `granted_scopes` that can be omitted from `scopes`.
    pub optional_scopes: Vec<String>,
    /// Whether `trusted` can be true.
    pub may_trust: bool,
    /// Allowed values of `lifetime`.
    #[schema(example = json!(["once", "day", "longest"]))]
    pub lifetimes: Vec<&'static str>,
}

/// The requesting device; members are null if unknown.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskingDevice {
    /// Device name.
    pub name: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Hostname.
    pub hostname: Option<String>,
    /// Version of the client program.
    pub client_version: Option<String>,
    /// IP address of the request.
    pub ip_address: Option<String>,
    /// User agent of the request.
    pub user_agent: Option<String>,
    /// Time of the request.
    #[schema(value_type = String, format = DateTime, example = "2026-01-15T10:10:00Z")]
    pub requested_at: String,
}

/// The decision of the user.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct DeviceConsentRequest {
    /// User code.
    #[schema(example = "BDJW-DSXQ")]
    pub user_code: String,
    /// The decision.
    pub decision: Answer,
    /// How `user_code` reached the front end (default `link`). A code that reached the user or browser by a
    /// link before is always treated as linked.
    pub arrival: Option<Arrival>,
    /// User code that the user read from the device and entered; required if `risk.steps` contains `retype`.
    #[schema(example = "BDJW-DSXQ")]
    pub retyped_user_code: Option<String>,
    /// Whether to mark the device as trusted, for longer access.
    pub trusted: Option<bool>,
    /// Scopes to grant, from the response to `GET` (default: all of them).
    pub scopes: Option<Vec<String>>,
    /// Device name; overrides the name that the device reported.
    pub device_name: Option<String>,
    /// How long the device can stay connected: `once`, `twelve_hours`, `day`, `week`, `month` or `longest`
    /// (default).
    pub lifetime: Option<String>,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// How a user code reached a front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// The person typed it.
    Typed,
    /// A link or QR code carried it.
    Link,
}

impl From<Arrival> for CodeArrival {
    fn from(arrival: Arrival) -> Self {
        match arrival {
            Arrival::Typed => Self::Typed,
            Arrival::Link => Self::Link,
        }
    }
}

/// A recorded decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceConsentDecided {
    /// `approved` or `denied`.
    #[schema(example = "approved")]
    pub status: &'static str,
    /// Confirmation code that the user must enter on the device to complete the approval; absent if none.
    #[schema(example = "KXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_code: Option<String>,
}

impl DeviceConsentResponse {
    pub(super) fn of(consent: Consent, risk: Assessment, languages: &[String]) -> Self {
        let Consent { request, client, user_code, offer, scopes, .. } = consent;
        let in_words = |scope: Scope| ScopeInWords {
            description: scope.in_words(languages.iter().map(String::as_str)).to_owned(),
            name: scope.name,
        };
        Self {
            user_code: (!risk.needs(Step::Retype)).then(|| user_code.to_string()),
            client_id: client.client_id.to_string(),
            client_name: client.name.clone(),
            expires_at: written(request.session.expires_at),
            requested_scopes: request.requested_scopes.map(|scopes| scopes.to_vec()).unwrap_or_default(),
            granted_scopes: offer.grantable.to_vec(),
            scopes: scopes.into_iter().map(in_words).collect(),
            choices: ConsentChoices {
                optional_scopes: offer.optional.to_vec(),
                may_trust: offer.may_trust,
                lifetimes: offer.lifetimes.into_iter().map(Lifetime::as_str).collect(),
            },
            device: AskingDevice {
                name: request.device.name,
                os: request.device.os,
                hostname: request.device.hostname,
                client_version: request.device.client_version,
                ip_address: request.ip_address.map(|address| address.to_string()),
                user_agent: request.user_agent,
                requested_at: written(request.created_at),
            },
            risk,
        }
    }
}

fn written(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}
