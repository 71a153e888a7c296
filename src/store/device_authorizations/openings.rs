//! A person opens what a user code stands for (RFC 8628 §3.3). Entries and openings that arrive together share a statement.

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use super::{SessionRow, session_row, stored_half};
use crate::model::attempt_budget::LAPSE;
use crate::model::audit_event::{Action, Outcome};
use crate::model::device::DeviceDescription;
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::place::Place;
use crate::model::request_origin::RequestOrigin;
use crate::store::attempt_budgets::{GivenBack, Guarded, Hold, Quotes};
use crate::store::batches::{BatchQueue, OfTenant, in_order};
use crate::store::event_keys::EventKey;
use crate::store::inconsistent::RowOf;
use crate::store::{Result, host};

/// A session as somebody opens it.
#[derive(Debug)]
pub struct Opening {
    pub request: DeviceRequest,
    /// How often it was opened before.
    pub opened_count: i32,
    /// Who has it open now, if their browser is still signed in or about to be again, or their program still connected.
    pub held_by: Option<Holder>,
}

/// The account that has a code open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub user: UserId,
    /// The last request of the browser that has it open. A step-up that waits for its second factor is a request all the
    /// time. Of a program: when it opened the code.
    pub last_request_at: DateTime<Utc>,
}

/// An attempt to enter a user code: it is reserved and, if there is room for it, looked up, as
/// [`attempt_budgets::reserve`] and a statement after it would. Nothing of the code is locked: [`Claim`] takes what it
/// finds only as it was seen.
///
/// [`attempt_budgets::reserve`]: crate::store::attempt_budgets::reserve
#[derive(Debug)]
pub struct Entry {
    /// The attempt. All its guards stand on the first way.
    pub hold: Hold,
    pub back: GivenBack,
    /// What the user code stands for.
    pub user_code_mac: [u8; 32],
    /// The idle limit of browser sessions.
    pub idle: TimeDelta,
}

impl OfTenant for Entry {
    fn tenant(&self) -> TenantId {
        self.hold.tenant
    }
}

/// Entries of codes that wait for their turn: what the guards said, and what the code stands for.
pub type EntryQueue = BatchQueue<Entry, Option<(Quotes, Result<Option<Opening>>)>>;

#[must_use]
pub fn entries() -> EntryQueue {
    BatchQueue::new(|db, tenant, entries| Box::pin(enter(db, tenant, entries)))
}

