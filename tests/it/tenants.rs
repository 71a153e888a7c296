//! Tenants share a server and nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey::model::client::AuthMethod;
use latchkey::random::Random;

use crate::support::device::Proof;
use crate::support::{Device, Person, TestServer, jwt};

const OFFLINE: &str = "openid offline_access";

/// Two tenants with a client "tv" and a person "ada" each: the default one and "acme".
struct Neighbours {
    server: TestServer,
    ours: (Device, Person),
    theirs: (Device, Person),
}

impl Neighbours {
    async fn meet() -> Self {
        Self::meet_with(Random::system()).await
    }

    async fn meet_with(random: Random) -> Self {
        let server = TestServer::with_random(random, |_| ()).await;
        let (acme, base) = server.tenant("acme").await;
        let theirs = (
            server.client_of(acme, &base, "tv", OFFLINE, |_| ()).await,
            server.person_of(acme, &base, "ada", &[]).await,
        );
        let ours = (server.public_client("tv", OFFLINE).await, server.ada().await);
        Self { server, ours, theirs }
    }
}

#[tokio::test]
async fn a_device_code_is_unknown_to_the_neighbour_and_stays_good() {
    let Neighbours { ours, theirs, server: _server } = Neighbours::meet().await;
    let started = theirs.0.start("openid").await;
    theirs.1.approve(&started.user_code).await;
    let foreign = ours.0.poll(&started).await;
    assert_eq!(foreign.must_be_error("invalid_grant").text, ours.0.poll_code("lkd_x", &[]).await.text);
    theirs.0.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_user_code_is_unknown_to_the_neighbour_and_stays_good() {
    let Neighbours { server, ours, theirs } = Neighbours::meet().await;
    let started = theirs.0.start("openid").await;
    ours.1.sign_in().await;
    let page = ours.1.enter(&started.user_code).await;
    assert!(!page.location.ends_with("/device/consent"), "{page:?}");
    assert_eq!(server.count("SELECT opened_count::bigint FROM device_authorizations").await, 0);
    theirs.1.approve(&started.user_code).await;
    theirs.0.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn two_tenants_may_have_the_same_user_code_waiting() {
    // Each start draws 64 bytes for its user code: both user codes are the same.
    let (draws, system) = (AtomicUsize::new(0), Random::system());
    let random = Random::from_fn(move |bytes| {
        system.fill(bytes);
        if bytes.len() == 64 && draws.fetch_add(1, Ordering::SeqCst) < 2 {
            bytes.fill(0);
        }
    });
    let Neighbours { ours, theirs, server: _server } = Neighbours::meet_with(random).await;
    let (here, there) = (ours.0.start("openid").await, theirs.0.start("openid").await);
    assert_eq!(here.user_code, there.user_code);
    theirs.1.approve(&there.user_code).await;
    ours.0.poll(&here).await.must_be_error("authorization_pending");
    theirs.0.poll(&there).await.must_be_tokens();
    ours.1.deny(&here.user_code).await;
    ours.0.poll(&here).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_refresh_token_is_unknown_to_the_neighbour_and_stays_good() {
    let Neighbours { ours, theirs, server: _server } = Neighbours::meet().await;
    let token = theirs.0.connect(&theirs.1, OFFLINE).await.string("refresh_token");
    ours.0.refresh(&token).await.must_be_error("invalid_grant");
    theirs.0.refresh(&token).await.must_be_tokens();
}

#[tokio::test]
async fn clients_of_one_name_are_strangers() {
    let server = TestServer::start().await;
    let (acme, base) = server.tenant("acme").await;
    let method = AuthMethod::ClientSecretBasic;
    let ours = server.client("box", "openid", |client| client.auth_method = method).await;
    let theirs = server.client_of(acme, &base, "box", "openid", |client| client.auth_method = method).await;
    ours.start("openid").await;
    theirs.start("openid").await;
    ours.at(&theirs.base).ask(&[]).await.must_be_error("invalid_client");
    theirs.at(&ours.base).ask(&[]).await.must_be_error("invalid_client");
    let only_theirs = server.client_of(acme, &base, "radio", "openid", |_| ()).await;
    only_theirs.at(&server.base).ask(&[]).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn tokens_carry_their_tenants_issuer_and_signature() {
    let Neighbours { server, ours, theirs } = Neighbours::meet().await;
    let mut kids = Vec::new();
    for (device, person) in [&ours, &theirs] {
        let tokens = device.connect(person, OFFLINE).await;
        for token in ["access_token", "id_token"] {
            let (header, claims) = jwt::verify(&server, &device.base, &tokens.string(token)).await;
            assert_eq!(claims["iss"], device.base.as_str());
            kids.push(header.kid.unwrap());
        }
        let (_, claims) = jwt::verify(&server, &device.base, &tokens.string("access_token")).await;
        assert_eq!(claims["aud"], format!("{}/api", device.base));
    }
    // Access tokens and ID tokens have keys of their own.
    let (ours, theirs) = kids.split_at(2);
    let elsewhere = server.get("/oauth/jwks").await;
    for kid in theirs {
        assert!(!ours.contains(kid) && !elsewhere.text.contains(kid), "{kid}: {elsewhere:?}");
    }
}

#[tokio::test]
async fn people_of_one_name_are_strangers() {
    let Neighbours { server, ours, theirs } = Neighbours::meet().await;
    let (here, there) =
        (ours.0.connect(&ours.1, "openid").await, theirs.0.connect(&theirs.1, "openid").await);
    let (_, one) = jwt::verify(&server, &ours.0.base, &here.string("id_token")).await;
    let (_, two) = jwt::verify(&server, &theirs.0.base, &there.string("id_token")).await;
    assert_ne!(one["sub"], two["sub"]);
    server.person("bob", &[]).await;
    let lost = Person::new(&theirs.0.base, "bob", crate::support::server::PASSWORD);
    let page = lost.sign_in().await;
    assert!(!page.says("Sign out"), "{page:?}");
}

#[tokio::test]
async fn a_session_with_one_tenant_is_none_with_another() {
    let Neighbours { server, ours, theirs: _ } = Neighbours::meet().await;
    ours.1.sign_in().await;
    assert!(ours.1.visit("/device").await.says("Sign out"));
    let neighbour = ours.1.visit(&format!("{}/t/acme/device", server.base)).await;
    assert!(!neighbour.says("Sign out"), "{neighbour:?}");
    // Not even under the neighbour's own name for it.
    let stolen = ours.1.cookies().replacen("latchkey=", "latchkey.acme=", 1);
    let request = server.http.get(format!("{}/t/acme/device", server.base)).header("cookie", stolen);
    assert!(!crate::support::device::send(request).await.text.contains("Sign out"));
}

#[tokio::test]
async fn a_disabled_tenant_looks_like_none_and_disturbs_nobody() {
    let Neighbours { server, ours, theirs } = Neighbours::meet().await;
    let started = theirs.0.start("openid").await;
    server.execute("UPDATE tenants SET enabled = false WHERE slug = 'acme'").await;
    let nobody = Device::new(server.http.clone(), &format!("{}/t/nobody", server.base), "tv", Proof::None);
    for (gone, never) in [
        (theirs.0.ask(&[]).await, nobody.ask(&[]).await),
        (theirs.0.poll(&started).await, nobody.poll(&started).await),
        (server.get("/t/acme/oauth/jwks").await, server.get("/t/nobody/oauth/jwks").await),
        (server.get("/t/acme/device").await, server.get("/t/nobody/device").await),
    ] {
        assert_eq!(gone.status, 404, "{gone:?}");
        assert_eq!(gone.text, never.text);
    }
    ours.0.connect(&ours.1, OFFLINE).await;
}

#[tokio::test]
async fn people_are_sent_to_their_own_tenants_page() {
    let Neighbours { server, theirs, ours: _ } = Neighbours::meet().await;
    let started = theirs.0.start("openid").await;
    assert_eq!(started.verification_uri, format!("{}/t/acme/device", server.base));
    assert!(started.verification_uri_complete.starts_with(&started.verification_uri));
}

#[tokio::test]
async fn the_database_itself_keeps_rows_of_tenants_apart() {
    let Neighbours { server, ours, theirs } = Neighbours::meet().await;
    ours.0.connect(&ours.1, OFFLINE).await;
    theirs.0.connect(&theirs.1, OFFLINE).await;
    let other = "(SELECT id FROM tenants WHERE slug = 'acme')";
    // Device authorizations and devices refer to nothing: the statements that store them read whom they belong to.
    for table in ["browser_sessions"] {
        let sql = format!("UPDATE {table} SET tenant_id = {other} WHERE tenant_id <> {other}");
        let moved = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&server.app.db).await;
        let error = moved.expect_err(table).into_database_error().expect("a refusal of the database");
        assert!(error.is_foreign_key_violation(), "{table}: {error}");
    }
}
