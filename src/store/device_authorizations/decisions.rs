//! A person says yes or no (RFC 8628 §3.3). Both are one compare-and-set from *pending*. Decisions that arrive together
//! are stored together.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::chosen_lifetime;
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_seal::Mac;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::store::Result;
use crate::store::announcements::{Announcement, CHANNEL};
use crate::store::approval_notices::NewNotice;
use crate::store::batches::{BatchQueue, OfTenant, in_order};
use crate::store::event_keys::EventKey;
use crate::store::inconsistent::RowOf;

/// What a person granted, and in which shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapedGrant {
    pub scopes: ScopeSet,
    pub trusted: bool,
    /// The device's name, where it is another than the device says.
    pub device_name: Option<String>,
    /// How long the connection lasts at most, in seconds, where it is shorter than the policy allows.
    pub lifetime_seconds: Option<u32>,
}

/// A decision about to be stored.
#[derive(Debug)]
pub struct Decision {
    pub tenant: TenantId,
    pub id: DeviceAuthorizationId,
    pub approver: ApproverId,
    pub user: UserId,
    /// How. `None`: no.
    pub approval: Option<Box<NewApproval>>,
    /// What the audit event's code is made of.
    pub audit: EventKey,
    pub details: Value,
    pub origin: RequestOrigin,
    /// When. It becomes the time at which it is sent.
    pub at: DateTime<Utc>,
}

/// A yes about to be stored.
#[derive(Debug)]
pub struct NewApproval {
    pub grant: ShapedGrant,
    /// How the person had proved who they are.
    pub authentication: Authentication,
    /// The MAC of a confirmation code. With one, the approval counts only once the device sends that code; to others
    /// nothing has changed yet.
    pub confirmation: Option<[u8; 32]>,
    pub notice: Option<NewNotice>,
}

impl Decision {
    const fn action(&self) -> Action {
        match self.approval {
            Some(_) => Action::DeviceAuthorizationApproved,
            None => Action::DeviceAuthorizationDenied,
        }
    }

    fn state(&self) -> &'static str {
        match &self.approval {
            None => "denied",
            Some(approval) if approval.confirmation.is_some() => "confirming",
            Some(_) => "approved",
        }
    }

    /// The key of its audit event.
    fn event_key(&self) -> Mac {
        self.audit.stamp(self.tenant, (self.action(), Outcome::Success), Some(&self.origin), self.at).key
    }

    fn grant(&self) -> Option<&ShapedGrant> {
        self.approval.as_ref().map(|approval| &approval.grant)
    }

    fn authentication(&self) -> Option<&Authentication> {
        self.approval.as_ref().map(|approval| &approval.authentication)
    }

    fn confirmation(&self) -> Option<Vec<u8>> {
        self.approval.as_ref().and_then(|approval| approval.confirmation).map(|mac| mac.to_vec())
    }

    fn notice(&self) -> Option<&NewNotice> {
        self.approval.as_ref().and_then(|approval| approval.notice.as_ref())
    }
}

impl OfTenant for Decision {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.at = now;
        true
    }
}

/// Decisions that wait to be stored. `None`: nothing was changed, because the authorization does not wait any more, or
/// somebody else has it open. Announcements stand in one line at their commit, for as long as it takes; decisions
/// together stand in it once.
pub type DecisionQueue = BatchQueue<Decision, Option<()>>;

#[must_use]
pub fn queue() -> DecisionQueue {
    BatchQueue::new(|db, tenant, decisions| Box::pin(take(db, tenant, decisions)))
}

