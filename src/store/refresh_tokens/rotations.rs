//! One refresh token takes the place of another. Exchanges that arrive together are stored together.

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::{NewRefreshToken, PresentedRow, in_order};
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{ClientId, RefreshTokenId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::model::token_family::{PresentedRefreshToken, TrustLoss};
use crate::store::Result;
use crate::store::batches::{BatchQueue, OfTenant};

/// One token takes the place of another.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The tenant.
    pub tenant: TenantId,
    /// The live token that goes: the presented one, or its successor that nobody has used.
    pub replaced: SecretHash,
    /// Why it may.
    pub ground: Ground,
    /// The token that comes. It ends no later than its family.
    pub successor: NewRefreshToken,
    /// The audit event's ID and key.
    pub audit: EventStamp,
    /// Who asks.
    pub origin: RequestOrigin,
    /// When.
    pub at: DateTime<Utc>,
}

impl OfTenant for Rotation {
    fn tenant(&self) -> TenantId {
        self.tenant
    }
}

/// Why a token may be exchanged.
#[derive(Clone, Debug)]
pub enum Ground {
    /// It was looked up and judged.
    Judged {
        /// The token that was presented.
        presented: RefreshTokenId,
        /// The family's new end, where it ends earlier than before.
        earlier_end: Option<DateTime<Utc>>,
        /// Why its device is not trusted any more, where it was.
        trust_loss: Option<TrustLoss>,
    },
    /// Nobody has looked. It is exchanged if its case is the plain one, in which there is nothing to judge.
    Plain(PlainCase),
}

/// The plain case: the token is alive, bound to no key, of a device that is not trusted, in a family that is alive,
/// and the following holds of it.
#[derive(Clone, Debug)]
pub struct PlainCase {
    /// It is this client's.
    pub client: ClientId,
    /// Its family has no scopes but these, and among them `offline_access`.
    pub scopes: ScopeSet,
    /// Its family began no earlier.
    pub not_before: Option<DateTime<Utc>>,
    /// Its family lasts no longer.
    pub longest: TimeDelta,
}

/// Exchanges that wait to be stored. The outcome of each: the presented token as it was, with its family and whose it
/// is, if the replaced token was still alive, in a family, device, user, client and tenant that still may; `None`
/// changes nothing.
pub type RotationQueue = BatchQueue<Rotation, Option<PresentedRefreshToken>>;

/// A queue of exchanges.
#[must_use]
pub fn queue() -> RotationQueue {
    BatchQueue::new(|db: &PgPool, _, rotations| Box::pin(rotate(db, rotations)))
}

