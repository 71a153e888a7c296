//! A device asks again (RFC 8628 §3.4).
//!
//! Whatever is written about polls is written to columns of its own, so that it can never undo a decision.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::memory::UnwrittenPolls;
use super::{interval, session_row};
use crate::model::bearer_secret::SecretHash;
use crate::model::device_authorization::{DeviceAuthorization, FirstTokens, Polling};
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::model::refresh_token::FIRST_GENERATION;
use crate::model::user::User;
use crate::store::Result;
use crate::store::batches::{BatchQueue, in_order};
use crate::store::inconsistent::RowOf;
use crate::store::users::UserRow;

/// The columns of a [`FoundSession`], and which code they answer, counted from one.
struct FoundRow {
    nth: i64,
    id: Uuid,
    client_id: String,
    dpop_jkt: Option<Vec<u8>>,
    resources: Vec<String>,
    nonce: Option<String>,
    expires_at: DateTime<Utc>,
    state: String,
    decided_at: Option<DateTime<Utc>>,
    decided_by_user_id: Option<Uuid>,
    granted_scopes: Option<Vec<String>>,
    auth_time: Option<DateTime<Utc>>,
    amr: Option<Vec<String>>,
    trusted: bool,
    chosen_lifetime_seconds: Option<i32>,
    consumed_at: Option<DateTime<Utc>>,
    unanswered: Option<bool>,
    interval_seconds: i32,
    last_polled_at: Option<DateTime<Utc>>,
    poll_count: i64,
    user_id: Option<Uuid>,
    username: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    roles: Option<Vec<String>>,
    enabled: Option<bool>,
    locked_at: Option<DateTime<Utc>>,
    tokens_not_before: Option<DateTime<Utc>>,
}

/// A session as a poll finds it in the database.
#[derive(Debug)]
pub struct FoundSession {
    pub session: DeviceAuthorization,
    /// The services the device asked for (RFC 8707).
    pub resources: Vec<String>,
    /// What the ID token is to repeat (OpenID Connect Core §2).
    pub nonce: Option<String>,
    pub polling: Polling,
    /// How often it was polled, to notice another poll at the same moment.
    pub poll_count: i64,
    pub decided_by: Option<User>,
    /// The tokens that were issued for it, as long as nobody has used them.
    pub first_tokens: Option<FirstTokens>,
}

/// A device code, in the tenant it was presented to: the authorization that it names, and the hash of its random bytes.
pub type CodeName = (TenantId, (DeviceAuthorizationId, SecretHash));
/// Device codes that wait to be looked up.
pub type PollQueue = BatchQueue<CodeName, Option<FoundSession>>;

/// A queue of device codes to look up.
#[must_use]
pub fn queue() -> PollQueue {
    BatchQueue::new(|db, tenant, names| Box::pin(find(db, tenant, names)))
}

/// Looks up the device authorizations of a tenant by their device codes.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    names: &[CodeName],
) -> Result<Vec<Option<FoundSession>>> {
    let ids: Vec<Uuid> = names.iter().map(|(_, (id, _))| id.0).collect();
    let codes: Vec<Vec<u8>> = names.iter().map(|(_, (_, code))| code.0.to_vec()).collect();
    let rows = sqlx::query_as!(
        FoundRow,
        r#"SELECT asked.nth AS "nth!", s.id, s.client_id, s.dpop_jkt,
                  coalesce(s.resources, '{}') AS "resources!", s.nonce, s.expires_at, s.state, s.decided_at,
                  s.decided_by_user_id, s.granted_scopes, s.auth_time, s.amr, s.trusted, s.chosen_lifetime_seconds,
                  s.consumed_at, d.unanswered AS "unanswered?",
                  s.interval_seconds, s.last_polled_at, s.poll_count,
                  u.id AS "user_id?", u.username AS "username?", u.display_name, u.email,
                  u.email_verified AS "email_verified?", u.roles AS "roles?", u.enabled AS "enabled?", u.locked_at,
                  u.tokens_not_before
           FROM unnest($2::uuid[], $3::bytea[]) WITH ORDINALITY AS asked (id, code, nth)
           JOIN device_authorizations s ON s.id = asked.id AND s.tenant_id = $1 AND s.device_code_hash = asked.code
           LEFT JOIN devices d ON d.id = s.id AND d.tenant_id = $1 AND d.revoked_at IS NULL AND d.generation = $4
           LEFT JOIN users u ON u.id = s.decided_by_user_id AND u.tenant_id = $1"#,
        tenant.0,
        &ids,
        &codes,
        FIRST_GENERATION
    )
    .fetch_all(db)
    .await?;
    let read = |row: FoundRow| {
        let key = RowOf::new("device_authorizations", row.id);
        // The user is joined: without one, all of the columns are null.
        let decided_by = match (row.user_id, row.username, row.email_verified, row.roles, row.enabled) {
            (Some(id), Some(username), Some(email_verified), Some(roles), Some(enabled)) => {
                let user = UserRow {
                    id,
                    username,
                    display_name: row.display_name,
                    email: row.email,
                    email_verified,
                    roles,
                    enabled,
                    locked_at: row.locked_at,
                    tokens_not_before: row.tokens_not_before,
                };
                Some(user.into_user(tenant)?)
            }
            _ => None,
        };
        let polling = Polling {
            interval_seconds: interval(&key, row.interval_seconds)?,
            last_polled_at: row.last_polled_at,
        };
        let session = session_row!(row);
        let found = FoundSession {
            session: session.into_session(tenant)?,
            resources: row.resources,
            nonce: row.nonce,
            polling,
            poll_count: row.poll_count,
            decided_by,
            first_tokens: row.unanswered.map(|unanswered| FirstTokens { unanswered }),
        };
        Ok(found)
    };
    in_order(rows, names.len(), |row| (row.nth, read(row))).into_iter().map(Option::transpose).collect()
}

