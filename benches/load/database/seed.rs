//! What must be there before anything is measured, and what people do meanwhile.

use chrono::TimeDelta;
use latchkey::clock::Clock;
use latchkey::domain::audit::By;
use latchkey::domain::users::{self, NewUser};
use latchkey::domain::{clients, tenants};
use latchkey::model::client::{Client, GrantType};
use latchkey::model::device_code::DeviceCode;
use latchkey::model::ids::{ClientId, DeviceAuthorizationId};
use latchkey::model::scope::ScopeSet;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::random::Random;
use latchkey::store::schema;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::{Database, counters, people};
use crate::Fault;
use crate::roles::serve;

/// The client that all devices are.
pub(crate) const CLIENT_ID: &str = "tv";
/// With what all users sign in.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// What they ask for.
pub(crate) const SCOPE: &str = "openid offline_access";
/// The most sessions in one statement of the tool's own.
const BATCH: usize = 5_000;

/// A migrated database with a tenant and its keys, a client and a thousand users.
pub(crate) async fn prepare(options: PgConnectOptions) -> Result<Database, Fault> {
    let database = Database::connect(options).await?;
    schema::migrate(&database.pool).await?;
    let app = serve::app(serve::config(5), database.pool.clone());
    tenants::ensure_default(&app).await?;
    clients::create(&app, client()?, &By::OPERATOR).await?;
    let ada = NewUser {
        username: "ada".into(),
        display_name: None,
        email: None,
        email_verified: false,
        roles: vec![],
    };
    users::create(&app, DEFAULT_TENANT, ada, PASSWORD, &By::OPERATOR).await?;
    sqlx::query(
        "INSERT INTO users (id, tenant_id, username, password_hash, created_at, updated_at)
         SELECT lpad(to_hex(number), 32, '0')::uuid, tenant_id, 'user' || number, password_hash, created_at, updated_at
         FROM users, generate_series(0, $1 - 1) AS number",
    )
    .bind(i32::try_from(people::USERS)?)
    .execute(&database.pool)
    .await?;
    Ok(database)
}

/// The client as it is registered.
pub(crate) fn client() -> Result<Client, Fault> {
    Ok(Client {
        name: "The television app".into(),
        grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
        scopes: ScopeSet::parse(SCOPE)?,
        // Both tokens of a redemption are signed alike, as the figures say.
        id_token_algorithm: Some(SigningAlgorithm::Es256),
        ..Client::public(DEFAULT_TENANT, ClientId::parse(CLIENT_ID)?)
    })
}

/// Adds approved device authorizations without a server, and returns their codes.
pub(crate) async fn approved_sessions(db: &PgPool, count: usize) -> Result<Vec<DeviceCode>, Fault> {
    let (random, now) = (Random::system(), Clock::system().now());
    let end = now + TimeDelta::hours(2);
    let sessions: Vec<DeviceCode> = (0..count)
        .map(|_| DeviceCode::generate(DeviceAuthorizationId(random.uuid_v7(now)), end, &random))
        .collect();
    for batch in sessions.chunks(BATCH) {
        let (ids, codes): (Vec<Uuid>, Vec<Vec<u8>>) =
            batch.iter().map(|code| (code.authorization().0, code.hash().0.to_vec())).unzip();
        sqlx::query(
            "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                          requested_scopes, created_at, expires_at, interval_seconds, ip_address)
             SELECT id, $1, $2, code, sha256(code), code, string_to_array($3, ' '), now(),
                    now() + interval '2 hours', 5, '127.0.0.1'
             FROM unnest($4::uuid[], $5::bytea[]) AS session (id, code)",
        )
        .bind(DEFAULT_TENANT.0)
        .bind(CLIENT_ID)
        .bind(SCOPE)
        .bind(&ids)
        .bind(&codes)
        .execute(db)
        .await?;
    }
    let ids: Vec<DeviceAuthorizationId> = sessions.iter().map(DeviceCode::authorization).collect();
    approve(db, &ids).await?;
    Ok(sessions)
}

/// Approves sessions as a person does, and tells the servers: some hundreds of users share them.
///
/// The state is compared in a way that no index answers, so that sessions are found by their codes and not among all that
/// wait.
pub(crate) async fn approve(db: &PgPool, authorizations: &[DeviceAuthorizationId]) -> Result<(), Fault> {
    let mut connection = db.acquire().await?;
    for batch in authorizations.chunks(BATCH) {
        let ids: Vec<Uuid> = batch.iter().map(|id| id.0).collect();
        let approved = sqlx::query(
            "WITH approved AS (
                 UPDATE device_authorizations s
                 SET state = 'approved', decided_at = now(), granted_scopes = s.requested_scopes, auth_time = now(),
                     decided_by_user_id = lpad(to_hex(get_byte(s.device_code_hash, 0) * 3), 32, '0')::uuid,
                     amr = '{pwd}'
                 FROM unnest($1::uuid[]) AS asked (id)
                 WHERE s.id = asked.id AND s.tenant_id = $2 AND s.state IS NOT DISTINCT FROM 'pending'
                 RETURNING s.id
             )
             SELECT pg_notify('latchkey', 'decided ' || id) FROM approved",
        )
        .bind(&ids)
        .bind(DEFAULT_TENANT.0)
        .execute(&mut *connection)
        .await?;
        if approved.rows_affected() != batch.len() as u64 {
            return Err("some sessions could not be approved".into());
        }
    }
    counters::settle(&mut connection).await;
    Ok(())
}

/// The device authorizations that codes from a server name. The load tool cannot check their MACs.
pub(crate) fn authorizations<'a>(
    codes: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<DeviceAuthorizationId>, Fault> {
    codes
        .into_iter()
        .map(|code| authorization(code).ok_or_else(|| "a device code of another form".into()))
        .collect()
}

/// The second and the third word of a code are the identifier (see `model/computed_secret.rs`).
fn authorization(code: &str) -> Option<DeviceAuthorizationId> {
    let word = |nth: usize| {
        let digits = code.get(4 + nth * 11..15 + nth * 11)?;
        digits.bytes().try_fold(0_u64, |word, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'A'..=b'Z' => digit - b'A' + 10,
                b'a'..=b'z' => digit - b'a' + 36,
                _ => return None,
            };
            word.checked_mul(62)?.checked_add(value.into())
        })
    };
    Some(DeviceAuthorizationId(Uuid::from_u64_pair(word(1)?, word(2)?)))
}
