//! Administrators list sessions, newest first: in the order of identifiers, which is that of the table's key.
//!
//! No index is there for the lists alone, but for that of what was denied. A list of one state, client or user is the
//! merge of one part for each state, and each part is read from an index that serves something else: what waits by its
//! source, what was approved by who approved, and what was redeemed by the devices that came of it.

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{interval, session_row};
use crate::model::device::DeviceDescription;
use crate::model::device_authorization::{DeviceRequest, MAX_CODE_LIFETIME, Polling, REDEMPTION_WINDOW};
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{DeviceAuthorizationId, TenantId, UserId};
use crate::model::place::Place;
use crate::random::first_uuid_v7_at;
use crate::store::db::Db;
use crate::store::inconsistent::RowOf;
use crate::store::{Result, connections, host};

/// A session, with all that is shown of it.
#[derive(Debug)]
pub struct Listed {
    pub request: DeviceRequest,
    pub decided_by: Option<UserId>,
    pub decided_at: Option<DateTime<Utc>>,
    /// How it is polled, as of the last time that polls were written.
    pub polling: Polling,
    pub poll_count: i64,
}

impl Listed {
    /// Where the list goes on after this session.
    #[must_use]
    pub fn position(&self) -> Position {
        self.request.session.id.0
    }
}

/// Which sessions are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<DeviceAuthorizationStatus>,
    pub client: Option<String>,
    pub user: Option<UserId>,
    /// Started at this time or later.
    pub created_after: Option<DateTime<Utc>>,
    /// Started before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// Where a list goes on: after this session.
pub type Position = Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub after: Option<Position>,
    pub offset: i64,
    pub limit: i64,
}

#[derive(Clone, Copy)]
enum Branch {
    All,
    /// One state of the table, and which of its sessions have the status that is looked for.
    Of(&'static str, Ageing),
}

#[derive(Clone, Copy)]
enum Ageing {
    Any,
    /// Those that can still go on.
    Live,
    Over,
}

/// What there is most of comes first: a count that has found enough looks no further.
const fn branches(filter: &Filter) -> &'static [Branch] {
    use Branch::{All, Of};
    match filter.status {
        None if filter.client.is_none() && filter.user.is_none() => &[All],
        None => &[
            Of("consumed", Ageing::Any),
            Of("denied", Ageing::Any),
            Of("approved", Ageing::Any),
            Of("confirming", Ageing::Any),
            Of("pending", Ageing::Any),
        ],
        Some(DeviceAuthorizationStatus::Pending) => {
            &[Of("pending", Ageing::Live), Of("confirming", Ageing::Live)]
        }
        Some(DeviceAuthorizationStatus::Approved) => &[Of("approved", Ageing::Live)],
        Some(DeviceAuthorizationStatus::Expired) => {
            &[Of("pending", Ageing::Over), Of("confirming", Ageing::Over), Of("approved", Ageing::Over)]
        }
        Some(DeviceAuthorizationStatus::Denied) => &[Of("denied", Ageing::Any)],
        Some(DeviceAuthorizationStatus::Consumed) => &[Of("consumed", Ageing::Any)],
    }
}

const COLUMNS: &str = "id, client_id, dpop_jkt, expires_at, state, decided_at, decided_by_user_id, granted_scopes,
    auth_time, amr, trusted, chosen_lifetime_seconds, consumed_at, coalesce(linked_by, '{}') AS linked_by, user_code_sealed, requested_scopes,
    coalesce(resources, '{}') AS resources, device, ip_address, place, user_agent, created_at, interval_seconds, last_polled_at, poll_count";

