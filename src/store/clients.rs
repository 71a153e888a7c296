//! `clients`

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use url::Url;

use super::{Result, hash32, policy_changes};
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType, ScopePolicy};
use crate::model::ids::{ClientId, TenantId, UserId};
use crate::model::policy::PolicyChanges;
use crate::model::signing_key::SigningAlgorithm;

/// The client with this identifier.
pub async fn find(db: impl PgExecutor<'_>, tenant: TenantId, client_id: &str) -> Result<Option<Client>> {
    let row = sqlx::query!(
        "SELECT client_id, name, auth_method, secret_hash, grant_types, scopes, scope_policy, first_party,
                owner_user_id, enabled, signing_alg, previous_secret_hash, jwks, jwks_uri,
                dpop_bound_access_tokens, introspects, tokens_not_before, policy
         FROM clients WHERE tenant_id = $1 AND client_id = $2",
        tenant.0,
        client_id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Client {
        tenant_id: tenant,
        client_id: ClientId::from_known(row.client_id),
        name: row.name,
        // The column's check allows no other word; a public client is the one that can do least.
        auth_method: AuthMethod::parse(&row.auth_method).unwrap_or(AuthMethod::None),
        secret_hash: row.secret_hash.as_deref().and_then(hash32),
        grant_types: row.grant_types.iter().filter_map(|grant| GrantType::parse(grant)).collect(),
        scopes: row.scopes.into_iter().collect(),
        scope_policy: match row.scope_policy.as_str() {
            "inherit" => ScopePolicy::Inherit,
            _ => ScopePolicy::Explicit,
        },
        first_party: row.first_party,
        owner: row.owner_user_id.map(UserId),
        enabled: row.enabled,
        signing_algorithm: row.signing_alg.as_deref().and_then(SigningAlgorithm::parse),
        previous_secret_hash: row.previous_secret_hash.as_deref().and_then(hash32),
        keys: match (row.jwks, row.jwks_uri) {
            (Some(set), _) => Some(ClientKeys::Registered(set.into())),
            // Only addresses are ever written there.
            (None, uri) => uri.and_then(|uri| Url::parse(&uri).ok()).map(ClientKeys::Published),
        },
        dpop_bound_access_tokens: row.dpop_bound_access_tokens,
        introspects: row.introspects,
        tokens_not_before: row.tokens_not_before,
        policy: policy_changes(row.policy),
    }))
}

/// Adds a client; whether the identifier was free.
pub async fn insert(db: impl PgExecutor<'_>, client: &Client, now: DateTime<Utc>) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO clients (tenant_id, client_id, name, auth_method, secret_hash, grant_types, scopes,
                              scope_policy, first_party, owner_user_id, enabled, signing_alg,
                              previous_secret_hash, jwks, jwks_uri, dpop_bound_access_tokens, introspects,
                              tokens_not_before, policy, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)
         ON CONFLICT DO NOTHING",
        client.tenant_id.0,
        client.client_id.as_str(),
        client.name,
        client.auth_method.as_str(),
        client.secret_hash.as_ref().map(|hash| &hash.0[..]),
        &grant_names(client),
        &client.scopes.to_vec(),
        client.scope_policy.as_str(),
        client.first_party,
        client.owner.map(|owner| owner.0),
        client.enabled,
        client.signing_algorithm.map(SigningAlgorithm::as_str),
        client.previous_secret_hash.as_ref().map(|hash| &hash.0[..]),
        registered_keys(client),
        published_keys(client),
        client.dpop_bound_access_tokens,
        &client.introspects,
        client.tokens_not_before,
        Value::Object(client.policy.0.clone()),
        now
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Has whoever else would change this client wait until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, client: &Client) -> Result<()> {
    sqlx::query!(
        "SELECT client_id FROM clients WHERE tenant_id = $1 AND client_id = $2 FOR UPDATE",
        client.tenant_id.0,
        client.client_id.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(())
}

/// Writes what may change of a client.
pub async fn update(db: impl PgExecutor<'_>, client: &Client, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE clients SET name = $3, secret_hash = $4, grant_types = $5, scopes = $6, enabled = $7,
                            previous_secret_hash = $8, jwks = $9, jwks_uri = $10, dpop_bound_access_tokens = $11,
                            introspects = $12, tokens_not_before = $13, policy = $14, updated_at = $15,
                            version = version + 1
         WHERE tenant_id = $1 AND client_id = $2",
        client.tenant_id.0,
        client.client_id.as_str(),
        client.name,
        client.secret_hash.as_ref().map(|hash| &hash.0[..]),
        &grant_names(client),
        &client.scopes.to_vec(),
        client.enabled,
        client.previous_secret_hash.as_ref().map(|hash| &hash.0[..]),
        registered_keys(client),
        published_keys(client),
        client.dpop_bound_access_tokens,
        &client.introspects,
        client.tokens_not_before,
        Value::Object(client.policy.0.clone()),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The clients of a tenant that have a policy of their own, and what is different in it.
pub async fn policies(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<(ClientId, PolicyChanges)>> {
    let rows = sqlx::query!(
        "SELECT client_id, policy FROM clients WHERE tenant_id = $1 AND policy <> '{}' ORDER BY client_id",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (ClientId::from_known(row.client_id), policy_changes(row.policy)))
        .collect())
}

/// Removes a client with its codes, devices and tokens; whether it was there.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, client: &ClientId) -> Result<bool> {
    let gone = sqlx::query!(
        "DELETE FROM clients WHERE tenant_id = $1 AND client_id = $2",
        tenant.0,
        client.as_str()
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected() == 1)
}

/// Lets nothing count that was issued to the client before `instant`; the instant that is in force now, if there is
/// such a client.
pub async fn raise_tokens_not_before(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    client_id: &str,
    instant: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE clients SET tokens_not_before = greatest(tokens_not_before, $3)
           WHERE tenant_id = $1 AND client_id = $2
           RETURNING tokens_not_before AS "in_force!""#,
        tenant.0,
        client_id,
        instant
    )
    .fetch_optional(db)
    .await?)
}

fn registered_keys(client: &Client) -> Option<&Value> {
    match &client.keys {
        Some(ClientKeys::Registered(set)) => Some(set.document()),
        _ => None,
    }
}

fn published_keys(client: &Client) -> Option<&str> {
    match &client.keys {
        Some(ClientKeys::Published(uri)) => Some(uri.as_str()),
        _ => None,
    }
}

fn grant_names(client: &Client) -> Vec<String> {
    client.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect()
}
