//! `clients`

mod row;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::announcements::{Announcement, announce};
use super::db::Db;
use super::inconsistent::RowOf;
use super::{Result, connections, policy_changes};
use crate::model::client::Client;
use crate::model::ids::{ClientId, TenantId, UserId};
use crate::model::policy::PolicyChanges;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::stored::Stored;
use row::{
    ClientRow, allowance_names, ceiling, grant_names, published_keys, registered_keys, registered_metadata,
    registration_token,
};

pub async fn find(db: impl PgExecutor<'_>, tenant: TenantId, client_id: &str) -> Result<Option<Client>> {
    Ok(find_stored(db, tenant, client_id).await?.map(|stored| stored.value))
}

/// The client with this identifier, as it is kept.
pub async fn find_stored(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    client_id: &str,
) -> Result<Option<Stored<Client>>> {
    let row = sqlx::query_as!(
        ClientRow,
        r#"SELECT c.client_id, c.name, c.auth_method, c.secret_hash, c.grant_types, c.scopes, c.scope_policy,
                  c.first_party, c.owner_user_id, c.enabled, c.signing_alg, c.previous_secret_hash, c.jwks, c.jwks_uri,
                  c.dpop_bound_access_tokens, c.credentials_per_installation, c.introspects, c.tokens_not_before, c.policy,
                  c.registered_dynamically, c.registration_token_hash, c.registered_metadata, c.version,
                  c.ceiling, c.id_token_signing_alg, c.assertion_allowances,
                  c.created_at, u.roles AS "owner_roles?", u.enabled AS "owner_enabled?", u.locked_at AS "owner_locked_at?"
           FROM clients c LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.id = c.owner_user_id
           WHERE c.tenant_id = $1 AND c.client_id = $2"#,
        tenant.0,
        client_id
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.into_stored(tenant)).transpose()
}

/// Which clients are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What the identifier or the name holds, whatever the case.
    pub text: Option<String>,
    pub owner: Option<UserId>,
    pub enabled: Option<bool>,
}

/// A tenant's clients by identifier, `limit` of them after the first `offset`.
pub async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Stored<Client>>> {
    let mut list = connections::begin_list(db).await?;
    let rows = sqlx::query_as!(
        ClientRow,
        r#"SELECT c.client_id, c.name, c.auth_method, c.secret_hash, c.grant_types, c.scopes, c.scope_policy,
                  c.first_party, c.owner_user_id, c.enabled, c.signing_alg, c.previous_secret_hash, c.jwks, c.jwks_uri,
                  c.dpop_bound_access_tokens, c.credentials_per_installation, c.introspects, c.tokens_not_before, c.policy,
                  c.registered_dynamically, c.registration_token_hash, c.registered_metadata, c.version,
                  c.ceiling, c.id_token_signing_alg, c.assertion_allowances,
                  c.created_at, u.roles AS "owner_roles?", u.enabled AS "owner_enabled?", u.locked_at AS "owner_locked_at?"
           FROM clients c LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.id = c.owner_user_id
           WHERE c.tenant_id = $1
             AND ($2::text IS NULL OR strpos(lower(c.client_id), lower($2)) > 0 OR strpos(lower(c.name), lower($2)) > 0)
             AND ($3::uuid IS NULL OR c.owner_user_id = $3)
             AND ($4::boolean IS NULL OR c.enabled = $4)
           ORDER BY c.client_id OFFSET $5 LIMIT $6"#,
        tenant.0,
        filter.text,
        filter.owner.map(|owner| owner.0),
        filter.enabled,
        offset,
        limit
    )
    .fetch_all(&mut *list)
    .await?;
    rows.into_iter().map(|row| row.into_stored(tenant)).collect()
}

pub async fn count(db: &Db, tenant: TenantId, filter: &Filter) -> Result<i64> {
    let mut list = connections::begin_list(db).await?;
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM clients
           WHERE tenant_id = $1
             AND ($2::text IS NULL OR strpos(lower(client_id), lower($2)) > 0 OR strpos(lower(name), lower($2)) > 0)
             AND ($3::uuid IS NULL OR owner_user_id = $3)
             AND ($4::boolean IS NULL OR enabled = $4)"#,
        tenant.0,
        filter.text,
        filter.owner.map(|owner| owner.0),
        filter.enabled
    );
    Ok(count.fetch_one(&mut *list).await?)
}

