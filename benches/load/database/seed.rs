//! What must be there before anything is measured, and what people do meanwhile.

use latchkey::clock::Clock;
use latchkey::domain::audit::By;
use latchkey::domain::users::{self, NewUser};
use latchkey::domain::{clients, tenants};
use latchkey::model::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use latchkey::model::client::{Client, GrantType};
use latchkey::model::ids::{ClientId, DeviceId};
use latchkey::model::scope::ScopeSet;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::random::Random;
use latchkey::store::schema;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::{Database, counters};
use crate::Fault;
use crate::roles::serve;

/// The client that all devices are.
pub(crate) const CLIENT_ID: &str = "tv";
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
    users::create(&app, DEFAULT_TENANT, ada, "correct horse battery staple", &By::OPERATOR).await?;
    sqlx::query(
        "INSERT INTO users (id, tenant_id, username, password_hash, created_at, updated_at)
         SELECT lpad(to_hex(number), 32, '0')::uuid, tenant_id, 'user' || number, password_hash, created_at, updated_at
         FROM users, generate_series(0, 999) AS number",
    )
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

/// Adds approved sessions without a server; the device that comes of each, and its code's hash.
pub(crate) async fn approved_sessions(
    db: &PgPool,
    count: usize,
) -> Result<Vec<(DeviceId, SecretHash)>, Fault> {
    let (random, now) = (Random::system(), Clock::system().now());
    let sessions: Vec<(DeviceId, SecretHash)> = (0..count)
        .map(|_| {
            let code = BearerSecret::generate(SecretKind::DeviceCode, &random);
            (DeviceId(random.uuid_v7(now)), code.hash())
        })
        .collect();
    for batch in sessions.chunks(BATCH) {
        let (ids, codes): (Vec<Uuid>, Vec<Vec<u8>>) =
            batch.iter().map(|(device, code)| (device.0, code.0.to_vec())).unzip();
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
    let codes: Vec<SecretHash> = sessions.iter().map(|(_, code)| *code).collect();
    approve(db, &codes).await?;
    Ok(sessions)
}

/// Approves sessions as a person does, and tells the servers: some hundreds of users share them.
///
/// The state is compared in a way that no index answers, so that sessions are found by their codes and not among all that
/// wait.
pub(crate) async fn approve(db: &PgPool, codes: &[SecretHash]) -> Result<(), Fault> {
    let mut connection = db.acquire().await?;
    for batch in codes.chunks(BATCH) {
        let codes: Vec<Vec<u8>> = batch.iter().map(|hash| hash.0.to_vec()).collect();
        let approved = sqlx::query(
            "WITH approved AS (
                 UPDATE device_authorizations s
                 SET state = 'approved', decided_at = now(), granted_scopes = s.requested_scopes, auth_time = now(),
                     decided_by_user_id = lpad(to_hex(get_byte(s.device_code_hash, 0) * 3), 32, '0')::uuid,
                     amr = '{pwd}'
                 FROM unnest($1::bytea[]) AS asked (code)
                 WHERE s.device_code_hash = asked.code AND s.state IS NOT DISTINCT FROM 'pending'
                 RETURNING s.device_code_hash
             )
             SELECT pg_notify('latchkey', 'decided ' || encode(device_code_hash, 'hex')) FROM approved",
        )
        .bind(&codes)
        .execute(&mut *connection)
        .await?;
        if approved.rows_affected() != batch.len() as u64 {
            return Err("some sessions could not be approved".into());
        }
    }
    counters::settle(&mut connection).await;
    Ok(())
}
