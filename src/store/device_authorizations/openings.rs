//! A person opens what a user code stands for (RFC 8628 §3.3).

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::{SessionRow, stored_half};
use crate::model::approver::Approver;
use crate::model::attempt_budget::LAPSE;
use crate::model::device::DeviceDescription;
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::place::Place;
use crate::model::request_origin::limit_unit;
use crate::store::attempt_budgets::{GivenBack, Hold, Quotes};
use crate::store::audit_events::NewEvent;
use crate::store::{Result, host};

/// A session as somebody opens it.
#[derive(Debug)]
pub struct Opening {
    /// What is asked.
    pub request: DeviceRequest,
    /// How often it was opened before.
    pub opened_count: i32,
    /// Who has it open now, if their browser is still signed in or about to be again, or their program still connected.
    pub held_by: Option<Holder>,
}

/// The account that has a code open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub user: UserId,
    /// The last request of the browser that has it open. A step-up that waits for its second factor is a request all the
    /// time. Of a program: when it opened the code.
    pub last_request_at: DateTime<Utc>,
}

/// Reserves an attempt and, if there is room for it, looks the user code up, as [`attempt_budgets::reserve`] and a
/// statement after it would. Nothing is locked: [`record`] takes what it finds only as it was seen.
///
/// [`attempt_budgets::reserve`]: crate::store::attempt_budgets::reserve
pub async fn find_for_attempt(
    db: impl PgExecutor<'_>,
    hold: &Hold,
    back: &GivenBack,
    user_code_mac: [u8; 32],
    idle: TimeDelta,
) -> Result<(Quotes, Option<Opening>)> {
    let (guards, now) = (&hold.guards, hold.at);
    let row = sqlx::query!(
        r#"SELECT r.way AS "way!", r.waits AS "waits!: Vec<Option<f64>>",
                  f.id AS "id?", f.client_id AS "client_id?", f.expires_at AS "expires_at?", f.state AS "state?",
                  f.decided_at AS "decided_at?", f.decided_by_user_id AS "decided_by_user_id?",
                  f.granted_scopes AS "granted_scopes?", f.auth_time AS "auth_time?", f.amr AS "amr?",
                  f.trusted AS "trusted?", f.chosen_lifetime_seconds AS "chosen_lifetime_seconds?",
                  f.consumed_at AS "consumed_at?", f.dpop_jkt AS "dpop_jkt?",
                  f.user_code_sealed AS "user_code_sealed?", f.requested_scopes AS "requested_scopes?",
                  f.device AS "device?: Json<DeviceDescription>", f.ip_address AS "ip_address?",
                  f.place AS "place?: Json<Place>", f.user_agent AS "user_agent?", f.created_at AS "created_at?",
                  f.opened_by AS "opened_by?", f.resources AS "resources?", f.linked_by AS "linked_by?",
                  f.opened_count AS "opened_count?", f.opened_at AS "opened_at?", f.holder AS "holder?",
                  f.holder_seen_at AS "holder_seen_at?"
           FROM reserve_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS r
           LEFT JOIN LATERAL (
               SELECT d.*, held.user_id AS holder, held.seen_at AS holder_seen_at
               FROM device_authorizations d
               LEFT JOIN LATERAL (
                   SELECT s.user_id, CASE WHEN half.steps_up THEN $3 ELSE s.last_seen_at END AS seen_at
                   FROM browser_sessions s,
                        -- The right password has ended the session already; the second factor is yet to come.
                        LATERAL (SELECT EXISTS (SELECT FROM half_sign_ins h
                                                WHERE h.tenant_id = $1 AND h.user_id = s.user_id
                                                  AND h.expires_at > $3) AS steps_up) AS half
                   WHERE s.id = d.opened_by AND s.tenant_id = $1
                     AND (half.steps_up OR (s.ended_at IS NULL AND s.expires_at > $3 AND s.last_seen_at > $17))
                   UNION ALL
                   SELECT v.user_id, NULL FROM devices v
                   WHERE v.id = d.opened_by AND v.tenant_id = $1 AND v.revoked_at IS NULL AND v.expires_at > $3
                   LIMIT 1
               ) AS held ON true
               WHERE d.tenant_id = $1 AND d.user_code_mac = $16
           ) AS f ON r.way > 0"#,
        hold.tenant.0,
        hold.id,
        now,
        hold.lapsed(),
        LAPSE.as_seconds_f64(),
        &guards.names,
        &guards.subjects,
        &guards.capacities,
        &guards.refills,
        &guards.all_together,
        &guards.ways,
        &back.guards,
        &back.subjects,
        &back.holds,
        &back.ends_row,
        stored_half(&user_code_mac),
        now - idle
    )
    .fetch_one(db)
    .await?;
    let quotes = Quotes::read(row.way, row.waits);
    let found = move || {
        let held_by = row.holder.map(|user| Holder {
            user: UserId(user),
            last_request_at: row.holder_seen_at.max(row.opened_at).unwrap_or(now),
        });
        let session = SessionRow {
            id: row.id?,
            client_id: row.client_id?,
            expires_at: row.expires_at?,
            state: row.state?,
            decided_at: row.decided_at,
            decided_by_user_id: row.decided_by_user_id,
            granted_scopes: row.granted_scopes,
            auth_time: row.auth_time,
            amr: row.amr,
            trusted: row.trusted?,
            chosen_lifetime_seconds: row.chosen_lifetime_seconds,
            consumed_at: row.consumed_at,
            dpop_jkt: row.dpop_jkt,
        };
        let request = DeviceRequest {
            session: session.into_session(hold.tenant),
            user_code_sealed: row.user_code_sealed?,
            requested_scopes: row.requested_scopes.map(|names| names.into_iter().collect()),
            resources: row.resources.unwrap_or_default(),
            device: row.device?.0,
            ip_address: host(row.ip_address),
            place: row.place.map(|place| place.0),
            user_agent: row.user_agent,
            created_at: row.created_at?,
            opened_by: row.opened_by.map(ApproverId),
            linked_by: row.linked_by.unwrap_or_default().into_iter().map(UserId).collect(),
        };
        Some(Opening { request, opened_count: row.opened_count?, held_by })
    };
    Ok((quotes, found()))
}