/// A tenant's sessions, newest first. `lifetime` is that of codes: nothing younger has expired.
pub async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    part: Part,
    now: DateTime<Utc>,
    lifetime: TimeDelta,
) -> Result<Vec<Listed>> {
    // Whole sessions are read only once it is known which: those that a page lies behind are passed over by index.
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query.push(COLUMNS).push(" FROM (SELECT id AS listed_id FROM (");
    for (index, branch) in branches(filter).iter().enumerate() {
        query.push(if index == 0 { "(SELECT s.id" } else { " UNION ALL (SELECT s.id" });
        push_conditions(&mut query, tenant, filter, *branch, now, lifetime);
        if let Some(after) = part.after {
            query.push(" AND s.id < ").push_bind(after);
        }
        query.push(" ORDER BY s.id DESC LIMIT ").push_bind(part.offset + part.limit).push(")");
    }
    query.push(") AS found ORDER BY id DESC LIMIT ").push_bind(part.limit);
    query.push(" OFFSET ").push_bind(part.offset);
    query
        .push(") AS listed JOIN device_authorizations ON id = listed_id AND tenant_id = ")
        .push_bind(tenant.0);
    query.push(" ORDER BY id DESC");
    let mut list = connections::begin_list(db).await?;
    let rows: Vec<Row> = query.build_query_as().persistent(false).fetch_all(&mut *list).await?;
    rows.into_iter().map(|row| row.into_listed(tenant)).collect()
}

pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
) -> Result<Option<Listed>> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query.push(COLUMNS).push(" FROM device_authorizations WHERE id = ").push_bind(id.0);
    query.push(" AND tenant_id = ").push_bind(tenant.0);
    let row: Option<Row> = query.build_query_as().fetch_optional(db).await?;
    row.map(|row| row.into_listed(tenant)).transpose()
}

/// How many sessions there are, counted no further than `limit`.
pub async fn count(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    limit: i64,
    now: DateTime<Utc>,
    lifetime: TimeDelta,
) -> Result<i64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT 1 FROM (");
    for (index, branch) in branches(filter).iter().enumerate() {
        query.push(if index == 0 { "(SELECT 1" } else { " UNION ALL (SELECT 1" });
        push_conditions(&mut query, tenant, filter, *branch, now, lifetime);
        query.push(" LIMIT ").push_bind(limit).push(")");
    }
    query.push(") AS each_state LIMIT ").push_bind(limit).push(") AS counted");
    let mut list = connections::begin_list(db).await?;
    Ok(query.build_query_scalar().persistent(false).fetch_one(&mut *list).await?)
}

/// About how many sessions there are, as the database guesses from its statistics, in a moment.
pub async fn estimate(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    filter: &Filter,
    now: DateTime<Utc>,
    lifetime: TimeDelta,
) -> Result<i64> {
    let mut query = QueryBuilder::<Postgres>::new("EXPLAIN (FORMAT JSON) ");
    for (index, branch) in branches(filter).iter().enumerate() {
        query.push(if index == 0 { "SELECT 1" } else { " UNION ALL SELECT 1" });
        push_conditions(&mut query, tenant, filter, *branch, now, lifetime);
    }
    let plan: serde_json::Value = query.build_query_scalar().persistent(false).fetch_one(db).await?;
    Ok(plan.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_i64).unwrap_or_default())
}

