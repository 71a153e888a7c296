//! A client asks for an access token of its own, with no person behind it (RFC 6749 §4.4): machine administration.

use serde_json::{Value, json};

use super::authenticate_client::AuthenticatedClient;
use super::dpop::Proof;
use super::oauth_error::{ErrorCode, OAuthError};
use super::own_audiences::OwnAudiences;
use super::tokens::{self, IssuedTokens};
use super::{audit, granting, refusals};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::client::GrantType;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::tenant::Tenant;
use crate::store;

/// What a client sends (RFC 6749 §4.4.2).
#[derive(Debug)]
pub struct ClientCredentialsRequest {
    pub scope: Option<String>,
    /// `resource`, which may be repeated (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The proof of a key (RFC 9449).
    pub proof: Option<Proof>,
}

struct Grant {
    scopes: ScopeSet,
    /// How long the scopes allow a token to last, in seconds.
    longest: Option<u32>,
    resources: Vec<String>,
}

/// Issues an access token to the client itself: no refresh token, no ID token. Both outcomes are audited.
pub async fn issue(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &ClientCredentialsRequest,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    let granted = grant(app, tenant, client, request).await;
    if let Err(refusal) = &granted
        && !matches!(refusal.code, ErrorCode::TemporarilyUnavailable | ErrorCode::ServerError)
        && refusals::may_be_written(app, origin)
    {
        record(app, client, Outcome::Refused, json!({"error": refusal.code.as_str()}), origin).await?;
    }
    let Grant { scopes, longest, resources } = granted?;
    let details = json!({"scopes": scopes.to_vec(), "resources": resources});
    if let Some(proof) = &request.proof {
        proof.spend(app).await?;
    }
    let usual = app.config.tokens.access_lifetime_seconds;
    let grant = tokens::ClientGrant {
        tenant,
        client,
        scopes,
        resources: &resources,
        dpop_key: request.proof.as_ref().map(Proof::key),
        lifetime_seconds: longest.map_or(usual, |longest| longest.min(usual)),
    };
    let tokens = tokens::issue_to_client(app, grant).await?;
    record(app, client, Outcome::Success, details, origin).await?;
    metrics::counter!("latchkey_tokens_issued_to_clients_total").increment(1);
    Ok(tokens)
}

async fn grant(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &ClientCredentialsRequest,
) -> Result<Grant, OAuthError> {
    client.require(GrantType::ClientCredentials)?;
    if client.is_public() {
        let description = "Only confidential clients can use client_credentials.";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, description));
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let known = app.cached.resources(&app.db, tenant.id).await?;
    let audiences = OwnAudiences::of(app, tenant).await?;
    let requested = granting::requested_resources(&known, &audiences.known(), &request.resources)?;
    let key = request.proof.as_ref().map(Proof::key);
    let scopes = granting::for_client_itself(client, &catalogue, request.scope.as_deref(), key)?;
    Ok(Grant {
        longest: granting::longest(&scopes, &catalogue),
        resources: audiences.or_default(requested, &scopes),
        scopes,
    })
}

async fn record(
    app: &App,
    client: &AuthenticatedClient,
    outcome: Outcome,
    details: Value,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let event = AuditEvent {
        action: Action::TokenIssuedToClient,
        outcome,
        actor: Actor::Client(client.client_id.clone()),
        target: Target::Client(client.client_id.clone()),
        origin: Some(origin),
        details,
    };
    audit::record(app, client.tenant_id, event).await
}
