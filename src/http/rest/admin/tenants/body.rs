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
    /// Slug used in URLs: the tenant is served under `/t/{slug}`.
    #[schema(example = "acme")]
    pub slug: String,
    /// Display name (default: the slug).
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
    /// First administrator (default: none).
    pub administrator: Option<NewAdministrator>,
}

/// The first administrator of a new tenant, who chooses a password with the link in the response.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    /// 1 to 64 characters.
    #[schema(example = "ada")]
    pub username: String,
    /// 1 to 128 characters.
    #[schema(example = "Ada Lovelace")]
    pub display_name: Option<String>,
    /// Email address.
    #[schema(example = "ada@acme.example")]
    pub email: Option<String>,
}

/// A new tenant, with the password link of its first administrator.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedTenant {
    #[serde(flatten)]
    pub(super) tenant: TenantBody,
    /// First administrator; absent if none was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) administrator: Option<CreatedAdministrator>,
}

/// The first administrator.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedAdministrator {
    /// User ID.
    pub(super) id: Uuid,
    /// Password link; returned only once.
    pub(super) set_password: SetPasswordLink,
}

/// Changes to a tenant; absent members stay unchanged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange)]
pub struct TenantFields {
    /// Name shown to people.
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
    /// Its own host name, which changes its issuer; `null` removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "login.acme.example")]
    pub host: Patch<String>,
    /// Whether the tenant is enabled. While it is disabled, none of its tokens are valid.
    #[schema(example = true)]
    pub enabled: Option<bool>,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantBody {
    /// Tenant ID.
    pub id: Uuid,
    /// Slug used in URLs; empty for the default tenant, which is `-` in paths.
    #[schema(example = "acme")]
    pub slug: String,
    /// Name shown to people.
    #[schema(example = "Acme Ltd")]
    pub name: String,
    /// Its own host name, if it has one.
    #[schema(example = "login.acme.example")]
    pub host: Option<String>,
    /// Issuer (RFC 8414 §2).
    #[schema(example = "https://login.example.org/t/acme")]
    pub issuer: String,
    /// If `false`, every request to the tenant is rejected.
    #[schema(example = true)]
    pub enabled: bool,
    /// Tokens issued before this time are invalid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// Rules for connecting devices and for what they get.
    pub policy: PolicyBody,
    /// Time of creation.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Version, as in `ETag`.
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