/// Writes that the session was polled and must be polled no more often than `interval_seconds`; or than
/// `slowed_seconds`, if since it was read somebody else has polled it, and not before `silent_since`: of two polls at
/// once, one is early. Whether nobody else has. Older polls may be written at any time, as once the database is back.
pub async fn record(
    db: impl PgExecutor<'_>,
    found: &FoundSession,
    interval_seconds: u32,
    slowed_seconds: u32,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let seconds = |seconds| i32::try_from(seconds).unwrap_or(i32::MAX);
    Ok(sqlx::query_scalar!(
        r#"WITH found AS (
               SELECT id, poll_count = $6::bigint OR last_polled_at <= $7 AS alone
               FROM device_authorizations WHERE tenant_id = $1 AND id = $2
               FOR NO KEY UPDATE
           )
           UPDATE device_authorizations s
           SET poll_count = poll_count + 1, last_polled_at = greatest(last_polled_at, $3),
               interval_seconds = greatest(interval_seconds, CASE WHEN found.alone THEN $4::integer ELSE $5::integer END)
           FROM found WHERE s.tenant_id = $1 AND s.id = found.id
           RETURNING found.alone AS "alone!""#, found.session.tenant_id.0,
        found.session.id.0,
        now,
        seconds(interval_seconds),
        seconds(slowed_seconds),
        found.poll_count,
        silent_since
    )
    .fetch_one(db)
    .await?)
}

/// What the database knew of a session when polls were written.
#[derive(Debug)]
pub struct Written {
    pub id: DeviceAuthorizationId,
    /// The last poll written before, perhaps by another server.
    pub last_polled_before: Option<DateTime<Utc>>,
    /// How often the device may poll, from now on.
    pub interval_seconds: u32,
    /// Whether that is less often than before.
    pub raised: bool,
    /// Whether a poll of it says nothing new: nobody has decided, or the device must confirm.
    pub is_pending: bool,
}

/// Writes many sessions' polls and raised intervals in one statement, except for those that are locked at this moment:
/// decisions and redemptions do not wait for their counters, nor do two of these statements wait for each other.
pub async fn write(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    polls: &[UnwrittenPolls],
) -> Result<Vec<Written>> {
    let ids: Vec<Uuid> = polls.iter().map(|unwritten| unwritten.id.0).collect();
    let counts: Vec<i64> = polls.iter().map(|unwritten| i64::from(unwritten.polls)).collect();
    let times: Vec<DateTime<Utc>> = polls.iter().map(|unwritten| unwritten.last_polled_at).collect();
    let intervals: Vec<i32> =
        polls.iter().map(|unwritten| i32::try_from(unwritten.interval_seconds).unwrap_or(i32::MAX)).collect();
    let rows = sqlx::query!(
        r#"WITH polled AS (
               SELECT s.id, s.last_polled_at AS before, polled.polls, polled.last, polled.seconds,
                      s.interval_seconds < polled.seconds AS raised
               FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::integer[])
                    AS polled (id, polls, last, seconds)
               JOIN device_authorizations s ON s.tenant_id = $1 AND s.id = polled.id
               FOR NO KEY UPDATE OF s SKIP LOCKED
           )
           UPDATE device_authorizations s
           SET poll_count = s.poll_count + polled.polls, last_polled_at = greatest(s.last_polled_at, polled.last),
               interval_seconds = greatest(s.interval_seconds, polled.seconds)
           FROM polled WHERE s.tenant_id = $1 AND s.id = polled.id
           RETURNING s.id, polled.before AS last_polled_before, s.interval_seconds, polled.raised AS "raised!",
                     s.state IN ('pending', 'confirming') AS "is_pending!""#, tenant.0,
        &ids,
        &counts,
        &times,
        &intervals
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Written {
                id: DeviceAuthorizationId(row.id),
                last_polled_before: row.last_polled_before,
                interval_seconds: interval(
                    &RowOf::new("device_authorizations", row.id),
                    row.interval_seconds,
                )?,
                raised: row.raised,
                is_pending: row.is_pending,
            })
        })
        .collect()
}

/// Which of these sessions wait neither for a decision nor for its confirmation any more.
pub async fn decided_among(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    sessions: &[DeviceAuthorizationId],
) -> Result<Vec<DeviceAuthorizationId>> {
    let ids: Vec<Uuid> = sessions.iter().map(|id| id.0).collect();
    let decided = sqlx::query_scalar!(
        r#"SELECT asked.id AS "id!" FROM unnest($2::uuid[]) AS asked (id)
           LEFT JOIN device_authorizations s ON s.tenant_id = $1 AND s.id = asked.id
           WHERE coalesce(s.state, 'gone') NOT IN ('pending', 'confirming')"#,
        tenant.0,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(decided.into_iter().map(DeviceAuthorizationId).collect())
}

/// Which of these sessions there are no more.
pub async fn erased_among(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    sessions: &[DeviceAuthorizationId],
) -> Result<Vec<DeviceAuthorizationId>> {
    let ids: Vec<Uuid> = sessions.iter().map(|id| id.0).collect();
    let erased = sqlx::query_scalar!(
        r#"SELECT asked.id AS "id!" FROM unnest($2::uuid[]) AS asked (id)
           LEFT JOIN device_authorizations s ON s.tenant_id = $1 AND s.id = asked.id
           WHERE s.id IS NULL"#,
        tenant.0,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(erased.into_iter().map(DeviceAuthorizationId).collect())
}
