//! A device collects its tokens (RFC 8628 §3.5): the one moment that must happen exactly once. Redemptions that
//! arrive together are stored together.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_seal::Mac;
use crate::model::bearer_secret::SecretHash;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ClientId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::model::user::User;
use crate::store::Result;
use crate::store::batches::{BatchQueue, OfTenant, in_order};
use crate::store::event_keys::EventKey;
use crate::store::sending::Sending;
use crate::store::users::user_row;

/// What a redemption brings into being.
#[derive(Clone, Debug)]
pub struct Redemption {
    pub tenant: TenantId,
    /// The authorization, and the device that comes of it.
    pub id: DeviceAuthorizationId,
    /// The hash of the device code's random bytes.
    pub code: SecretHash,
    pub ground: Ground,
    pub expires_at: DateTime<Utc>,
    /// The hash of the random bytes of its refresh tokens.
    pub token: SecretHash,
    /// The idle limit of its first refresh token; `None`: it gets none.
    pub idle_expires_at: Option<DateTime<Utc>>,
    /// What the audit event's code is made of.
    pub audit: EventKey,
    pub origin: RequestOrigin,
    /// When. It becomes the time at which it is sent.
    pub at: DateTime<Utc>,
    pub sending: Sending,
}

impl Redemption {
    /// The key of its audit event.
    fn event_key(&self) -> Mac {
        let what = (Action::DeviceAuthorizationRedeemed, Outcome::Success);
        self.audit.stamp(self.tenant(), what, Some(&self.origin), self.at).key
    }
}

impl OfTenant for Redemption {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.at = now;
        self.sending.send(now)
    }
}

/// Why a session may be redeemed.
#[derive(Clone, Debug)]
pub enum Ground {
    /// It was looked up and judged.
    Judged(Judgement),
    /// Nobody has looked. It is redeemed if its case is the plain one, in which there is nothing to judge.
    Plain(PlainCase),
}

/// What was found out about a session.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub user_id: UserId,
    pub scopes: ScopeSet,
    /// The key that its refresh tokens are bound to.
    pub dpop_key: Option<KeyThumbprint>,
    pub trusted: bool,
    /// The key it used, whatever its refresh tokens are bound to.
    pub used_key: Option<KeyThumbprint>,
}

