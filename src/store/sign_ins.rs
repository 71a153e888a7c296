//! A sign-in succeeds or is refused by one statement over all tables that it concerns.
//!
//! The statement compares what was read before with the account as it is now: its password, its `sign_in_version`, and
//! the number of wrong attempts in a row. So nothing is decided on outdated data, and nothing stays locked in between.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::Result;
use super::attempt_budgets::Hold;
use super::audit_events::NewEvent;
use crate::model::bearer_secret::SecretHash;
use crate::model::browser_session::BrowserSession;
use crate::model::guessing::MAX_CONSECUTIVE_FAILURES;
use crate::model::ids::{BrowserSessionId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::totp::TimeStep;

/// The data on which a right password was judged.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    pub user: UserId,
    /// The hash that it was compared with.
    pub checked: &'a str,
    /// A hash of the current strength, if the stored one was weaker.
    pub rehashed: Option<&'a str>,
    pub sign_in_version: i64,
    /// Whether it is valid after any number of wrong attempts in a row.
    pub always: bool,
}

/// A session that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub session: &'a BrowserSession,
    pub token: SecretHash,
    pub origin: &'a RequestOrigin,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session by a password alone, in place of the one that the browser had before. Returns the generation of the
/// browsers that the account knows, or `None` if the judgement is out of date.
pub async fn by_password(
    db: impl PgExecutor<'_>,
    judgement: Judgement<'_>,
    before: Option<BrowserSessionId>,
    begun: NewSession<'_>,
    new: &NewEvent<'_>,
) -> Result<Option<i64>> {
    let (event, session) = (&new.event, begun.session);
    Ok(sqlx::query_scalar!(
        r#"WITH held AS (
               UPDATE users SET password_hash = coalesce($15, password_hash), failed_sign_ins = 0
               WHERE tenant_id = $2 AND id = $16 AND password_hash = $14 AND sign_in_version = $17
                 AND (failed_sign_ins < $18 OR $19) AND enabled AND locked_at IS NULL
               RETURNING browser_generation
           ), ended AS (
               UPDATE browser_sessions SET ended_at = $3
               WHERE tenant_id = $2 AND id = $20 AND ended_at IS NULL AND EXISTS (SELECT FROM held)
           ), begun AS (
               INSERT INTO browser_sessions (id, tenant_id, user_id, token_hash, auth_time, amr, ip_address, place,
                                             user_agent, created_at, last_seen_at, expires_at)
               SELECT $21, $2, $16, $22, $23, $24, $10, $25, $26, $27, $27, $28 FROM held
           )
           SELECT held.browser_generation AS "generation!" FROM held
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target.kind(),
        event.target.id(),
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        judgement.checked,
        judgement.rehashed,
        judgement.user.0,
        judgement.sign_in_version,
        MAX_CONSECUTIVE_FAILURES,
        judgement.always,
        before.map(|id| id.0) as Option<uuid::Uuid>,
        session.id.0,
        &begun.token.0[..],
        session.authentication.auth_time,
        &session.authentication.amr,
        session.place.as_ref().map(Json) as _,
        begun.origin.user_agent,
        session.last_seen_at,
        begun.expires_at
    )
    .fetch_optional(db)
    .await?)
}

/// Notes that a password was right and the code may follow until `expires_at`, and ends the session that the browser had
/// before. Returns `false` if the judgement is out of date.
pub async fn half(
    db: impl PgExecutor<'_>,
    judgement: Judgement<'_>,
    before: Option<BrowserSessionId>,
    (token, expires_at): (SecretHash, DateTime<Utc>),
    new: &NewEvent<'_>,
) -> Result<bool> {
    let event = &new.event;
    let begun = sqlx::query_scalar!(
        r#"WITH held AS (
               UPDATE users SET password_hash = coalesce($15, password_hash)
               WHERE tenant_id = $2 AND id = $16 AND password_hash = $14 AND sign_in_version = $17
                 AND (failed_sign_ins < $18 OR $19) AND enabled AND locked_at IS NULL
               RETURNING id
           ), ended AS (
               UPDATE browser_sessions SET ended_at = $3
               WHERE tenant_id = $2 AND id = $20 AND ended_at IS NULL AND EXISTS (SELECT FROM held)
           ), begun AS (
               INSERT INTO half_sign_ins (token_hash, tenant_id, user_id, created_at, expires_at)
               SELECT $21, $2, $16, $3, $22 FROM held
           )
           SELECT true AS "begun!" FROM held
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target.kind(),
        event.target.id(),
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        judgement.checked,
        judgement.rehashed,
        judgement.user.0,
        judgement.sign_in_version,
        MAX_CONSECUTIVE_FAILURES,
        judgement.always,
        before.map(|id| id.0) as Option<uuid::Uuid>,
        &token.0[..],
        expires_at
    )
    .fetch_optional(db)
    .await?;
    Ok(begun.is_some())
}

/// Proof of the second factor, which can be used once.
#[derive(Clone, Copy, Debug)]
pub enum SecondProof<'a> {
    /// A code of the authenticator app with this sealed key.
    App(&'a [u8], TimeStep),
    /// A recovery code, by its MAC, and its audit event, without the number of codes left.
    Recovery([u8; 32], &'a NewEvent<'a>),
}