#[expect(clippy::too_many_lines, reason = "one statement")]
async fn enter(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    entries: &[Entry],
) -> Result<Vec<Option<(Quotes, Result<Option<Opening>>)>>> {
    let mut guarded = Guarded::default();
    let mut of_hold = Vec::new();
    let mut back = GivenBack::default();
    for (nth, Entry { hold, back: own, .. }) in (1_i32..).zip(entries) {
        of_hold.resize(of_hold.len() + hold.guards.len(), nth);
        guarded.append(&hold.guards);
        // Attempts of one tenant carry the same refunds along.
        back.append(own);
    }
    let each = |pick: fn(&Entry) -> DateTime<Utc>| entries.iter().map(pick).collect::<Vec<_>>();
    let rows = sqlx::query!(
        r#"SELECT r.nth::bigint AS "nth!", r.way AS "way!", r.waits AS "waits!: Vec<Option<f64>>",
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
                  f.holder_seen_at AS "holder_seen_at?", asked.at AS "asked_at!"
           FROM reserve_attempts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS r
           CROSS JOIN LATERAL (SELECT ($3::timestamptz[])[r.nth] AS at, ($17::timestamptz[])[r.nth] AS seen_since)
               AS asked
           LEFT JOIN LATERAL (
               SELECT d.*, held.user_id AS holder, held.seen_at AS holder_seen_at
               FROM device_authorizations d
               LEFT JOIN LATERAL (
                   SELECT s.user_id, CASE WHEN half.steps_up THEN asked.at ELSE s.last_seen_at END AS seen_at
                   FROM browser_sessions s,
                        -- The right password has ended the session already; the second factor is yet to come.
                        LATERAL (SELECT EXISTS (SELECT FROM half_sign_ins h
                                                WHERE h.tenant_id = $1 AND h.user_id = s.user_id
                                                  AND h.expires_at > asked.at) AS steps_up) AS half
                   WHERE s.id = d.opened_by AND s.tenant_id = $1
                     AND (half.steps_up
                          OR (s.ended_at IS NULL AND s.expires_at > asked.at AND s.last_seen_at > asked.seen_since))
                   UNION ALL
                   SELECT v.user_id, NULL FROM devices v
                   WHERE v.id = d.opened_by AND v.tenant_id = $1 AND v.revoked_at IS NULL AND v.expires_at > asked.at
                   LIMIT 1
               ) AS held ON true
               WHERE d.tenant_id = $1 AND d.user_code_mac = ($16::bytea[])[r.nth]
           ) AS f ON r.way > 0"#,
        tenant.0,
        &entries.iter().map(|entry| entry.hold.id).collect::<Vec<_>>(),
        &each(|entry| entry.hold.at),
        &entries.iter().map(|entry| entry.hold.lapsed()).collect::<Vec<_>>(),
        LAPSE.as_seconds_f64(),
        &of_hold,
        &guarded.names,
        &guarded.subjects,
        &guarded.capacities,
        &guarded.refills,
        &guarded.all_together,
        &back.guards,
        &back.subjects,
        &back.holds,
        &back.ends_row,
        &entries.iter().map(|entry| stored_half(&entry.user_code_mac).to_vec()).collect::<Vec<_>>(),
        &each(|entry| entry.hold.at - entry.idle)
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, entries.len(), |row| {
        let quotes = Quotes::read(row.way, row.waits);
        // Without an authorization of this code, all of the columns are null.
        let Some(id) = row.id else { return (row.nth, (quotes, Ok(None))) };
        let key = RowOf::new("device_authorizations", id);
        let found = move || {
            let held_by = row.holder.map(|user| Holder {
                user: UserId(user),
                last_request_at: row.holder_seen_at.max(row.opened_at).unwrap_or(row.asked_at),
            });
            let session = SessionRow {
                id,
                client_id: key.take("client_id", row.client_id)?,
                expires_at: key.take("expires_at", row.expires_at)?,
                state: key.take("state", row.state)?,
                decided_at: row.decided_at,
                decided_by_user_id: row.decided_by_user_id,
                granted_scopes: row.granted_scopes,
                auth_time: row.auth_time,
                amr: row.amr,
                trusted: key.take("trusted", row.trusted)?,
                chosen_lifetime_seconds: row.chosen_lifetime_seconds,
                consumed_at: row.consumed_at,
                dpop_jkt: row.dpop_jkt,
            };
            let request = DeviceRequest {
                session: session.into_session(tenant)?,
                user_code_sealed: key.take("user_code_sealed", row.user_code_sealed)?,
                requested_scopes: row.requested_scopes.map(|names| names.into_iter().collect()),
                resources: row.resources.unwrap_or_default(),
                device: key.take("device", row.device)?.0,
                ip_address: host(row.ip_address),
                place: row.place.map(|place| place.0),
                user_agent: row.user_agent,
                created_at: key.take("created_at", row.created_at)?,
                opened_by: row.opened_by.map(ApproverId),
                linked_by: row.linked_by.unwrap_or_default().into_iter().map(UserId).collect(),
            };
            let opened_count = key.take("opened_count", row.opened_count)?;
            Ok(Some(Opening { request, opened_count, held_by }))
        };
        (row.nth, (quotes, found()))
    }))
}

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
    row.map(|row| {
        Ok(DeviceRequest {
            session: session_row!(row).into_session(tenant)?,
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
        })
    })
    .transpose()
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

/// A code that is about to be opened, as it was seen.
#[derive(Debug)]
pub struct Claim {
    pub tenant: TenantId,
    pub id: DeviceAuthorizationId,
    /// How often it was opened before.
    pub opened_count: i32,
    pub opened_by: Option<ApproverId>,
    pub asked_from: Option<IpNet>,
    pub approver: ApproverId,
    pub user: UserId,
    /// How its code came to them.
    pub arrival: CodeArrival,
    /// What the audit event's code is made of.
    pub audit: EventKey,
    pub details: Value,
    pub origin: RequestOrigin,
    /// When. It becomes the time at which it is sent.
    pub at: DateTime<Utc>,
}

