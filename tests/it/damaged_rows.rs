//! Rows with values that no server writes: reading one is our own fault, named by table, column and row.

use latchkey::domain::oauth_error::{ErrorCode, OAuthError};
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::ids::{DeviceAuthorizationId, DeviceId, UserId};
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug};
use latchkey::store::device_authorizations::{openings, polls};
use latchkey::store::refresh_tokens::{self, TokenName};
use latchkey::store::{
    self, Connection, StoreError, clients, scopes, signing_keys, tenants, transactions, users, webhooks,
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::TestServer;

/// Columns, and what damages each, as SQL.
const DAMAGES: [(&str, &str, &str); 29] = [
    ("users", "roles", "ARRAY['No Role']"),
    ("clients", "auth_method", "'damaged'"),
    ("clients", "secret_hash", "'damaged'"),
    ("clients", "previous_secret_hash", "'damaged'"),
    ("clients", "grant_types", "ARRAY['damaged']"),
    ("clients", "scope_policy", "'damaged'"),
    ("clients", "signing_alg", "'damaged'"),
    ("clients", "id_token_signing_alg", "'damaged'"),
    ("clients", "assertion_allowances", "ARRAY['damaged']"),
    ("clients", "ceiling", "'\"damaged\"'"),
    ("clients", "jwks_uri", "'damaged'"),
    ("clients", "policy", "'\"damaged\"'"),
    ("clients", "registered_metadata", "'\"damaged\"', registered_dynamically = true"),
    ("clients", "registration_token_hash", "'damaged', registered_dynamically = true"),
    ("scopes", "required_role", "'No Role'"),
    ("scopes", "max_lifetime_seconds", "-1"),
    ("tenants", "host", "'no host'"),
    ("tenants", "policy", "'\"damaged\"'"),
    ("device_authorizations", "state", "'damaged'"),
    // Approved, and by nobody.
    ("device_authorizations", "state", "'approved'"),
    ("device_authorizations", "dpop_jkt", "'damaged'"),
    ("device_authorizations", "chosen_lifetime_seconds", "-1"),
    ("device_authorizations", "interval_seconds", "-1"),
    ("devices", "dpop_jkt", "'damaged'"),
    ("devices", "trusted_jkt", "'damaged'"),
    ("signing_keys", "alg", "CASE alg WHEN 'ES256' THEN 'damaged' ELSE alg END"),
    ("signing_keys", "state", "'damaged'"),
    ("webhooks", "url", "'damaged'"),
    ("tenants", "slug", "'No Slug'"),
];

/// What is read.
struct Rows {
    user: UserId,
    request: (DeviceAuthorizationId, SecretHash),
    token: TokenName,
}

impl Rows {
    async fn of(server: &TestServer) -> Self {
        let hash = |bytes: Vec<u8>| SecretHash(bytes.try_into().expect("32 bytes"));
        let of = async |sql: &'static str| -> (Uuid, Vec<u8>) {
            sqlx::query_as(sql).fetch_one(&server.app.db).await.expect("a row")
        };
        let (request, code) =
            of("SELECT id, device_code_hash FROM device_authorizations WHERE state = 'pending'").await;
        let (device, token) = of("SELECT id, token_hash FROM devices").await;
        Self {
            user: server.user_id("ada").await,
            request: (DeviceAuthorizationId(request), hash(code)),
            token: TokenName { tenant: DEFAULT_TENANT, device: DeviceId(device), hash: hash(token) },
        }
    }

    /// Reads rows of a table in each way that reads all of its columns.
    async fn read(&self, db: &mut Connection, table: &str) -> store::Result<()> {
        match table {
            "users" => users::find(db, DEFAULT_TENANT, self.user).await.map(drop),
            "clients" => clients::find(db, DEFAULT_TENANT, "tv").await.map(drop),
            "scopes" => scopes::all(db, DEFAULT_TENANT).await.map(drop),
            "tenants" => {
                tenants::find(&mut *db, &TenantSlug::root()).await?;
                tenants::slugs(db).await.map(drop)
            }
            "device_authorizations" => {
                openings::find(&mut *db, DEFAULT_TENANT, self.request.0).await?;
                polls::find(db, DEFAULT_TENANT, &[(DEFAULT_TENANT, self.request)]).await.map(drop)
            }
            "devices" => refresh_tokens::find(db, DEFAULT_TENANT, &[self.token]).await.map(drop),
            "signing_keys" => signing_keys::all(db, DEFAULT_TENANT).await.map(drop),
            "webhooks" => webhooks::all(db, DEFAULT_TENANT).await.map(drop),
            other => panic!("nothing reads {other}"),
        }
    }
}

#[tokio::test]
async fn a_value_that_no_server_writes_is_our_own_fault_and_named_by_its_column() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    tv.connect(&ada, "openid offline_access").await;
    tv.start("openid").await;
    server.scope("files", None).await;
    server
        .execute(
            "INSERT INTO webhooks (id, tenant_id, url, secret_sealed, actions, enabled, created_at)
             SELECT gen_random_uuid(), id, 'https://hooks.example.org', '', '{}', false, now() FROM tenants",
        )
        .await;
    server.execute("UPDATE devices SET trusted = true").await;
    let rows = Rows::of(&server).await;
    for (table, column, value) in DAMAGES {
        let mut transaction =
            transactions::begin(&server.app.db, "BEGIN").await.expect("the database answers");
        rows.read(&mut transaction, table).await.expect("nothing is damaged yet");
        // The checks of the tables forbid most of it.
        let damage = format!(
            "DO $$ DECLARE name text; BEGIN
                 FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
                     EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name);
                 END LOOP;
             END $$;
             UPDATE {table} SET {column} = {value}"
        );
        sqlx::raw_sql(AssertSqlSafe(damage)).execute(&mut *transaction).await.expect(column);
        let error = rows.read(&mut transaction, table).await.expect_err(column);
        transaction.rollback().await.expect("the database answers");
        let StoreError::Inconsistent(place) = &error else { panic!("{table}.{column}: {error}") };
        assert_eq!((place.table, place.column), (table, column));
        assert!(!place.id.is_empty() && !error.is_passing());
        let answer = OAuthError::from(error);
        assert_eq!(answer.code, ErrorCode::ServerError);
        let cause = answer.cause.expect("it is logged");
        assert!(cause.contains(&format!("{table}.{column} of the row ")), "{cause}");
        assert!(column == "slug" || !cause.contains("damaged"), "{cause}");
    }
}
