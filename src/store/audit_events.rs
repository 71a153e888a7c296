//! `audit_events`: only ever added to, and cleared away with their seals when they are old.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::attempt_budgets::Hold;
use super::db::Db;
use super::{Result, connections};
use crate::model::audit_event::AuditEvent;
use crate::model::audit_mac::{Envelope, EventStamp, event_mac};
use crate::model::audit_seal::{EventHash, Mac, hash_of};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::random::first_uuid_v7_at;

/// Adds an event, in the transaction of the change it tells of.
pub async fn insert(
    db: impl PgExecutor<'_>,
    stamp: &EventStamp,
    tenant: TenantId,
    event: &AuditEvent<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                                   ip_address, request_id, details, mac)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                 audit_event_mac($13, $6, $7, $8, $9, $12))",
        stamp.id,
        tenant.0,
        now,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target.kind(),
        event.target.id(),
        event.origin.map(RequestOrigin::ip_network),
        event.origin.map(|origin| origin.request_id.0),
        event.details,
        &stamp.key[..]
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An event that is written by the statement which does what it tells of.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// Its identifier, and the key for its code.
    pub stamp: EventStamp,
    pub tenant: TenantId,
    pub event: AuditEvent<'a>,
    pub at: DateTime<Utc>,
}

impl NewEvent<'_> {
    pub(super) fn ip_network(&self) -> Option<ipnet::IpNet> {
        self.event.origin.map(RequestOrigin::ip_network)
    }

    pub(super) fn request_id(&self) -> Option<Uuid> {
        self.event.origin.map(|origin| origin.request_id.0)
    }
}

/// Adds an event of a wrong attempt and spends what the attempt has reserved, together.
pub async fn insert_and_charge(db: impl PgExecutor<'_>, new: &NewEvent<'_>, hold: &Hold) -> Result<()> {
    let (event, guards) = (&new.event, &hold.guards);
    sqlx::query!(
        "SELECT FROM (SELECT add_audit_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)) AS event
         CROSS JOIN LATERAL charge_attempt($2, $14, $15, $16, $17, $18, $19, $20)",
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

/// An event as it was written. Its words may be those of another version, so they stay text.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredEvent {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub at: DateTime<Utc>,
    pub action: String,
    /// `success` or `refused`.
    pub outcome: String,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    /// The kind of thing acted on.
    pub target_kind: String,
    pub target_id: Option<String>,
    pub ip_address: Option<String>,
    pub request_id: Option<Uuid>,
    /// What else is known: a JSON object, as the database writes it.
    pub details: String,
    /// The code it carries; `None` if no server of this version wrote it.
    pub mac: Option<Vec<u8>>,
}

impl StoredEvent {
    /// Where the list goes on after this event.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.id
    }

    /// What the server that wrote it knew of it before. Returns `None` for an address that no server writes.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope<'_>> {
        Some(Envelope {
            id: self.id,
            tenant: TenantId(self.tenant_id),
            at: self.at,
            action: &self.action,
            outcome: &self.outcome,
            ip_address: self.ip_address.as_deref().map(str::parse).transpose().ok()?,
            request_id: self.request_id,
        })
    }

    /// The code it must carry if this is its key.
    #[must_use]
    pub fn expected_mac(&self, key: &Mac) -> Mac {
        let (actor, target) = (self.actor_id.as_deref(), self.target_id.as_deref());
        event_mac(key, [Some(&self.actor_kind), actor, Some(&self.target_kind), target, Some(&self.details)])
    }

    /// What a seal holds of it.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        let at = self.at.timestamp_micros().to_string();
        let request = self.request_id.map(|id| id.to_string());
        hash_of(&[
            Some(&self.id.to_string()),
            Some(&self.tenant_id.to_string()),
            Some(&at),
            Some(&self.action),
            Some(&self.outcome),
            Some(&self.actor_kind),
            self.actor_id.as_deref(),
            Some(&self.target_kind),
            self.target_id.as_deref(),
            self.ip_address.as_deref(),
            request.as_deref(),
            Some(&self.details),
        ])
    }
}

/// These events, in any order.
pub async fn with_ids(db: impl PgExecutor<'_>, tenant: TenantId, ids: &[Uuid]) -> Result<Vec<StoredEvent>> {
    Ok(sqlx::query_as!(
        StoredEvent,
        r#"SELECT id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                  host(ip_address) AS ip_address, request_id, details::text AS "details!", mac
           FROM audit_events WHERE tenant_id = $1 AND id = ANY($2)"#,
        tenant.0,
        ids
    )
    .fetch_all(db)
    .await?)
}

/// Which events are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who acted: an account's or client's identifier.
    pub actor: Option<String>,
    pub action: Option<String>,
    /// `success` or `refused`.
    pub outcome: Option<String>,
    /// The kind of thing acted on.
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    pub request_id: Option<Uuid>,
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
}

/// Where a list is to go on: after this event.
pub type Position = Uuid;

/// A tenant's events, newest first, no more than `limit`. Their IDs are in the order of time.
pub async fn list(
    db: &Db,
    tenant: TenantId,
    filter: &Filter,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<StoredEvent>> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                host(ip_address) AS ip_address, request_id, details::text AS details, mac
         FROM audit_events WHERE tenant_id = ",
    );
    query.push_bind(tenant.0);
    for (column, value) in [
        ("actor_id", &filter.actor),
        ("action", &filter.action),
        ("outcome", &filter.outcome),
        ("target_kind", &filter.target_kind),
        ("target_id", &filter.target_id),
    ] {
        let Some(value) = value else { continue };
        query.push(" AND ").push(column).push(" = ").push_bind(value);
        if ["actor_id", "target_id"].contains(&column) {
            // The same as the indexes have it.
            query.push(" AND hashtextextended(").push(column);
            query.push(", uuid_hash_extended(tenant_id, 0)) = hashtextextended(").push_bind(value);
            query.push(", uuid_hash_extended(").push_bind(tenant.0).push(", 0))");
        }
    }
    if let Some(request) = filter.request_id {
        query.push(" AND request_id = ").push_bind(request);
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(from);
        query.push(" AND id >= ").push_bind(first_uuid_v7_at(from));
    }
    if let Some(to) = filter.to {
        query.push(" AND at < ").push_bind(to);
        query.push(" AND id < ").push_bind(first_uuid_v7_at(to));
    }
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    let mut list = connections::begin_list(db).await?;
    Ok(query.build_query_as().persistent(false).fetch_all(&mut *list).await?)
}
