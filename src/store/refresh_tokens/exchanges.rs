//! A refresh token is exchanged for the next generation: one change of one row. Exchanges that arrive together are
//! stored together.

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::TokenName;
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_seal::Mac;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ClientId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::model::token_family::TrustLoss;
use crate::model::user::User;
use crate::store::Result;
use crate::store::batches::{BatchQueue, OfTenant, in_order};
use crate::store::event_keys::EventKey;
use crate::store::sending::Sending;
use crate::store::users::UserRow;

/// A generation is exchanged for the next.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub token: TokenName,
    /// The generation that was presented. The next one is issued.
    pub presented: i64,
    pub ground: Ground,
    /// The idle limit of the next generation. The row keeps it below the absolute limit.
    pub idle_expires_at: DateTime<Utc>,
    /// Whether there is an audit event even if nothing about the exchange is unusual.
    pub is_audited: bool,
    /// What the audit event's code is made of.
    pub audit: EventKey,
    pub origin: RequestOrigin,
    /// When. It becomes the time at which it is sent.
    pub at: DateTime<Utc>,
    pub sending: Sending,
}

impl Exchange {
    /// The key of its audit event.
    fn event_key(&self) -> Mac {
        let what = (Action::TokenRefreshed, Outcome::Success);
        self.audit.stamp(self.tenant(), what, Some(&self.origin), self.at).key
    }
}

impl OfTenant for Exchange {
    fn tenant(&self) -> TenantId {
        self.token.tenant
    }

    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.at = now;
        self.sending.send(now)
    }
}

/// Why a token may be exchanged.
#[derive(Clone, Debug)]
pub enum Ground {
    /// It was looked up and judged.
    Judged {
        /// The newest generation in the row. It is older than the presented one after a restore of the database.
        stored: i64,
        /// The device's new absolute limit, where it is earlier than before.
        earlier_end: Option<DateTime<Utc>>,
        /// Why the device is not trusted any more, where it was.
        trust_loss: Option<TrustLoss>,
    },
    /// It was not looked up. It is exchanged if its case is the plain one, in which there is nothing to judge.
    Plain(PlainCase),
}

/// The plain case: the token is the newest, bound to no key, of a device that is not revoked, expired or trusted, and
/// the following holds.
#[derive(Clone, Debug)]
pub struct PlainCase {
    pub client: ClientId,
    /// It has no scopes but these, and among them `offline_access`.
    pub scopes: ScopeSet,
    pub not_before: Option<DateTime<Utc>>,
    /// It stays connected no longer.
    pub longest: TimeDelta,
}

/// What the new tokens are issued for.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub user: User,
    pub scopes: ScopeSet,
    /// The resources of access tokens; none: the tenant's default.
    pub resources: Vec<String>,
    /// How the user had signed in.
    pub authentication: Authentication,
    pub expires_at: DateTime<Utc>,
}

/// Exchanges that wait to be stored. `None`: nothing was changed, because the row is another than judged, or its case
/// is not the plain one.
pub type ExchangeQueue = BatchQueue<Exchange, Option<Result<Exchanged>>>;

#[must_use]
pub fn queue() -> ExchangeQueue {
    BatchQueue::new(|db, tenant, exchanges| Box::pin(exchange(db, tenant, exchanges)))
}

