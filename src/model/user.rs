//! People.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::ids::{TenantId, UserId};

/// What a user may do beyond owning devices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees and controls everything of the tenant.
    Admin,
    /// Sees everything of the tenant, and changes nothing.
    Auditor,
    /// A word of the tenant's own, needed to grant some of its scopes.
    Other(String),
}

#[derive(Debug, thiserror::Error)]
#[error("a role must have 1 to 64 lower-case letters, digits, `-` or `_`")]
pub struct InvalidRoleError;

impl FromStr for Role {
    type Err = InvalidRoleError;

    fn from_str(text: &str) -> Result<Self, InvalidRoleError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        match text {
            "admin" => Ok(Self::Admin),
            "auditor" => Ok(Self::Auditor),
            _ if (1..=64).contains(&text.len()) && text.bytes().all(legal) => {
                Ok(Self::Other(text.to_owned()))
            }
            _ => Err(InvalidRoleError),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Other(word) => word,
        })
    }
}

/// A person's account. The password's hash stays in the store.
#[derive(Clone, Debug)]
pub struct User {
    /// The account's identifier, the `sub` of tokens; never reassigned.
    pub id: UserId,
    pub tenant_id: TenantId,
    /// What the person types to sign in; unique in the tenant, whatever the case.
    pub username: String,
    /// The name people know them by.
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// Whether the address was proven to be theirs.
    pub email_verified: bool,
    pub roles: Vec<Role>,
    /// Whether the account may be used.
    pub standing: Standing,
    /// What was issued in their name before this instant is dead.
    pub tokens_not_before: Option<DateTime<Utc>>,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Locked by an operator or administrator.
    Locked,
    Disabled,
}

impl Standing {
    pub const ALL: [Self; 3] = [Self::Good, Self::Locked, Self::Disabled];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }
}

impl User {
    /// Whether the account may sign in, approve, and have tokens issued in its name.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Good
    }

    /// Whether the user has `role`.
    #[must_use]
    pub fn has_role(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }
}