impl OfTenant for Claim {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.at = now;
        true
    }
}

/// Openings that wait to be stored. `None`: nothing was changed, because the code is not as it was seen any more.
pub type ClaimQueue = BatchQueue<Claim, Option<()>>;

#[must_use]
pub fn claims() -> ClaimQueue {
    BatchQueue::new(|db, tenant, claims| Box::pin(claim(db, tenant, claims)))
}

/// Notes that approvers have something open, and nothing else, and how its code came to them: once by a link, always by a
/// link, so that nobody makes a linked code a typed one by opening it again. Notes also that the account had to do with
/// the request's source, and adds the event.
async fn claim(db: impl PgExecutor<'_>, tenant: TenantId, claims: &[Claim]) -> Result<Vec<Option<()>>> {
    let ids = |pick: fn(&Claim) -> Uuid| claims.iter().map(pick).collect::<Vec<_>>();
    let (action, outcome) = (Action::DeviceAuthorizationOpened, Outcome::Success);
    let key = |claim: &Claim| {
        claim.audit.stamp(tenant, (action, outcome), Some(&claim.origin), claim.at).key.to_vec()
    };
    let rows = sqlx::query_scalar!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($2::uuid[], $3::integer[], $4::uuid[], $5::inet[], $6::uuid[], $7::uuid[], $8::boolean[],
                                    $9::uuid[], $10::inet[], $11::uuid[], $12::jsonb[], $13::bytea[], $14::timestamptz[])
                    WITH ORDINALITY
                    AS asked (id, opened_before, opened_by_before, source, approver, user_id, is_link, audit_id, address,
                              request_id, details, audit_key, at, nth)
               -- Two servers that open the same codes come to them in the same order.
               ORDER BY id
           ), opened AS MATERIALIZED (
               SELECT asked.* FROM asked
               WHERE open_device_authorization($1, id, opened_before, opened_by_before, approver,
                                               CASE WHEN is_link THEN user_id END, at)
           ), met AS (
               INSERT INTO source_accounts AS a (tenant_id, source, user_id, first_seen_at, last_seen_at, far_weight,
                                                 report_weight)
               SELECT $1, one.source, one.user_id, one.at, one.at, 0, 0
               FROM (SELECT DISTINCT ON (source, user_id) source, user_id, at FROM opened WHERE source IS NOT NULL
                     ORDER BY source, user_id, at DESC) AS one
               ON CONFLICT (tenant_id, source, user_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details, mac)
               SELECT audit_id, $1, at, $15, $16, 'user', user_id::text, 'device_authorization', id::text, address,
                      request_id, details,
                      audit_event_mac(audit_key, 'user', user_id::text, 'device_authorization', id::text, details)
               FROM opened
           )
           SELECT nth AS "nth!" FROM opened"#,
        tenant.0,
        &ids(|claim| claim.id.0),
        &claims.iter().map(|claim| claim.opened_count).collect::<Vec<_>>(),
        &claims.iter().map(|claim| claim.opened_by.map(|id| id.0)).collect::<Vec<_>>() as &[Option<Uuid>],
        &claims.iter().map(|claim| claim.asked_from).collect::<Vec<_>>() as &[Option<IpNet>],
        &ids(|claim| claim.approver.0),
        &ids(|claim| claim.user.0),
        &claims.iter().map(|claim| claim.arrival == CodeArrival::Link).collect::<Vec<_>>(),
        &ids(|claim| claim.audit.id),
        &claims.iter().map(|claim| claim.origin.ip_network()).collect::<Vec<_>>(),
        &ids(|claim| claim.origin.request_id.0),
        &claims.iter().map(|claim| claim.details.clone()).collect::<Vec<_>>(),
        &claims.iter().map(key).collect::<Vec<_>>(),
        &claims.iter().map(|claim| claim.at).collect::<Vec<_>>(),
        action.as_str(),
        outcome.as_str()
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, claims.len(), |nth| (nth, ())))
}
