//! Step 6 in one statement: where somebody has decided and the case is the plain one, nothing is looked up before the
//! tokens are collected (RFC 8628 §3.5).

use super::poll::PollRequest;
use super::redeem;
use crate::app::App;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::oauth_error::OAuthError;
use crate::domain::own_audiences::OwnAudiences;
use crate::domain::tokens::{self, Grant, IssuedTokens};
use crate::domain::{audit, granting, mac_keys, policies};
use crate::model::client::GrantType;
use crate::model::device_code::DeviceCode;
use crate::model::refresh_token::RefreshToken;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::device_authorizations::redemptions::{Ground, PlainCase, Redemption};
use crate::store::sending::Sending;

/// Hands out the tokens of a session that memory knows was decided, if its case is the plain one: of any other, and of
/// one that was denied or collected, the statement changes nothing, and the rule has the say.
///
/// The tokens are signed afterwards, with keys that are at hand before: an answer can be lost on its way here as well
/// as behind, and not more easily.
pub(super) async fn collect(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    code: &DeviceCode,
    origin: &RequestOrigin,
) -> Result<Option<IssuedTokens>, OAuthError> {
    // A proof is spent once the session is known to be its key's, and whoever wants less may want what there is not.
    let is_plain = request.proof.is_none() && request.scope.is_none() && request.resources.is_empty();
    if !is_plain || !client.may_use(GrantType::RefreshToken) {
        return Ok(None);
    }
    if !app.sessions.is_decided(&code.authorization()) {
        return Ok(None);
    }
    let token = RefreshToken::first(code);
    let keys = tokens::keys(app, tenant, client).await?;
    let audiences = OwnAudiences::of(app, tenant).await?;
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let plain = PlainCase {
        client: client.client_id.clone(),
        scopes: granting::grantable_unseen(client, &catalogue),
        not_before: granting::not_before(tenant, client),
    };
    let lifetimes = ConnectionLifetimes::usual(&app.config.tokens, &policies::effective(app, tenant, client));
    let now = app.clock.now();
    let key = mac_keys::tokens(app, tenant.id).await?;
    let redemption = Redemption {
        tenant: tenant.id,
        id: code.authorization(),
        code: code.hash(),
        ground: Ground::Plain(plain),
        expires_at: now + lifetimes.absolute,
        token: token.hash(),
        idle_expires_at: Some(now + lifetimes.idle),
        audit: audit::event_key(app, tenant.id, now).await?,
        origin: origin.clone(),
        at: now,
        sending: Sending::default(),
    };
    let delivery = redeem::watch(app, &redemption);
    let Some(redeemed) = app.observe(app.queues.redemptions.submit(redemption).await)? else {
        delivery.is_not_owed();
        return Ok(None);
    };
    let redeemed = redeemed?;
    metrics::counter!("latchkey_device_authorizations_redeemed_total").increment(1);
    let grant = Grant {
        tenant,
        client,
        user: &redeemed.user,
        device_id: token.device(),
        scopes: &redeemed.scopes,
        resources: &audiences.or_default(redeemed.resources, &redeemed.scopes),
        dpop_key: None,
        authentication: &redeemed.authentication,
        ends_at: redeemed.expires_at,
        nonce: redeemed.nonce.as_deref(),
    };
    let tokens = tokens::issue_with(app, &keys, &grant, Some(token.write(tenant.id, &key))).await?;
    Ok(Some(tokens.delivered_by(delivery)))
}