/// Exchanges tokens for their successors, in one statement with what is written beside it: the device was seen, to
/// the minute, and the audit trail says so. No lock on the family is needed against its revocation: a token in a
/// revoked family is dead, whenever it was added.
#[expect(clippy::too_many_lines, reason = "one statement")]
async fn rotate(
    db: impl PgExecutor<'_>,
    rotations: &[Rotation],
) -> Result<Vec<Option<PresentedRefreshToken>>> {
    let ids = |pick: fn(&Rotation) -> Uuid| rotations.iter().map(pick).collect::<Vec<_>>();
    let hashes = |pick: fn(&Rotation) -> SecretHash| {
        rotations.iter().map(|rotation| pick(rotation).0.to_vec()).collect::<Vec<_>>()
    };
    let times = |pick: fn(&Rotation) -> DateTime<Utc>| rotations.iter().map(pick).collect::<Vec<_>>();
    let audit_keys: Vec<Vec<u8>> = rotations.iter().map(|rotation| rotation.audit.key.to_vec()).collect();
    let addresses: Vec<IpNet> = rotations.iter().map(|rotation| rotation.origin.ip_network()).collect();
    let mut grounds = Grounds::default();
    for rotation in rotations {
        grounds.add(&rotation.ground);
    }
    let rows = sqlx::query_as!(
        PresentedRow,
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[],
                                    $7::text[], $8::timestamptz[], $9::float8[], $10::uuid[], $11::bytea[],
                                    $12::timestamptz[], $13::uuid[], $14::inet[], $15::uuid[], $16::timestamptz[],
                                    $20::bytea[])
                    WITH ORDINALITY
                    AS asked (tenant, replaced, presented, earlier_end, trust_loss, plain_client, plain_scopes,
                              plain_not_before, plain_longest, successor, successor_hash, idle_end, audit_id, address,
                              request_id, at, audit_key, nth)
               -- Two servers that exchange the same tokens come to them in the same order.
               ORDER BY replaced
           ), rotated AS (
               UPDATE refresh_tokens t
               SET rotated_at = CASE WHEN coalesce(asked.presented, t.id) = t.id THEN asked.at END,
                   superseded_at = CASE WHEN asked.presented <> t.id THEN asked.at END
               -- Nothing but the token's hash leads to it and on to what it belongs to, step by step (OFFSET 0 sees to it):
               -- where statistics are old, or there are none, the planner takes an index of what a user has, or of what is
               -- alive, to hold next to nothing, and reads it from end to end.
               FROM asked
               CROSS JOIN LATERAL (SELECT held.family_id FROM refresh_tokens held
                                   WHERE held.token_hash = asked.replaced OFFSET 0) AS held
               CROSS JOIN LATERAL (SELECT * FROM token_families WHERE id = held.family_id OFFSET 0) AS f
               CROSS JOIN LATERAL (SELECT * FROM devices WHERE id = f.device_id OFFSET 0) AS d
               CROSS JOIN LATERAL (SELECT * FROM users WHERE id = f.user_id OFFSET 0) AS u
               WHERE t.token_hash = asked.replaced AND t.tenant_id IS NOT DISTINCT FROM asked.tenant
                 AND coalesce(t.rotated_at, t.superseded_at) IS NULL AND f.revoked_at IS NULL
                 AND d.locked_at IS NULL AND u.enabled AND u.locked_at IS NULL
                 AND (SELECT c.enabled FROM clients c WHERE c.tenant_id = f.tenant_id AND c.client_id = f.client_id)
                 AND (SELECT tenants.enabled FROM tenants WHERE tenants.id = f.tenant_id)
                 AND (asked.presented IS NOT NULL
                      OR f.client_id = asked.plain_client AND f.dpop_jkt IS NULL AND NOT d.trusted
                         AND t.expires_at > asked.at AND f.expires_at > asked.at
                         AND f.expires_at <= f.created_at + make_interval(secs => asked.plain_longest)
                         AND f.granted_scopes <@ string_to_array(asked.plain_scopes, ' ')
                         AND $19 = ANY (f.granted_scopes)
                         AND (f.created_at >= asked.plain_not_before) IS NOT FALSE
                         AND (f.created_at >= u.tokens_not_before) IS NOT FALSE)
               RETURNING asked.*, t.id, t.expires_at, f.id AS family_id, f.tenant_id, f.device_id, f.user_id,
                         f.client_id, f.granted_scopes, f.auth_time, f.amr, f.dpop_jkt, f.resources, f.created_at,
                         f.expires_at AS family_expires_at, d.last_seen_at, d.trusted, d.trusted_jkt, u.username,
                         u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.tokens_not_before
           ), seen AS (
               UPDATE devices d
               SET last_seen_at = greatest(d.last_seen_at, rotated.at), trusted = d.trusted AND rotated.trust_loss IS NULL,
                   trusted_jkt = CASE WHEN rotated.trust_loss IS NULL THEN d.trusted_jkt END,
                   expires_at = least(d.expires_at, rotated.earlier_end),
                   updated_at = CASE WHEN rotated.trust_loss IS NULL THEN d.updated_at ELSE rotated.at END,
                   version = d.version + CASE WHEN rotated.trust_loss IS NULL THEN 0 ELSE 1 END
               FROM rotated
               WHERE d.id = rotated.device_id
                 AND (rotated.last_seen_at < rotated.at - interval '1 minute'
                      OR rotated.trust_loss IS NOT NULL OR rotated.earlier_end IS NOT NULL)
           ), shortened AS (
               UPDATE token_families f SET expires_at = least(f.expires_at, rotated.earlier_end)
               FROM rotated
               WHERE f.id = rotated.family_id AND rotated.earlier_end IS NOT NULL
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details, mac)
               SELECT audit_id, tenant_id, at, $17, $18, 'client', client_id,
                      'token_family', family_id::text, address, request_id, details,
                      audit_event_mac(audit_key, 'client', client_id, 'token_family', family_id::text, details)
               FROM rotated
               CROSS JOIN LATERAL (SELECT
                   CASE WHEN presented <> id THEN jsonb_build_object('superseded', id) ELSE '{}' END
                   || CASE WHEN trust_loss IS NOT NULL THEN jsonb_build_object('trust_lost', trust_loss) ELSE '{}' END
                   AS details) AS told
           ), added AS (
               INSERT INTO refresh_tokens (id, tenant_id, family_id, token_hash, predecessor_id, created_at, expires_at)
               SELECT successor, tenant_id, family_id, successor_hash, coalesce(presented, id), at,
                      least(idle_end, family_expires_at, earlier_end)
               FROM rotated
           )
           SELECT nth AS "nth!", coalesce(presented, id) AS "id!", expires_at AS "expires_at!",
                  NULL::timestamptz AS rotated_at, NULL::timestamptz AS superseded_at, NULL::bytea AS unused_successor,
                  NULL::timestamptz AS locked_at, trusted AS "trusted!", trusted_jkt, family_id AS "family_id!",
                  tenant_id AS "tenant_id!", device_id AS "device_id!", user_id AS "user_id!", client_id AS "client_id!",
                  granted_scopes AS "granted_scopes!", auth_time AS "auth_time!", amr AS "amr!", dpop_jkt,
                  resources AS "resources!", created_at AS "created_at!", family_expires_at AS "family_expires_at!",
                  NULL::timestamptz AS revoked_at, username AS "username!", display_name, email,
                  email_verified AS "email_verified!", roles AS "roles!", enabled AS "enabled!",
                  NULL::timestamptz AS user_locked_at, tokens_not_before
           FROM rotated"#,
        &ids(|rotation| rotation.tenant.0),
        &hashes(|rotation| rotation.replaced),
        &grounds.presented as &[Option<Uuid>],
        &grounds.earlier_ends as &[Option<DateTime<Utc>>],
        &grounds.trust_losses as &[Option<String>],
        &grounds.clients as &[Option<String>],
        &grounds.scopes as &[Option<String>],
        &grounds.not_before as &[Option<DateTime<Utc>>],
        &grounds.longest_seconds as &[Option<f64>],
        &ids(|rotation| rotation.successor.id.0),
        &hashes(|rotation| rotation.successor.hash),
        &times(|rotation| rotation.successor.expires_at),
        &ids(|rotation| rotation.audit.id),
        &addresses,
        &ids(|rotation| rotation.origin.request_id.0),
        &times(|rotation| rotation.at),
        Action::TokenRefreshed.as_str(),
        Outcome::Success.as_str(),
        OFFLINE_ACCESS,
        &audit_keys
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, rotations.len()))
}