/// Begins a session by a second factor and ends the half sign-in before it. Returns the generation of the browsers that
/// the account knows, or `None` if the code is invalid or was used before, the half sign-in has ended, or the account no
/// longer accepts a sign-in from there. `always` as in [`Judgement`].
pub async fn by_second_factor(
    db: impl PgExecutor<'_>,
    half: SecretHash,
    proof: SecondProof<'_>,
    always: bool,
    begun: NewSession<'_>,
    new: &NewEvent<'_>,
) -> Result<Option<i64>> {
    let (event, session) = (&new.event, begun.session);
    let (app, recovery) = match proof {
        SecondProof::App(sealed, step) => (Some((sealed, step.0)), None),
        SecondProof::Recovery(mac, used) => (None, Some((mac, used))),
    };
    let (sealed, step) = app.unzip();
    let used = recovery.map_or(new, |(_, used)| used);
    Ok(sqlx::query_scalar!(
        r#"WITH held AS MATERIALIZED (
               SELECT browser_generation FROM users
               WHERE tenant_id = $2 AND id = $14 AND (failed_sign_ins < $15 OR $16) AND enabled AND locked_at IS NULL
               FOR NO KEY UPDATE
           ), spent AS (
               UPDATE totp_secrets SET last_used_step = $18
               WHERE tenant_id = $2 AND user_id = $14 AND secret_sealed = $17 AND confirmed_at IS NOT NULL
                 AND (last_used_step IS NULL OR last_used_step < $18) AND EXISTS (SELECT FROM held)
               RETURNING user_id
           ), used AS (
               DELETE FROM recovery_codes
               WHERE tenant_id = $2 AND user_id = $14 AND code_mac = $19 AND EXISTS (SELECT FROM held)
               RETURNING user_id
           ), ended AS (
               DELETE FROM half_sign_ins
               WHERE tenant_id = $2 AND token_hash = $20 AND user_id = $14
                 AND (EXISTS (SELECT FROM spent) OR EXISTS (SELECT FROM used))
               RETURNING user_id
           ), cleared AS (
               UPDATE users SET failed_sign_ins = 0
               WHERE tenant_id = $2 AND id = $14 AND failed_sign_ins > 0 AND EXISTS (SELECT FROM ended)
           ), begun AS (
               INSERT INTO browser_sessions (id, tenant_id, user_id, token_hash, auth_time, amr, ip_address, place,
                                             user_agent, created_at, last_seen_at, expires_at)
               SELECT $21, $2, $14, $22, $23, $24, $10, $25, $26, $27, $27, $28 FROM ended
           )
           SELECT held.browser_generation AS "generation!" FROM held CROSS JOIN ended
           CROSS JOIN LATERAL (
               SELECT CASE WHEN $19::bytea IS NOT NULL THEN
                   add_audit_event($29, $2, $3, $30, $31, $6, $7, $8, $9, $10, $11,
                                   jsonb_build_object('left', (SELECT count(*) - 1 FROM recovery_codes c
                                                               WHERE c.tenant_id = $2 AND c.user_id = $14)), $32)
               END) AS told
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target.kind(),
        event.target.id(),
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        session.user.id.0,
        MAX_CONSECUTIVE_FAILURES,
        always,
        sealed as Option<&[u8]>,
        step as Option<i64>,
        recovery.as_ref().map(|(mac, _)| &mac[..]) as Option<&[u8]>,
        &half.0[..],
        session.id.0,
        &begun.token.0[..],
        session.authentication.auth_time,
        &session.authentication.amr,
        session.place.as_ref().map(Json) as _,
        begun.origin.user_agent,
        session.last_seen_at,
        begun.expires_at,
        used.stamp.id,
        used.event.action.as_str(),
        used.event.outcome.as_str(),
        &used.stamp.key[..]
    )
    .fetch_optional(db)
    .await?)
}

/// Refuses a wrong password or code: adds the event, counts it among the account's wrong attempts in a row, and spends
/// what its attempt has reserved. When there are so many that unknown browsers are refused, adds the event `closed`, with
/// the time, actor, target and origin of `new`.
pub async fn refuse(
    db: impl PgExecutor<'_>,
    user: UserId,
    new: &NewEvent<'_>,
    closed: &NewEvent<'_>,
    hold: &Hold,
) -> Result<()> {
    let (event, guards) = (&new.event, &hold.guards);
    sqlx::query!(
        "WITH counted AS (
             UPDATE users SET failed_sign_ins = failed_sign_ins + 1 WHERE tenant_id = $2 AND id = $14
             RETURNING failed_sign_ins
         )
         SELECT FROM (SELECT add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)) AS event
         LEFT JOIN counted ON true
         CROSS JOIN LATERAL (
             SELECT CASE WHEN counted.failed_sign_ins = $15 THEN
                 add_audit_event($16, $2, $3, $17, $18, $6, $7, $8, $9, $10, $11, $19, $20)
             END) AS closed
         CROSS JOIN LATERAL charge_attempt($2, $21, $22, $23, $24, $25, $26, $27)",
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target.kind(),
        event.target.id(),
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        user.0,
        MAX_CONSECUTIVE_FAILURES,
        closed.stamp.id,
        closed.event.action.as_str(),
        closed.event.outcome.as_str(),
        closed.event.details,
        &closed.stamp.key[..],
        hold.id,
        hold.at,
        hold.lapsed(),
        &guards.names,
        &guards.subjects,
        &guards.refills,
        &guards.all_together
    )
    .execute(db)
    .await?;
    Ok(())
}
