//! `browser_sessions`

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::db::Db;
use super::due_rows::for_each_due_tenant;
use super::users::user_row;
use super::{Result, host};
use crate::model::bearer_secret::SecretHash;
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{BrowserSessionId, TenantId, UserId};
use crate::model::place::Place;

/// The session of this cookie, if it is neither ended nor too old, and its user and tenant are in good standing. Moves
/// its idle limit, if it was not used since `touch_before`, or has a code open: a browser keeps the code by its requests.
pub async fn find_live(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
    idle: TimeDelta,
    touch_before: DateTime<Utc>,
) -> Result<Option<BrowserSession>> {
    let row = sqlx::query!(
        r#"WITH found AS (
         SELECT s.id AS session_id, s.auth_time, s.amr, s.place, s.last_seen_at,
                u.id, u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.locked_at,
                u.tokens_not_before,
                EXISTS (SELECT FROM totp_secrets f WHERE f.tenant_id = $1 AND f.user_id = u.id
                        AND f.confirmed_at IS NOT NULL) AS has_second_factor,
                EXISTS (SELECT FROM device_authorizations d WHERE d.opened_by = s.id AND d.tenant_id = $1
                        AND d.state = 'pending') AS has_code_open
         FROM browser_sessions s
         JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id
         JOIN tenants t ON t.id = s.tenant_id AND t.enabled
         WHERE s.token_hash = $2 AND s.tenant_id = $1 AND s.ended_at IS NULL
           AND s.expires_at > $3 AND s.last_seen_at > $4 AND u.enabled AND u.locked_at IS NULL
           AND s.created_at >= coalesce(greatest(t.tokens_not_before, u.tokens_not_before), s.created_at)
         ), touched AS (
         UPDATE browser_sessions s SET last_seen_at = $3 FROM found
         WHERE s.tenant_id = $1 AND s.id = found.session_id AND s.last_seen_at < $3
           AND (found.has_code_open OR s.last_seen_at < $5)
         )
         SELECT session_id AS "session_id!", auth_time AS "auth_time!", amr AS "amr!", place AS "place: Json<Place>",
                last_seen_at AS "last_seen_at!", id AS "id!", username AS "username!", display_name, email,
                email_verified AS "email_verified!", roles AS "roles!", enabled AS "enabled!", locked_at,
                tokens_not_before, has_second_factor AS "has_second_factor!", has_code_open AS "has_code_open!"
         FROM found"#,
        tenant.0,
        &token.0[..],
        now,
        now - idle,
        touch_before
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(BrowserSession {
            id: BrowserSessionId(row.session_id),
            user: user_row!(row, id).into_user(tenant)?,
            authentication: Authentication { auth_time: row.auth_time, amr: row.amr },
            has_second_factor: row.has_second_factor,
            place: row.place.map(|place| place.0),
            last_seen_at: row.last_seen_at,
            has_code_open: row.has_code_open,
        })
    })
    .transpose()
}

/// Gives the session another secret, and says anew how its person proved who they are.
pub async fn renew(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: BrowserSessionId,
    token: SecretHash,
    authentication: &Authentication,
) -> Result<()> {
    sqlx::query!(
        "UPDATE browser_sessions SET token_hash = $3, auth_time = $4, amr = $5 WHERE tenant_id = $1 AND id = $2", tenant.0,
        id.0,
        &token.0[..],
        authentication.auth_time,
        &authentication.amr
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: BrowserSessionId,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE browser_sessions SET ended_at = $3 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a batch of sessions that ended before `before`.
pub async fn delete_ended(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, least(ended_at, expires_at) AS at FROM browser_sessions WHERE least(ended_at, expires_at) < $1
                 ORDER BY least(ended_at, expires_at) LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM browser_sessions WHERE tenant_id = $1 AND id IN (
             SELECT id FROM browser_sessions WHERE tenant_id = $1 AND least(ended_at, expires_at) BETWEEN $2 AND $3
             ORDER BY least(ended_at, expires_at) LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}

/// Ends every session of a user; how many there were.
pub async fn end_of_user(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<u64> {
    let ended = sqlx::query!(
        "UPDATE browser_sessions SET ended_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL",
        tenant.0,
        user.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected())
}

/// A signed-in browser as its owner sees it.
#[derive(Debug)]
pub struct ListedSession {
    pub id: BrowserSessionId,
    pub ip_address: Option<IpAddr>,
    /// Where that is, as far as it is known.
    pub place: Option<Place>,
    pub user_agent: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

/// The sessions of a user that are alive, newest first.
pub async fn of_user(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<Vec<ListedSession>> {
    let rows = sqlx::query!(
        r#"SELECT s.id, s.ip_address, s.place AS "place: Json<Place>", s.user_agent, s.created_at, s.last_seen_at
         FROM browser_sessions s
         JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id
         JOIN tenants t ON t.id = s.tenant_id
         WHERE s.user_id = $2 AND s.tenant_id = $1 AND s.ended_at IS NULL AND s.expires_at > $3 AND s.last_seen_at > $4
           AND s.created_at >= coalesce(greatest(t.tokens_not_before, u.tokens_not_before), s.created_at)
         ORDER BY s.created_at DESC, s.id DESC LIMIT 100"#,
        tenant.0,
        user.0,
        now,
        now - idle
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ListedSession {
            id: BrowserSessionId(row.id),
            ip_address: host(row.ip_address),
            place: row.place.map(|place| place.0),
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        })
        .collect())
}

/// Ends one session of a user; whether it was alive.
pub async fn end_of_owner(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    id: BrowserSessionId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "UPDATE browser_sessions SET ended_at = $4
         WHERE id = $3 AND tenant_id = $1 AND user_id = $2 AND ended_at IS NULL",
        tenant.0,
        user.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends every session of a user but one; how many there were.
pub async fn end_others(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    kept: BrowserSessionId,
    now: DateTime<Utc>,
) -> Result<u64> {
    let ended = sqlx::query!(
        "UPDATE browser_sessions SET ended_at = $4
         WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 AND ended_at IS NULL",
        tenant.0,
        user.0,
        kept.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected())
}
