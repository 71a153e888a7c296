//! What is sealed with one key is sealed with another.

use latchkey::domain::audit::By;
use latchkey::domain::mac_keys;
use latchkey::domain::reseal::{Resealed, reseal};
use latchkey::domain::tenants;
use latchkey::domain::webhooks;
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug, TenantStanding};
use latchkey::model::version::MeantFor;
use latchkey::secrets::KeyName;

use super::{NEW, OLD, name, sealed_values};
use crate::support::TestServer;

async fn resealed(server: &TestServer) -> Resealed {
    reseal(&server.app, &By::OPERATOR).await.expect("the database answers")
}

fn replaced(done: &Resealed) -> u64 {
    done.values.values().sum()
}

/// The number of columns of sealed values that the schema has.
const COLUMNS: usize = 6;

#[tokio::test]
async fn every_sealed_column_is_resealed() {
    let server = TestServer::with(|config| {
        config.mail.smtp_url = Some("smtp://127.0.0.1:9".parse().expect("a URL"));
        config.mail.from = "latchkey@example.org".to_owned();
    })
    .await;
    let columns: i64 = server
        .count(
            "SELECT count(*) FROM information_schema.columns
             WHERE table_schema = 'public' AND (column_name = 'sealed' OR column_name LIKE '%\\_sealed')",
        )
        .await;
    assert_eq!(usize::try_from(columns), Ok(COLUMNS), "reseal has to know every column");
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (acme, base) = server.tenant("acme").await;
    server.person_of(acme, &base, "bob", &[]).await;
    ada.sign_in().await;
    ada.set_up_authenticator(&server.clock).await;
    server.execute("UPDATE users SET email = 'ada@example.org', email_verified = true").await;
    ada.approve(&tv.start("openid").await.user_code).await;
    tv.start("openid").await;
    let url = "https://example.org/".parse().expect("a URL");
    webhooks::create(&server.app, DEFAULT_TENANT, url, Vec::new(), &By::OPERATOR).await.expect("a webhook");
    let before = sealed_values(&server).await;

    let new = server.replica_with_keys(&[NEW, OLD]).await;
    let done = resealed(&new).await;
    assert_eq!(done.values.len(), COLUMNS, "{done:?}");
    assert!(done.values.values().all(|replaced| *replaced > 0), "{done:?}");
    assert_eq!(before, [(name(OLD), before[0].1)]);
    assert_eq!(sealed_values(&server).await, [(name(NEW), before[0].1)]);
    let again = resealed(&new).await;
    assert_eq!((replaced(&again), again.damaged, again.left.len()), (0, 0, 1), "{again:?}");
}

#[tokio::test]
async fn more_values_than_a_batch_holds_are_resealed() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    // Copies that do not open, since they are sealed for another authorization.
    server
        .execute(
            "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac,
                                                user_code_sealed, created_at, expires_at, interval_seconds)
             SELECT gen_random_uuid(), tenant_id, client_id, sha256(n::text::bytea), sha256(n::text::bytea),
                    user_code_sealed, created_at, expires_at, interval_seconds
             FROM device_authorizations, generate_series(1, 1200) n",
        )
        .await;
    let new = server.replica_with_keys(&[NEW, OLD]).await;
    let done = resealed(&new).await;
    assert_eq!((done.damaged, done.values["user_codes"]), (1_200, 1));
    assert_eq!(done.left_with(KeyName(server.app.secrets.sealing_name().0)), 1_200);
    new.ada().await.open(&started.user_code).await;
}

#[tokio::test]
async fn values_of_an_unknown_key_are_reported_and_kept() {
    let server = TestServer::start().await;
    let stranger = server.replica_with_keys(&[5, OLD]).await;
    stranger.tenant("acme").await;
    let before = server.rows().await["signing_keys"].clone();
    let new = server.replica_with_keys(&[NEW]).await;
    let done = resealed(&new).await;
    assert_eq!((replaced(&done), done.damaged), (0, 0));
    assert_eq!(server.rows().await["signing_keys"], before);
    let names: Vec<_> = done.left.keys().map(ToString::to_string).collect();
    assert!(names.contains(&name(5)) && names.contains(&name(OLD)), "{names:?}");
}

#[tokio::test]
async fn the_audit_key_of_an_erased_tenant_is_resealed() {
    let server = TestServer::start().await;
    let (acme, _) = server.tenant("acme").await;
    let slug = TenantSlug::parse("acme").expect("a slug");
    let app = &server.app;
    tenants::set_standing(app, &slug, TenantStanding::Suspended).await.expect("disabled");
    tenants::delete(app, &slug, &MeantFor::Any, &By::OPERATOR).await.expect("erased");
    resealed(&server.replica_with_keys(&[NEW, OLD]).await).await;
    let only_new = server.replica_with_keys(&[NEW]).await;
    mac_keys::audit(&only_new.app, acme).await.expect("the key opens");
}