/// Takes decisions of a tenant on what their approvers have open, all of it in one statement: adds the events, tells the
/// other servers, queues the messages to the users.
async fn take(db: impl PgExecutor<'_>, tenant: TenantId, decisions: &[Decision]) -> Result<Vec<Option<()>>> {
    let ids = |pick: fn(&Decision) -> Uuid| decisions.iter().map(pick).collect::<Vec<_>>();
    let announcement = |decision: &Decision| {
        decision.confirmation().is_none().then(|| Announcement::Decided(decision.id).write())
    };
    let lifetime = |grant: &ShapedGrant| {
        grant.lifetime_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
    };
    let rows = sqlx::query_scalar!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[], $7::text[], $8::timestamptz[],
                                    $9::text[], $10::boolean[], $11::text[], $12::integer[], $13::uuid[], $14::text[],
                                    $15::inet[], $16::uuid[], $17::jsonb[], $18::bytea[], $19::timestamptz[], $20::text[],
                                    $21::bytea[], $22::bytea[], $23::text[], $24::text[], $25::text[], $26::text[],
                                    $27::text[], $28::inet[], $29::jsonb[], $30::timestamptz[])
                    WITH ORDINALITY
                    AS asked (id, approver, user_id, state, mac, scopes, signed_in_at, amr, is_trusted, chosen_name,
                              chosen_lifetime, audit_id, action, address, request_id, details, audit_key, at, told,
                              notice_hash, notice_sealed, recipient, language, client_id, client_name, device_name,
                              asked_from, place, notice_end, nth)
               -- Two servers that decide on the same codes come to them in the same order.
               ORDER BY id
           ), decided AS MATERIALIZED (
               SELECT asked.* FROM asked
               WHERE decide_device_authorization($1, id, approver, user_id, state, mac, scopes, signed_in_at, amr,
                                                 is_trusted, chosen_name, chosen_lifetime, at)
           ), notice AS (
               INSERT INTO approval_notices (device_authorization_id, tenant_id, user_id, token_hash, token_sealed,
                                             recipient, language, client_id, client_name, device_name, ip_address, place,
                                             approved_at, expires_at, due_at)
               SELECT id, $1, user_id, notice_hash, notice_sealed, recipient, language, client_id, client_name,
                      device_name, asked_from, place, at, notice_end,
                      greatest(at, (SELECT max(other.due_at) FROM approval_notices other
                                    WHERE other.tenant_id = $1 AND other.recipient = decided.recipient
                                      AND other.due_at IS NOT NULL AND other.postponed))
               FROM decided WHERE notice_hash IS NOT NULL
               ON CONFLICT (device_authorization_id, tenant_id) DO NOTHING
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details, mac)
               SELECT audit_id, $1, at, action, $31, 'user', user_id::text, 'device_authorization', id::text, address,
                      request_id, details,
                      audit_event_mac(audit_key, 'user', user_id::text, 'device_authorization', id::text, details)
               FROM decided
           )
           SELECT nth AS "nth!" FROM decided
           CROSS JOIN LATERAL (SELECT CASE WHEN told IS NOT NULL THEN pg_notify($32, told) END) AS announced"#,
        tenant.0,
        &ids(|decision| decision.id.0),
        &ids(|decision| decision.approver.0),
        &ids(|decision| decision.user.0),
        &each(decisions, |decision| decision.state().to_owned()),
        &each(decisions, Decision::confirmation) as &[Option<Vec<u8>>],
        // An array of arrays cannot be taken apart by unnest; a scope holds no space, and neither does a method.
        &each(decisions, |decision| decision.grant().map(|grant| grant.scopes.to_string())) as &[Option<String>],
        &each(decisions, |decision| decision.authentication().map(|proven| proven.auth_time))
            as &[Option<DateTime<Utc>>],
        &each(decisions, |decision| decision.authentication().map(|proven| proven.amr.join(" ")))
            as &[Option<String>],
        &each(decisions, |decision| decision.grant().is_some_and(|grant| grant.trusted)),
        &each(decisions, |decision| decision.grant().and_then(|grant| grant.device_name.clone()))
            as &[Option<String>],
        &each(decisions, |decision| decision.grant().and_then(lifetime)) as &[Option<i32>],
        &ids(|decision| decision.audit.id),
        &each(decisions, |decision| decision.action().as_str().to_owned()),
        &each(decisions, |decision| decision.origin.ip_network()),
        &ids(|decision| decision.origin.request_id.0),
        &each(decisions, |decision| decision.details.clone()),
        &each(decisions, |decision| decision.event_key().to_vec()),
        &each(decisions, |decision| decision.at),
        &each(decisions, announcement) as &[Option<String>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.token_hash.0.to_vec()))
            as &[Option<Vec<u8>>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.token_sealed.clone()))
            as &[Option<Vec<u8>>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.recipient.clone()))
            as &[Option<String>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.language.clone()))
            as &[Option<String>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.client_id.to_string()))
            as &[Option<String>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.approved.client_name.clone()))
            as &[Option<String>],
        &each(decisions, |decision| decision.notice().and_then(|notice| notice.approved.device_name.clone()))
            as &[Option<String>],
        &each(decisions, |decision| {
            decision.notice().and_then(|notice| notice.approved.ip_address).map(IpNet::from)
        }) as &[Option<IpNet>],
        &each(decisions, |decision| {
            decision.notice().and_then(|notice| notice.approved.place.as_ref()).map(|place| json!(place))
        }) as &[Option<Value>],
        &each(decisions, |decision| decision.notice().map(|notice| notice.expires_at))
            as &[Option<DateTime<Utc>>],
        Outcome::Success.as_str(),
        CHANNEL
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, decisions.len(), |nth| (nth, ())))
}

