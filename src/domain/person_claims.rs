//! What scopes reveal of a person (OpenID Connect Core §5.4): in ID tokens, and at the userinfo endpoint.

use serde::Serialize;

use crate::model::scope::ScopeSet;
use crate::model::user::User;

/// The claims, beside `sub`, that the scopes reveal.
#[derive(Debug, Default, Serialize)]
pub struct PersonClaims<'a> {
    /// The name people know them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// What they type to sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// Whether the address was proven to be theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

impl<'a> PersonClaims<'a> {
    /// What `scopes` reveal of `user`.
    #[must_use]
    pub fn of(user: &'a User, scopes: &ScopeSet) -> Self {
        let mut claims = Self::default();
        if scopes.contains("profile") {
            claims.name = user.display_name.as_deref();
            claims.preferred_username = Some(&user.username);
        }
        if scopes.contains("email") && user.email.is_some() {
            claims.email = user.email.as_deref();
            claims.email_verified = Some(user.email_verified);
        }
        claims
    }
}
