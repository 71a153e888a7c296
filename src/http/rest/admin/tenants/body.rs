//! Tenants as they are written and told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::domain::tenants::{self, Administered};
use crate::domain::users::NewUser;
use crate::http::rest::admin::clients::body::PolicyBody;
use crate::http::rest::admin::user_passwords::SetPasswordLink;
use crate::model::patch::Patch;
use crate::model::stored::Stored;
use crate::model::tenant::Tenant;

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name in URLs: it lives under `/t/{slug}`.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name for people; the slug when absent.
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
    /// Who administers it first; nobody when absent.
    pub administrator: Option<NewAdministrator>,
}

/// The first administrator of a new tenant. They choose their password, by the link in the answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    /// 1 to 64 characters.
    #[schema(example = "ada")]
    pub username: String,
    /// 1 to 128 characters.
    #[schema(example = "Ada Lovelace")]
    pub display_name: Option<String>,
    /// An e-mail address.
    #[schema(example = "ada@acme.example")]
    pub email: Option<String>,
}

/// A new tenant, with the link for its first administrator.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedTenant {
    #[serde(flatten)]
    pub(super) tenant: TenantBody,
    /// Who administers it first; absent: nobody does yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) administrator: Option<CreatedAdministrator>,
}

/// The first administrator's account.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedAdministrator {
    /// Its identifier.
    pub(super) id: Uuid,
    /// Where the person chooses a password; shown this once.
    pub(super) set_password: SetPasswordLink,
}

/// What becomes of a tenant; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange)]
pub struct TenantFields {
    /// Its name for people.
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
    /// A host name of its own, at which it is then, with another issuer; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "login.acme.example")]
    pub host: Patch<String>,
    /// Whether it answers at all. While it does not, none of its tokens counts.
    #[schema(example = true)]
    pub enabled: Option<bool>,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantBody {
    /// Its identifier.
    pub id: Uuid,
    /// Its name in URLs; empty for the default tenant, which paths call `-`.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name for people.
    #[schema(example = "Acme Ltd")]
    pub name: String,
    /// The host name that is its own, if it has one.
    #[schema(example = "login.acme.example")]
    pub host: Option<String>,
    /// Its issuer identifier (RFC 8414 §2).
    #[schema(example = "https://login.example.org/t/acme")]
    pub issuer: String,
    /// Whether it answers at all.
    #[schema(example = true)]
    pub enabled: bool,
    /// What was issued before this instant is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// What devices must pass and what they get.
    pub policy: PolicyBody,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// What its `ETag` names.
    #[schema(example = 1)]
    pub version: i32,
}

impl From<NewAdministrator> for NewUser {
    fn from(new: NewAdministrator) -> Self {
        let NewAdministrator { username, display_name, email } = new;
        Self { username, display_name, email, email_verified: false, roles: Vec::new() }
    }
}

impl From<Administered> for CreatedAdministrator {
    fn from(made: Administered) -> Self {
        Self { id: made.user.0, set_password: made.link.into() }
    }
}

impl TenantBody {
    pub(super) fn of(app: &App, Stored { value: tenant, version, created_at }: Stored<Tenant>) -> Self {
        let effective = app.config.policy.changed_by(&[&tenant.policy]);
        Self {
            id: tenant.id.0,
            slug: tenant.slug.as_str().to_owned(),
            issuer: tenants::issuer(app, &tenant),
            host: tenant.host.map(|host| host.to_string()),
            name: tenant.name,
            enabled: tenant.enabled,
            tokens_not_before: tenant.tokens_not_before,
            policy: PolicyBody {
                changes: tenant.policy,
                effective: effective.unwrap_or_else(|_| app.config.policy.clone()),
            },
            created_at,
            version,
        }
    }
}