/// A decision that was stored, and what it has led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredDecision {
    /// A yes that still holds.
    Approved(ShapedGrant),
    /// A yes that holds once the device has sent a confirmation code.
    Confirming {
        /// What it grants.
        grant: ShapedGrant,
        /// The MAC of the confirmation code.
        confirmation: Vec<u8>,
    },
    /// A no.
    Denied,
}

/// Returns what this approver has decided on a device authorization. A yes that was taken
/// back, or whose device was revoked, is none.
///
/// # Errors
/// If the database does not answer.
pub async fn by_approver(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    approver: ApproverId,
) -> Result<Option<StoredDecision>> {
    let row = sqlx::query!(
        "SELECT state, granted_scopes, trusted, chosen_name, chosen_lifetime_seconds, confirmation_mac
         FROM device_authorizations WHERE tenant_id = $1 AND id = $2 AND decided_in_session_id = $3
           AND (state <> 'consumed'
                OR EXISTS (SELECT FROM devices v WHERE v.tenant_id = $1 AND v.id = $2 AND v.revoked_at IS NULL))",
        tenant.0,
        id.0,
        approver.0
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let key = RowOf::new("device_authorizations", id.0);
    let lifetime_seconds = chosen_lifetime(&key, row.chosen_lifetime_seconds)?;
    let grant = row.granted_scopes.map(|names| ShapedGrant {
        scopes: names.into_iter().collect(),
        trusted: row.trusted,
        device_name: row.chosen_name,
        lifetime_seconds,
    });
    match (row.state.as_str(), grant) {
        ("approved" | "consumed", Some(grant)) => Ok(Some(StoredDecision::Approved(grant))),
        ("confirming", Some(grant)) => {
            let confirmation = key.take("confirmation_mac", row.confirmation_mac)?;
            Ok(Some(StoredDecision::Confirming { grant, confirmation }))
        }
        ("denied", None) => Ok(Some(StoredDecision::Denied)),
        ("denied", Some(_)) => Ok(None),
        _ => key.take("state", None),
    }
}

/// One column of a statement for many.
fn each<T>(decisions: &[Decision], pick: impl Fn(&Decision) -> T) -> Vec<T> {
    decisions.iter().map(pick).collect()
}

/// Ends a waiting session that nobody decided. Returns `true` if it was still waiting.
pub async fn kill(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let killed = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending'",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(killed.rows_affected() == 1)
}

/// Ends a session of this tenant that still waits. Returns `true` if it did.
pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE id = $2 AND tenant_id = $1 AND state IN ('pending', 'confirming') AND expires_at > $3",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Takes back one approval whose tokens no device has collected yet. Returns `true` if there was one.
pub async fn take_one_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let denied = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state IN ('confirming', 'approved')",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(denied.rows_affected() == 1)
}

/// Takes back what a user approved and no device has collected yet; their IDs.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let denied = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND decided_by_user_id = $2 AND state IN ('confirming', 'approved')
         RETURNING id",
        tenant.0,
        user.0,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(denied.into_iter().map(DeviceAuthorizationId).collect())
}