/// How many clients are this user's own.
pub async fn count_owned(db: impl PgExecutor<'_>, tenant: TenantId, owner: UserId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM clients WHERE tenant_id = $1 AND owner_user_id = $2"#,
        tenant.0,
        owner.0
    );
    Ok(count.fetch_one(db).await?)
}

/// Adds a client; whether the identifier was free.
pub async fn insert(db: &mut PgConnection, client: &Client, now: DateTime<Utc>) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO clients (tenant_id, client_id, name, auth_method, secret_hash, grant_types, scopes,
                              scope_policy, first_party, owner_user_id, enabled, signing_alg,
                              previous_secret_hash, jwks, jwks_uri, dpop_bound_access_tokens, introspects,
                              tokens_not_before, policy, registered_dynamically, registration_token_hash,
                              registered_metadata, ceiling, id_token_signing_alg, assertion_allowances,
                              credentials_per_installation, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $24, $25, $26, $27, $23, $23)
         ON CONFLICT (tenant_id, client_id) DO NOTHING",
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
        client.registration.is_some(),
        registration_token(client),
        registered_metadata(client),
        now,
        ceiling(client),
        client.id_token_algorithm.map(SigningAlgorithm::as_str),
        &allowance_names(client),
        client.credentials_per_installation
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
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
pub async fn update(db: &mut PgConnection, client: &Client, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE clients SET name = $3, secret_hash = $4, grant_types = $5, scopes = $6, enabled = $7,
                            previous_secret_hash = $8, jwks = $9, jwks_uri = $10, dpop_bound_access_tokens = $11,
                            introspects = $12, tokens_not_before = $13, policy = $14, updated_at = $15,
                            scope_policy = $16, first_party = $17, owner_user_id = $18, signing_alg = $19,
                            registered_metadata = $20, ceiling = $21, id_token_signing_alg = $22,
                            assertion_allowances = $23, credentials_per_installation = $24, version = version + 1
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
        now,
        client.scope_policy.as_str(),
        client.first_party,
        client.owner.map(|owner| owner.0),
        client.signing_algorithm.map(SigningAlgorithm::as_str),
        registered_metadata(client),
        ceiling(client),
        client.id_token_algorithm.map(SigningAlgorithm::as_str),
        &allowance_names(client),
        client.credentials_per_installation
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
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
    rows.into_iter()
        .map(|row| {
            let policy = policy_changes(&RowOf::new("clients", &row.client_id), row.policy)?;
            Ok((ClientId::from_known(row.client_id), policy))
        })
        .collect()
}

/// Removes a client with its codes, devices and tokens; whether it was there.
pub async fn delete(db: &mut PgConnection, tenant: TenantId, client: &ClientId) -> Result<bool> {
    let gone = sqlx::query!(
        "DELETE FROM clients WHERE tenant_id = $1 AND client_id = $2",
        tenant.0,
        client.as_str()
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(gone.rows_affected() == 1)
}

/// Lets nothing count that was issued to the client before `instant`; the instant that is in force now, if there is
/// such a client.
pub async fn raise_tokens_not_before(
    db: &mut PgConnection,
    tenant: TenantId,
    client_id: &str,
    instant: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let in_force = sqlx::query_scalar!(
        r#"UPDATE clients SET tokens_not_before = greatest(tokens_not_before, $3), version = version + 1
           WHERE tenant_id = $1 AND client_id = $2
           RETURNING tokens_not_before AS "in_force!""#,
        tenant.0,
        client_id,
        instant
    )
    .fetch_optional(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(in_force)
}

/// Takes a scope from every client that is registered for it; how many there were.
pub async fn take_scope(
    db: &mut PgConnection,
    tenant: TenantId,
    scope: &str,
    now: DateTime<Utc>,
) -> Result<u64> {
    let changed = sqlx::query!(
        "UPDATE clients SET scopes = array_remove(scopes, $2), updated_at = $3, version = version + 1
         WHERE tenant_id = $1 AND $2 = ANY(scopes)",
        tenant.0,
        scope,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(changed.rows_affected())
}