/// The grounds of many exchanges, column by column.
#[derive(Default)]
struct Grounds {
    presented: Vec<Option<Uuid>>,
    earlier_ends: Vec<Option<DateTime<Utc>>>,
    trust_losses: Vec<Option<String>>,
    clients: Vec<Option<String>>,
    scopes: Vec<Option<String>>,
    not_before: Vec<Option<DateTime<Utc>>>,
    longest_seconds: Vec<Option<f64>>,
}

impl Grounds {
    fn add(&mut self, ground: &Ground) {
        let (judged, plain) = match ground {
            Ground::Judged { presented, earlier_end, trust_loss } => {
                (Some((presented, earlier_end, trust_loss)), None)
            }
            Ground::Plain(case) => (None, Some(case)),
        };
        self.presented.push(judged.map(|(presented, _, _)| presented.0));
        self.earlier_ends.push(judged.and_then(|(_, end, _)| *end));
        self.trust_losses.push(judged.and_then(|(_, _, loss)| loss.map(|loss| loss.as_str().to_owned())));
        self.clients.push(plain.map(|case| case.client.to_string()));
        // An array of arrays cannot be taken apart by unnest; a scope holds no space.
        self.scopes.push(plain.map(|case| case.scopes.to_string()));
        self.not_before.push(plain.and_then(|case| case.not_before));
        self.longest_seconds.push(plain.map(|case| case.longest.as_seconds_f64()));
    }
}
