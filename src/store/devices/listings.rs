//! Administrators look over the devices of a whole tenant, newest first. Identifiers are made in the order of time, so
//! the order is that of an index, and what a page costs does not depend on how many devices there are.

use chrono::{DateTime, Utc};
use sqlx::{Executor, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::DeviceRow;
use crate::model::device::{Device, DeviceStatus};
use crate::model::ids::{DeviceId, TenantId, UserId};
use crate::random::first_uuid_v7_at;
use crate::store::db::Db;
use crate::store::{Result, connections};

/// Which devices are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub user: Option<UserId>,
    pub client: Option<String>,
    pub status: Option<DeviceStatus>,
    /// The country they were connected from (ISO 3166-1 alpha-2, upper case).
    pub country: Option<String>,
    /// They last renewed their access before this.
    pub last_seen_before: Option<DateTime<Utc>>,
}

impl Filter {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { user, client, status, country, last_seen_before } = self;
        user.is_none()
            && client.is_none()
            && status.is_none()
            && country.is_none()
            && last_seen_before.is_none()
    }
}

/// A tenant's devices, newest first: those after the device `after`, `limit` at most.
pub async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    after: Option<DeviceId>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Device>> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT d.id, d.user_id, d.client_id, d.name, d.os, d.hostname, d.client_version, d.metadata, d.user_agent,
                d.ip_address, d.place, d.trusted, d.locked_at, d.locked_by_administrator, d.created_at, d.updated_at,
                d.last_login_at, d.last_seen_at, d.unusual_at, d.expires_at, d.version",
    );
    push_living(&mut query, tenant);
    push_filter(&mut query, filter, now);
    if let Some(after) = after {
        query.push(" AND d.id < ").push_bind(after.0);
    }
    if filter.status == Some(DeviceStatus::Expired) && after.is_none() {
        // The others are mostly newer than any of these, and are not to be passed over one by one. `OFFSET 0` keeps the
        // planner from doing just that to find the newest.
        query.push(" AND d.id <= (SELECT id FROM (SELECT id FROM devices WHERE tenant_id = ");
        query.push_bind(tenant.0).push(" AND ended_at <= ").push_bind(now);
        query.push(" OFFSET 0) AS over ORDER BY id DESC LIMIT 1)");
    }
    query.push(" ORDER BY d.id DESC LIMIT ").push_bind(limit);
    let mut list = connections::begin_list(db).await?;
    let rows: Vec<DeviceRow> = query.build_query_as().persistent(false).fetch_all(&mut *list).await?;
    Ok(rows.into_iter().map(|row| row.into_device(now)).collect())
}

pub async fn count(db: &Db, tenant: TenantId, filter: &Filter, now: DateTime<Utc>) -> Result<i64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT count(*)");
    push_living(&mut query, tenant);
    push_filter(&mut query, filter, now);
    let mut list = connections::begin_list(db).await?;
    Ok(query.build_query_scalar().persistent(false).fetch_one(&mut *list).await?)
}

/// How many devices there are, counted no further than `limit`.
pub async fn count_up_to(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<i64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT count(*) FROM (SELECT 1");
    push_living(&mut query, tenant);
    push_filter(&mut query, filter, now);
    query.push(" LIMIT ").push_bind(limit).push(") AS counted");
    let mut list = connections::begin_list(db).await?;
    Ok(query.build_query_scalar().persistent(false).fetch_one(&mut *list).await?)
}

/// Some of the devices, the newest first, kept from others until the transaction ends.
pub async fn lock(
    db: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceId>> {
    // What is locked is rows of the table: a function has none. Those that changed meanwhile are judged anew.
    let mut query = QueryBuilder::<Postgres>::new("SELECT d.id FROM devices d WHERE d.tenant_id = ");
    query.push_bind(tenant.0).push(" AND d.revoked_at IS NULL");
    push_filter(&mut query, filter, now);
    query.push(" AND d.id = ANY(ARRAY(SELECT d.id");
    push_living(&mut query, tenant);
    push_filter(&mut query, filter, now);
    query.push(" ORDER BY d.id DESC LIMIT ").push_bind(limit);
    query.push(")) ORDER BY d.id DESC FOR NO KEY UPDATE");
    db.execute(connections::PLAN_EACH_TIME).await?;
    let ids: Vec<Uuid> = query.build_query_scalar().persistent(false).fetch_all(&mut *db).await?;
    Ok(ids.into_iter().map(DeviceId).collect())
}

fn push_living(query: &mut QueryBuilder<Postgres>, tenant: TenantId) {
    query.push(" FROM living_devices(").push_bind(tenant.0).push(") d WHERE true");
}

/// Adds the conditions of the filter on the device `d`.
fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &Filter, now: DateTime<Utc>) {
    if let Some(user) = filter.user {
        query.push(" AND d.user_id = ").push_bind(user.0);
    }
    if let Some(client) = &filter.client {
        query.push(" AND d.client_id = ").push_bind(client.clone());
    }
    match filter.status {
        None => {}
        Some(DeviceStatus::Active) => {
            query.push(" AND d.locked_at IS NULL AND d.expires_at > ").push_bind(now);
        }
        Some(DeviceStatus::Locked) => {
            query.push(" AND d.locked_at IS NOT NULL AND d.expires_at > ").push_bind(now);
        }
        Some(DeviceStatus::Expired) => {
            // Not revoked, so this is when it expires.
            query.push(" AND d.ended_at <= ").push_bind(now);
        }
        // What is not connected yet is no device.
        Some(DeviceStatus::Pending | DeviceStatus::Approved) => {
            query.push(" AND false");
        }
    }
    if let Some(country) = &filter.country {
        query.push(" AND d.country = ").push_bind(country.clone());
    }
    if let Some(before) = filter.last_seen_before {
        query.push(" AND d.last_seen_at < ").push_bind(before);
        // Nothing is seen before it is made, so the newer ones need not be looked at.
        query.push(" AND d.id < ").push_bind(first_uuid_v7_at(before));
    }
}
