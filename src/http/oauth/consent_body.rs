//! What `/oauth/device/consent` is sent and answers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::approval::{Assessment, Step};
use crate::domain::device_flow::consent::Consent;
use crate::model::device_authorization::CodeArrival;
use crate::model::lifetime::Lifetime;
use crate::model::scope::Scope;

/// What a code that waits for a decision asks for.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceConsentResponse {
    /// The user code, as the device shows it; the person must compare the two. Absent where `risk.steps` has `retype`:
    /// then the front end must not show it, and the person reads it off the device.
    #[schema(example = "BDJW-DSXQ")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_code: Option<String>,
    /// The client that asks.
    #[schema(example = "tv")]
    pub client_id: String,
    /// Its name for people.
    #[schema(example = "The TV app")]
    pub client_name: String,
    /// When the code dies.
    #[schema(value_type = String, format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub expires_at: String,
    /// The scopes the device asked for; empty: it named none, and asks for all that its client may have.
    pub requested_scopes: Vec<String>,
    /// The scopes it gets if the person approves and leaves none out.
    pub granted_scopes: Vec<String>,
    /// The same in words, in the language that is asked for first, as far as there are any in it.
    pub scopes: Vec<ScopeInWords>,
    /// What may be chosen with the approval.
    pub choices: ConsentChoices,
    /// What the device says about itself, and from where. Nothing of it is verified but the address.
    pub device: AskingDevice,
    /// How the approval looks to the server: `verdict`, `reasons`, `steps`, `facts`.
    #[schema(value_type = Object)]
    pub risk: Assessment,
}

/// What a scope allows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeInWords {
    /// The word in protocols.
    #[schema(example = "email")]
    pub name: String,
    /// The words for people.
    #[schema(example = "See your e-mail address")]
    pub description: String,
}

/// What may be chosen with an approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentChoices {
    /// Those of `granted_scopes` that may be left out of `scopes`.
    pub optional_scopes: Vec<String>,
    /// Whether `trusted` may be true.
    pub may_trust: bool,
    /// What `lifetime` may be.
    #[schema(example = json!(["once", "day", "longest"]))]
    pub lifetimes: Vec<&'static str>,
}

/// The device that asks; null where nothing is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskingDevice {
    /// The name it gives itself.
    pub name: Option<String>,
    /// Its operating system.
    pub os: Option<String>,
    /// Its host name.
    pub hostname: Option<String>,
    /// The version of the client program.
    pub client_version: Option<String>,
    /// From where it asked.
    pub ip_address: Option<String>,
    /// With what program it asked.
    pub user_agent: Option<String>,
    /// When it asked.
    #[schema(value_type = String, format = DateTime, example = "2026-01-15T10:10:00Z")]
    pub requested_at: String,
}

/// What the person decides.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct DeviceConsentRequest {
    /// The user code.
    #[schema(example = "BDJW-DSXQ")]
    pub user_code: String,
    /// Yes or no.
    pub decision: Answer,
    /// How `user_code` came to the front end; absent: `link`. A code that a link has brought to the account or browser
    /// before stays a linked one.
    pub arrival: Option<Arrival>,
    /// The code as the person read it off the device and typed it, where `risk.steps` has `retype`.
    #[schema(example = "BDJW-DSXQ")]
    pub retyped_user_code: Option<String>,
    /// Whether the device may stay connected for as long as trusted ones do.
    pub trusted: Option<bool>,
    /// The scopes to grant, of those that the answer to `GET` names; absent: all of them.
    pub scopes: Option<Vec<String>>,
    /// A name for the device instead of the one it gives itself.
    pub device_name: Option<String>,
    /// How long it may stay connected: `once`, `twelve_hours`, `day`, `week`, `month` or `longest`, which is what
    /// absent means.
    pub lifetime: Option<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// How a user code came to a front end.
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

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceConsentDecided {
    /// `approved` or `denied`.
    #[schema(example = "approved")]
    pub status: &'static str,
    /// What the person must type into the device before the approval counts; absent: nothing.
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