/// What a session asks for.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
) -> Result<Option<DeviceRequest>> {
    let row = sqlx::query!(
        r#"SELECT id, client_id, expires_at, state, decided_at, decided_by_user_id, granted_scopes, auth_time, amr,
                  trusted, chosen_lifetime_seconds, consumed_at, dpop_jkt, user_code_sealed, requested_scopes, device AS "device: Json<DeviceDescription>",
                  ip_address, place AS "place: Json<Place>", user_agent, created_at, opened_by,
                  coalesce(resources, '{}') AS "resources!", coalesce(linked_by, '{}') AS "linked_by!"
           FROM device_authorizations WHERE id = $2 AND tenant_id = $1"#,
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| DeviceRequest {
        session: SessionRow {
            id: row.id,
            client_id: row.client_id,
            expires_at: row.expires_at,
            state: row.state,
            decided_at: row.decided_at,
            decided_by_user_id: row.decided_by_user_id,
            granted_scopes: row.granted_scopes,
            auth_time: row.auth_time,
            amr: row.amr,
            trusted: row.trusted,
            chosen_lifetime_seconds: row.chosen_lifetime_seconds,
            consumed_at: row.consumed_at,
            dpop_jkt: row.dpop_jkt,
        }
        .into_session(tenant),
        user_code_sealed: row.user_code_sealed,
        requested_scopes: row.requested_scopes.map(|names| names.into_iter().collect()),
        resources: row.resources,
        device: row.device.0,
        ip_address: host(row.ip_address),
        place: row.place.map(|place| place.0),
        user_agent: row.user_agent,
        created_at: row.created_at,
        opened_by: row.opened_by.map(ApproverId),
        linked_by: row.linked_by.into_iter().map(UserId).collect(),
    }))
}

/// The session that this approver has open and that still waits for a decision.
pub async fn held_by(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    approver: ApproverId,
    now: DateTime<Utc>,
) -> Result<Option<DeviceAuthorizationId>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM device_authorizations
         WHERE tenant_id = $1 AND opened_by = $2 AND state = 'pending' AND expires_at > $3
         ORDER BY created_at DESC LIMIT 1",
        tenant.0,
        approver.0,
        now
    )
    .fetch_optional(db)
    .await?
    .map(DeviceAuthorizationId))
}

/// Notes that an approver has the session open, and no other one, and how its code came to them: once by a link, always
/// by a link, so that nobody makes a linked code a typed one by opening it again. Notes also that the account had to do
/// with the request's source, and adds the event. Returns `false`, and does nothing, if the session is not as it was
/// `seen` any more.
pub async fn record(
    db: impl PgExecutor<'_>,
    seen: &Opening,
    approver: &Approver,
    arrival: CodeArrival,
    new: &NewEvent<'_>,
) -> Result<bool> {
    let (event, request) = (&new.event, &seen.request);
    let opened = sqlx::query_scalar!(
        r#"WITH opened AS (
               UPDATE device_authorizations
               SET opened_by = $14, opened_count = opened_count + 1, opened_at = $3,
                   linked_by = CASE WHEN $15 AND (linked_by @> ARRAY[$16::uuid]) IS NOT TRUE
                                    THEN array_append(linked_by, $16) ELSE linked_by END
               -- Not `=`: where statistics are from before codes waited, the planner would take an index of those that do
               -- to hold next to nothing, and read it from end to end.
               WHERE tenant_id = $2 AND id = $17 AND state IS NOT DISTINCT FROM 'pending' AND expires_at > $3
                 AND opened_count = $18
                 AND opened_by IS NOT DISTINCT FROM $19
               RETURNING id
           ), put_down AS (
               UPDATE device_authorizations SET opened_by = NULL
               WHERE tenant_id = $2 AND opened_by = $14 AND id <> $17 AND state = 'pending'
                 AND EXISTS (SELECT FROM opened)
           ), met AS (
               INSERT INTO source_accounts AS a (tenant_id, source, user_id, first_seen_at, last_seen_at, far_weight,
                                                 report_weight)
               SELECT $2, $20::inet, $16, $3, $3, 0, 0 FROM opened WHERE $20::inet IS NOT NULL
               ON CONFLICT (tenant_id, source, user_id) DO UPDATE SET last_seen_at = $3
           )
           SELECT true AS "opened!" FROM opened
           CROSS JOIN LATERAL add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS event"#,
        new.stamp.id,
        new.tenant.0,
        new.at,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target_kind,
        event.target_id,
        new.ip_network(),
        new.request_id(),
        event.details,
        &new.stamp.key[..],
        approver.id.0,
        arrival == CodeArrival::Link,
        approver.user.id.0,
        request.session.id.0,
        seen.opened_count,
        request.opened_by.map(|id| id.0) as Option<Uuid>,
        request.ip_address.map(limit_unit) as Option<IpNet>
    )
    .fetch_optional(db)
    .await?;
    Ok(opened.is_some())
}
