//! What scopes reveal of a person (OpenID Connect Core §5.4): in ID tokens, and at the userinfo endpoint.

use serde::Serialize;

use crate::model::scope::ScopeSet;
use crate::model::user::User;

/// The claims, beside `sub`, that the scopes reveal.
#[derive(Debug, Default, Serialize)]
pub struct PersonClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
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