/// The plain case: the session is approved and has not expired, is bound to no key and not trusted, and the following
/// holds of it. Its family ends no later than the person chose.
#[derive(Clone, Debug)]
pub struct PlainCase {
    pub client: ClientId,
    /// No scopes were granted but these, and among them `offline_access`.
    pub scopes: ScopeSet,
    pub not_before: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct Redeemed {
    pub user: User,
    pub scopes: ScopeSet,
    /// The services the device asked for (RFC 8707).
    pub resources: Vec<String>,
    /// What the ID token is to repeat (OpenID Connect Core §2).
    pub nonce: Option<String>,
    /// How the person had proved who they are.
    pub authentication: Authentication,
    pub expires_at: DateTime<Utc>,
}

/// Redemptions that wait to be stored. The outcome of each: what was redeemed, if the session was still there to be,
/// by a user, client and tenant that still may; `None` changes nothing.
pub type RedemptionQueue = BatchQueue<Redemption, Option<Result<Redeemed>>>;

#[must_use]
pub fn queue() -> RedemptionQueue {
    BatchQueue::new(|db, tenant, redemptions| Box::pin(redeem(db, tenant, redemptions)))
}

/// Redeems approved authorizations of a tenant and stores what comes of each, in one statement: the device and the audit
/// event.
///
/// The users are locked against change: whoever disables one either comes first, and nothing is redeemed, or comes
/// afterwards, and finds the new device to revoke. The clients are locked against deletion in the same way.
#[expect(clippy::too_many_lines, reason = "one statement")]
async fn redeem(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    redemptions: &[Redemption],
) -> Result<Vec<Option<Result<Redeemed>>>> {
    let ids = |pick: fn(&Redemption) -> Uuid| redemptions.iter().map(pick).collect::<Vec<_>>();
    let times = |pick: fn(&Redemption) -> DateTime<Utc>| redemptions.iter().map(pick).collect::<Vec<_>>();
    let codes: Vec<Vec<u8>> = redemptions.iter().map(|redemption| redemption.code.0.to_vec()).collect();
    let mut grounds = Grounds::default();
    for redemption in redemptions {
        grounds.add(&redemption.ground);
    }
    let tokens: Vec<Vec<u8>> = redemptions.iter().map(|redemption| redemption.token.0.to_vec()).collect();
    let idle_ends: Vec<Option<DateTime<Utc>>> =
        redemptions.iter().map(|redemption| redemption.idle_expires_at).collect();
    let audit_keys: Vec<Vec<u8>> =
        redemptions.iter().map(|redemption| redemption.event_key().to_vec()).collect();
    let addresses: Vec<IpNet> = redemptions.iter().map(|redemption| redemption.origin.ip_network()).collect();
    let rows = sqlx::query!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($2::bytea[], $22::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::boolean[], $7::bytea[],
                                    $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::bytea[],
                                    $13::timestamptz[], $14::uuid[], $15::inet[], $16::uuid[], $17::timestamptz[],
                                    $18::bytea[])
                    WITH ORDINALITY
                    AS asked (code, id, judged_user, judged_scopes, jkt, is_trusted, used_jkt, plain_client, plain_scopes,
                              plain_not_before, latest_end, token_hash, idle_end, audit_id, collected_from, request_id,
                              at, audit_key, nth)
           ), active AS (
               SELECT asked.*, u.id AS user_id, u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled,
                      u.locked_at, u.tokens_not_before
               FROM asked
               -- Nothing but the ID may lead to an authorization (OFFSET 0 sees to it here, and what is written without
               -- `=` below): where statistics are from before people began to approve, the planner takes an index of what
               -- is approved, or of what a user has, to hold next to nothing, and reads it from end to end.
               CROSS JOIN LATERAL (SELECT s.decided_by_user_id, s.client_id FROM device_authorizations s
                                   WHERE s.id = asked.id AND s.tenant_id = $1 OFFSET 0) AS s
               JOIN users u ON u.id = s.decided_by_user_id AND u.tenant_id = $1 AND u.enabled AND u.locked_at IS NULL
               JOIN clients c ON c.tenant_id = $1 AND c.client_id = s.client_id AND c.enabled
               -- Two servers that redeem the same codes come to them in the same order.
               ORDER BY u.id, asked.id FOR SHARE OF u FOR KEY SHARE OF c
           ), consumed AS (
               UPDATE device_authorizations s
               SET state = 'consumed', consumed_at = active.at, dpop_jkt = coalesce(s.dpop_jkt, active.jkt)
               FROM active
               WHERE s.id = active.id AND s.tenant_id = $1 AND s.device_code_hash = active.code
                 AND s.decided_by_user_id IS NOT DISTINCT FROM active.user_id
                 AND s.state IS NOT DISTINCT FROM 'approved' AND s.consumed_at IS NULL
                 AND (SELECT t.enabled FROM tenants t WHERE t.id = $1)
                 AND (active.judged_user = active.user_id
                      OR active.judged_user IS NULL AND s.client_id = active.plain_client AND s.dpop_jkt IS NULL
                         AND NOT s.trusted AND s.expires_at > active.at
                         AND s.granted_scopes <@ string_to_array(active.plain_scopes, ' ')
                         AND $21 = ANY (s.granted_scopes)
                         AND (s.decided_at >= active.plain_not_before) IS NOT FALSE
                         AND (s.decided_at >= active.tokens_not_before) IS NOT FALSE)
               RETURNING active.*, s.client_id, s.device, s.ip_address, s.place, s.user_agent, s.auth_time, s.amr,
                         s.resources, s.nonce, s.chosen_name,
                         coalesce(string_to_array(active.judged_scopes, ' '), s.granted_scopes) AS granted,
                         CASE WHEN active.judged_user IS NULL
                              THEN least(active.latest_end, active.at + make_interval(secs => s.chosen_lifetime_seconds))
                              ELSE active.latest_end END AS ends_at
           ), device AS (
               INSERT INTO devices (id, tenant_id, user_id, client_id, name, declared_name, os, hostname, client_version,
                                    metadata, ip_address, place, user_agent, trusted, trusted_jkt, created_at, updated_at,
                                    last_login_at, last_seen_at, granted_scopes, resources, auth_time, amr, dpop_jkt,
                                    expires_at, token_hash, exchanged_at, exchanged_from, idle_expires_at)
               SELECT id, $1, user_id, client_id, coalesce(chosen_name, device ->> 'name'),
                      CASE WHEN chosen_name IS NOT NULL THEN device ->> 'name' END, device ->> 'os', device ->> 'hostname', device ->> 'client_version',
                      coalesce(device -> 'metadata', '{}'), ip_address, place, user_agent, is_trusted,
                      CASE WHEN is_trusted THEN used_jkt END, at, at, at, at, granted, resources, auth_time, amr, jkt,
                      ends_at, token_hash, at, collected_from, CASE WHEN idle_end < ends_at THEN idle_end
                                                                    WHEN idle_end IS NOT NULL THEN ends_at END
               FROM consumed
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind,
                                         target_id, ip_address, request_id, details, mac)
               SELECT audit_id, $1, at, $19, $20, 'client', client_id, 'device_authorization', id::text,
                      collected_from, request_id, details,
                      audit_event_mac(audit_key, 'client', client_id, 'device_authorization', id::text, details)
               FROM consumed
               CROSS JOIN LATERAL (SELECT jsonb_build_object(
                   'user_id', user_id, 'scopes', granted, 'trusted', is_trusted) AS details OFFSET 0) AS told
           )
           SELECT nth AS "nth!", user_id AS "user_id!", username AS "username!", display_name,
                  email, email_verified AS "email_verified!", roles AS "roles!", enabled AS "enabled!", locked_at,
                  tokens_not_before, granted AS "granted!", coalesce(resources, '{}') AS "resources!", nonce, auth_time AS "auth_time!",
                  amr AS "amr!", ends_at AS "ends_at!"
           FROM consumed"#,
        tenant.0,
        &codes,
        &grounds.users as &[Option<Uuid>],
        &grounds.scopes as &[Option<String>],
        &grounds.keys as &[Option<Vec<u8>>],
        &grounds.trusted,
        &grounds.used_keys as &[Option<Vec<u8>>],
        &grounds.plain_clients as &[Option<String>],
        &grounds.plain_scopes as &[Option<String>],
        &grounds.plain_not_before as &[Option<DateTime<Utc>>],
        &times(|redemption| redemption.expires_at),
        &tokens,
        &idle_ends as &[Option<DateTime<Utc>>],
        &ids(|redemption| redemption.audit.id),
        &addresses,
        &ids(|redemption| redemption.origin.request_id.0),
        &times(|redemption| redemption.at),
        &audit_keys,
        Action::DeviceAuthorizationRedeemed.as_str(),
        Outcome::Success.as_str(),
        OFFLINE_ACCESS,
        &ids(|redemption| redemption.id.0)
    )
    .fetch_all(db)
    .await?;
    Ok(in_order(rows, redemptions.len(), |row| {
        let user = user_row!(row, user_id);
        let redeemed = user.into_user(tenant).map(|user| Redeemed {
            user,
            scopes: row.granted.into_iter().collect(),
            resources: row.resources,
            nonce: row.nonce,
            authentication: Authentication { auth_time: row.auth_time, amr: row.amr },
            expires_at: row.ends_at,
        });
        (row.nth, redeemed)
    }))
}