/// Exchanges tokens of a tenant for their successors, with their audit events. A device that is revoked at this moment
/// is either revoked first, and nothing is exchanged, or afterwards, and the new token is dead as well.
#[expect(clippy::too_many_lines, reason = "one statement")]
async fn exchange(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    exchanges: &[Exchange],
) -> Result<Vec<Option<Result<Exchanged>>>> {
    let ids = |pick: fn(&Exchange) -> Uuid| exchanges.iter().map(pick).collect::<Vec<_>>();
    let times = |pick: fn(&Exchange) -> DateTime<Utc>| exchanges.iter().map(pick).collect::<Vec<_>>();
    let hashes: Vec<Vec<u8>> = exchanges.iter().map(|exchange| exchange.token.hash.0.to_vec()).collect();
    let presented: Vec<i64> = exchanges.iter().map(|exchange| exchange.presented).collect();
    let audit_keys: Vec<Vec<u8>> = exchanges.iter().map(|exchange| exchange.event_key().to_vec()).collect();
    let addresses: Vec<IpNet> = exchanges.iter().map(|exchange| exchange.origin.ip_network()).collect();
    let mut grounds = Grounds::default();
    for exchange in exchanges {
        grounds.add(&exchange.ground);
    }
    let rows = sqlx::query!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($2::uuid[], $3::bytea[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[],
                                    $8::text[], $9::text[], $10::timestamptz[], $11::float8[], $12::timestamptz[],
                                    $13::uuid[], $14::inet[], $15::uuid[], $16::timestamptz[], $17::bytea[], $21::boolean[])
                    WITH ORDINALITY
                    AS asked (device, token_hash, presented, judged, earlier_end, trust_loss, plain_client,
                              plain_scopes, plain_not_before, plain_longest, idle_end, audit_id, address, request_id,
                              at, audit_key, is_audited, nth)
               -- Two servers that exchange tokens of the same devices come to them in the same order.
               ORDER BY device
           ), exchanged AS (
               UPDATE devices d
               SET generation = asked.presented + 1, exchanged_at = asked.at, exchanged_from = asked.address,
                   idle_expires_at = least(asked.idle_end, d.expires_at, asked.earlier_end), unanswered = false,
                   last_seen_at = greatest(d.last_seen_at, asked.at),
                   trusted = d.trusted AND asked.trust_loss IS NULL,
                   trusted_jkt = CASE WHEN asked.trust_loss IS NULL THEN d.trusted_jkt END,
                   expires_at = least(d.expires_at, asked.earlier_end),
                   updated_at = CASE WHEN asked.trust_loss IS NULL THEN d.updated_at ELSE asked.at END,
                   version = d.version + CASE WHEN asked.trust_loss IS NULL THEN 0 ELSE 1 END,
                   unusual_at = CASE WHEN asked.judged < asked.presented THEN asked.at ELSE d.unusual_at END
               -- Nothing but the device's key leads to the row and on to its user (OFFSET 0 sees to it): where statistics
               -- are old, or there are none, the planner takes an index of what a user has to hold next to nothing, and
               -- reads it from end to end.
               FROM asked
               CROSS JOIN LATERAL (SELECT held.user_id, held.client_id, held.exchanged_from FROM devices held
                                   WHERE held.id = asked.device AND held.tenant_id = $1 OFFSET 0) AS held
               CROSS JOIN LATERAL (SELECT * FROM users WHERE id = held.user_id AND tenant_id = $1 OFFSET 0) AS u
               WHERE d.id = asked.device AND d.tenant_id = $1 AND d.token_hash = asked.token_hash
                 AND d.generation = coalesce(asked.judged, asked.presented)
                 AND d.revoked_at IS NULL AND d.locked_at IS NULL AND u.enabled AND u.locked_at IS NULL
                 AND (SELECT c.enabled FROM clients c WHERE c.tenant_id = $1 AND c.client_id = held.client_id)
                 AND (SELECT tenants.enabled FROM tenants WHERE tenants.id = $1)
                 AND (asked.judged IS NOT NULL
                      OR d.client_id = asked.plain_client AND d.dpop_jkt IS NULL AND NOT d.trusted
                         AND d.idle_expires_at > asked.at AND d.expires_at > asked.at
                         AND d.expires_at <= d.created_at + make_interval(secs => asked.plain_longest)
                         AND d.granted_scopes <@ string_to_array(asked.plain_scopes, ' ')
                         AND $20 = ANY (d.granted_scopes)
                         AND (d.created_at >= asked.plain_not_before) IS NOT FALSE
                         AND (d.created_at >= u.tokens_not_before) IS NOT FALSE)
               RETURNING asked.*, held.exchanged_from AS former_address, d.client_id, d.granted_scopes, d.auth_time, d.amr, d.resources, d.expires_at, d.user_id,
                         u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.tokens_not_before
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details, mac)
               SELECT audit_id, $1, at, $18, $19, 'client', client_id, 'device', device::text, address, request_id,
                      details, audit_event_mac(audit_key, 'client', client_id, 'device', device::text, details)
               FROM exchanged
               CROSS JOIN LATERAL (SELECT
                   CASE WHEN judged < presented THEN jsonb_build_object('restored', presented - judged) ELSE '{}' END
                   -- Another IPv4 /24 or IPv6 /48 than the exchange before.
                   || CASE WHEN NOT address <<= network(set_masklen(former_address,
                                                        CASE family(former_address) WHEN 4 THEN 24 ELSE 48 END))
                           THEN jsonb_build_object('other_network', true) ELSE '{}' END
                   || CASE WHEN trust_loss IS NOT NULL THEN jsonb_build_object('trust_lost', trust_loss) ELSE '{}' END
                   AS details
                   -- Computed once; the code of the event has it too.
                   OFFSET 0) AS told
               WHERE is_audited OR details <> '{}'
           )
           SELECT nth AS "nth!", granted_scopes AS "granted_scopes!", auth_time AS "auth_time!", amr AS "amr!",
                  coalesce(resources, '{}') AS "resources!", expires_at AS "expires_at!", user_id AS "user_id!", username AS "username!",
                  display_name, email, email_verified AS "email_verified!", roles AS "roles!", enabled AS "enabled!",
                  tokens_not_before
           FROM exchanged"#,
        tenant.0,
        &ids(|exchange| exchange.token.device.0),
        &hashes,
        &presented,
        &grounds.judged as &[Option<i64>],
        &grounds.earlier_ends as &[Option<DateTime<Utc>>],
        &grounds.trust_losses as &[Option<String>],
        &grounds.clients as &[Option<String>],
        &grounds.scopes as &[Option<String>],
        &grounds.not_before as &[Option<DateTime<Utc>>],
        &grounds.longest_seconds as &[Option<f64>],
        &times(|exchange| exchange.idle_expires_at),
        &ids(|exchange| exchange.audit.id),
        &addresses,
        &ids(|exchange| exchange.origin.request_id.0),
        &times(|exchange| exchange.at),
        &audit_keys,
        Action::TokenRefreshed.as_str(),
        Outcome::Success.as_str(),
        OFFLINE_ACCESS,
        &exchanges.iter().map(|exchange| exchange.is_audited).collect::<Vec<_>>()
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, exchanges.len(), |row| {
        let user = UserRow {
            id: row.user_id,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            email_verified: row.email_verified,
            roles: row.roles,
            enabled: row.enabled,
            locked_at: None,
            tokens_not_before: row.tokens_not_before,
        };
        let outcome = user.into_user(tenant).map(|user| Exchanged {
            user,
            scopes: row.granted_scopes.into_iter().collect(),
            resources: row.resources,
            authentication: Authentication { auth_time: row.auth_time, amr: row.amr },
            expires_at: row.expires_at,
        });
        (row.nth, outcome)
    }))
}

/// The grounds of many exchanges, column by column.
#[derive(Default)]
struct Grounds {
    judged: Vec<Option<i64>>,
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
            Ground::Judged { stored, earlier_end, trust_loss } => {
                (Some((*stored, *earlier_end, *trust_loss)), None)
            }
            Ground::Plain(case) => (None, Some(case)),
        };
        self.judged.push(judged.map(|(stored, _, _)| stored));
        self.earlier_ends.push(judged.and_then(|(_, end, _)| end));
        self.trust_losses.push(judged.and_then(|(_, _, loss)| loss.map(|loss| loss.as_str().to_owned())));
        self.clients.push(plain.map(|case| case.client.to_string()));
        // An array of arrays cannot be taken apart by unnest; a scope holds no space.
        self.scopes.push(plain.map(|case| case.scopes.to_string()));
        self.not_before.push(plain.and_then(|case| case.not_before));
        self.longest_seconds.push(plain.map(|case| case.longest.as_seconds_f64()));
    }
}
