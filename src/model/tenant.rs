//! Tenants: whole servers that share one database and see nothing of each other.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::TenantId;
use super::policy::PolicyChanges;
use super::tenant_host::TenantHost;

/// The tenant that lives at the root.
pub const DEFAULT_TENANT: TenantId = TenantId(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000));

/// A tenant's short name in URLs: empty for the default tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantSlug(String);

/// The text is no tenant name.
#[derive(Debug, thiserror::Error)]
#[error("a slug must have 1 to 63 lower-case letters, digits and inner dashes")]
pub struct InvalidSlugError;

impl TenantSlug {
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Reads the slug of a tenant below `/t/`.
    pub fn parse(text: &str) -> Result<Self, InvalidSlugError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let dashed = text.starts_with('-') || text.ends_with('-');
        if (1..=63).contains(&text.len()) && text.bytes().all(legal) && !dashed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSlugError)
        }
    }

    /// The slug as text; empty for the default tenant.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every path of the tenant starts with: nothing, or `/t/{slug}`.
    #[must_use]
    pub fn path_prefix(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("/t/{}", self.0) }
    }
}

#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: TenantSlug,
    /// The host that is its own, if it has one: there it is at the root, and that is its issuer.
    pub host: Option<TenantHost>,
    pub name: String,
    pub enabled: bool,
    /// What was issued before this instant is dead.
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// What its devices have otherwise than the settings say.
    pub policy: PolicyChanges,
}

/// Whether a tenant may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantStanding {
    Enabled,
    /// It answers nobody, and none of its tokens counts.
    Suspended,
}