/// The grounds of many redemptions, column by column.
#[derive(Default)]
struct Grounds {
    users: Vec<Option<Uuid>>,
    scopes: Vec<Option<String>>,
    keys: Vec<Option<Vec<u8>>>,
    trusted: Vec<bool>,
    used_keys: Vec<Option<Vec<u8>>>,
    plain_clients: Vec<Option<String>>,
    plain_scopes: Vec<Option<String>>,
    plain_not_before: Vec<Option<DateTime<Utc>>>,
}

impl Grounds {
    fn add(&mut self, ground: &Ground) {
        let (judged, plain) = match ground {
            Ground::Judged(judgement) => (Some(judgement), None),
            Ground::Plain(case) => (None, Some(case)),
        };
        let bytes = |key: KeyThumbprint| key.0.to_vec();
        self.users.push(judged.map(|judgement| judgement.user_id.0));
        // An array of arrays cannot be taken apart by unnest; a scope holds no space.
        self.scopes.push(judged.map(|judgement| judgement.scopes.to_string()));
        self.keys.push(judged.and_then(|judgement| judgement.dpop_key).map(bytes));
        self.trusted.push(judged.is_some_and(|judgement| judgement.trusted));
        self.used_keys.push(judged.and_then(|judgement| judgement.used_key).map(bytes));
        self.plain_clients.push(plain.map(|case| case.client.to_string()));
        self.plain_scopes.push(plain.map(|case| case.scopes.to_string()));
        self.plain_not_before.push(plain.and_then(|case| case.not_before));
    }
}
