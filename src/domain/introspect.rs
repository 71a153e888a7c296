//! A client asks what a token is worth (RFC 7662).

use std::sync::Arc;

use super::access_tokens::{self, LiveAccessToken};
use super::authenticate_client::ConfidentialClient;
use super::mac_keys;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::access_token::AccessToken;
use crate::model::client::Client;
use crate::model::refresh_token::RefreshToken;
use crate::model::tenant::Tenant;
use crate::store::refresh_tokens::TokenName;
use crate::store::standings::{self, LiveRefreshToken};
use crate::store::verified_tokens::VerifiedToken;

/// A token that is active, for this caller.
#[derive(Debug)]
pub struct Introspected {
    pub token: ActiveToken,
    /// What the person types to sign in, for callers that are the operator's own.
    pub username: Option<String>,
}

#[derive(Debug)]
pub enum ActiveToken {
    Access(Arc<VerifiedToken>),
    Refresh(Box<LiveRefreshToken>),
}

/// What `caller` may know of a token; `None`: it is not active, or nothing to this caller (RFC 7662 §2.2). It does
/// not matter which kind of token the caller takes it for (§2.1).
pub async fn introspect(
    app: &App,
    tenant: &Tenant,
    caller: &ConfidentialClient,
    token: &str,
) -> Result<Option<Introspected>, OAuthError> {
    let key = mac_keys::tokens(app, tenant.id).await?;
    let (token, username) = if let Some(token) = RefreshToken::read(tenant.id, &key, token) {
        let name = TokenName { tenant: tenant.id, device: token.device(), hash: token.hash() };
        let now = app.clock.now();
        let found = standings::of_refresh_token(&app.db, name, token.generation(), now).await?;
        // Nobody but the client it was issued to has any business with it.
        let Some(mut found) = found.filter(|found| found.client_id == caller.client_id) else {
            return Ok(None);
        };
        let username = std::mem::take(&mut found.username);
        (ActiveToken::Refresh(Box::new(found)), Some(username))
    } else {
        let found = access_tokens::find_live(app, tenant, token).await?;
        let found = found.filter(|found| may_see(caller, &found.verified.claims));
        let Some(LiveAccessToken { verified, user }) = found else { return Ok(None) };
        (ActiveToken::Access(verified), user.map(|user| user.username))
    };
    Ok(Some(Introspected { token, username: username.filter(|_| caller.first_party) }))
}

/// The rule: a client sees the tokens that were issued to it, and those that are meant for it.
fn may_see(caller: &Client, token: &AccessToken) -> bool {
    token.client_id == caller.client_id.as_str()
        || caller.introspects.iter().any(|audience| token.is_meant_for(audience))
}