/// The tables of a part, and which of their rows belong to it.
fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    tenant: TenantId,
    filter: &Filter,
    branch: Branch,
    now: DateTime<Utc>,
    lifetime: TimeDelta,
) {
    let state = match branch {
        Branch::Of(state, _) => state,
        Branch::All => "",
    };
    query.push(" FROM device_authorizations s");
    // What was redeemed is found by the devices that came of it.
    let by_device = state == "consumed" && (filter.client.is_some() || filter.user.is_some());
    if by_device {
        query.push(" JOIN devices d ON d.id = s.id AND d.tenant_id = ").push_bind(tenant.0);
    }
    query.push(" WHERE s.tenant_id = ").push_bind(tenant.0);
    if !state.is_empty() {
        query.push(" AND s.state = '").push(state).push("'");
    }
    if matches!(state, "confirming" | "approved") {
        // This, too, is what the index holds.
        query.push(" AND s.decided_by_user_id IS NOT NULL");
    }
    // The same as `DeviceAuthorization::phase`.
    if let Branch::Of(state, ageing @ (Ageing::Live | Ageing::Over)) = branch {
        let (is_live, compare) = match ageing {
            Ageing::Live => (true, ">"),
            _ => (false, "<="),
        };
        if state == "approved" {
            query.push(" AND greatest(s.expires_at, s.decided_at + ").push_bind(REDEMPTION_WINDOW);
            query.push(") ").push(compare).push(" ").push_bind(now);
        } else {
            query.push(" AND s.expires_at ").push(compare).push(" ").push_bind(now);
        }
        // The same about its beginning, which the order goes by.
        let began = if is_live { now - MAX_CODE_LIFETIME - REDEMPTION_WINDOW } else { now - lifetime };
        query.push(" AND s.created_at ").push(compare).push(" ").push_bind(began);
        query.push(" AND s.id ").push(if is_live { ">= " } else { "< " });
        query.push_bind(first_uuid_v7_at(if is_live { began } else { began + TimeDelta::microseconds(1) }));
    }
    if let Some(client) = &filter.client {
        query.push(if by_device { " AND d.client_id = " } else { " AND s.client_id = " });
        query.push_bind(client.clone());
    }
    if let Some(user) = filter.user {
        query.push(if by_device { " AND d.user_id = " } else { " AND s.decided_by_user_id = " });
        query.push_bind(user.0);
    }
    if by_device {
        // Devices outlive the authorizations that they came from.
        query
            .push(" AND d.id >= (SELECT id FROM device_authorizations WHERE tenant_id = ")
            .push_bind(tenant.0);
        query.push(" ORDER BY id LIMIT 1)");
    }
    if let Some(after) = filter.created_after {
        query.push(" AND s.created_at >= ").push_bind(after);
        query.push(" AND s.id >= ").push_bind(first_uuid_v7_at(after));
    }
    if let Some(before) = filter.created_before {
        query.push(" AND s.created_at < ").push_bind(before);
        query.push(" AND s.id < ").push_bind(first_uuid_v7_at(before));
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    client_id: String,
    dpop_jkt: Option<Vec<u8>>,
    expires_at: DateTime<Utc>,
    state: String,
    decided_at: Option<DateTime<Utc>>,
    decided_by_user_id: Option<Uuid>,
    granted_scopes: Option<Vec<String>>,
    auth_time: Option<DateTime<Utc>>,
    amr: Option<Vec<String>>,
    trusted: bool,
    chosen_lifetime_seconds: Option<i32>,
    linked_by: Vec<Uuid>,
    consumed_at: Option<DateTime<Utc>>,
    user_code_sealed: Vec<u8>,
    requested_scopes: Option<Vec<String>>,
    resources: Vec<String>,
    device: Json<DeviceDescription>,
    ip_address: Option<IpNet>,
    place: Option<Json<Place>>,
    user_agent: Option<String>,
    created_at: DateTime<Utc>,
    interval_seconds: i32,
    last_polled_at: Option<DateTime<Utc>>,
    poll_count: i64,
}

impl Row {
    fn into_listed(self, tenant: TenantId) -> Result<Listed> {
        let (decided_at, decided_by) = (self.decided_at, self.decided_by_user_id.map(UserId));
        let polling = Polling {
            interval_seconds: interval(&RowOf::new("device_authorizations", self.id), self.interval_seconds)?,
            last_polled_at: self.last_polled_at,
        };
        let session = session_row!(self);
        let request = DeviceRequest {
            session: session.into_session(tenant)?,
            user_code_sealed: self.user_code_sealed,
            requested_scopes: self.requested_scopes.map(|names| names.into_iter().collect()),
            resources: self.resources,
            device: self.device.0,
            ip_address: host(self.ip_address),
            place: self.place.map(|place| place.0),
            user_agent: self.user_agent,
            created_at: self.created_at,
            opened_by: None,
            linked_by: self.linked_by.into_iter().map(UserId).collect(),
        };
        Ok(Listed { request, decided_by, decided_at, polling, poll_count: self.poll_count })
    }
}
