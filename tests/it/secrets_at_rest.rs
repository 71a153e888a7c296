//! A copy of the database is of no use to whoever steals it: nothing in it can be shown to the server.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey::domain::mac_keys::codes;
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::client::AuthMethod;
use sqlx::AssertSqlSafe;

use crate::support::device::Proof;
use crate::support::server::PASSWORD;
use crate::support::{TestServer, database};

/// Every row of every table as text; binary columns as hexadecimal digits.
async fn dump(server: &TestServer) -> String {
    let db = &server.app.db;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(db)
            .await
            .expect("tables can be listed");
    assert!(tables.len() > 10, "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let sql = format!("SELECT coalesce(string_agg(row_to_json(t)::text, E'\\n'), '') FROM \"{table}\" t");
        let rows: String =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.expect("rows can be read");
        text.push_str(&rows);
        text.push('\n');
    }
    text
}

/// Insists that the dump holds this secret in no usual spelling.
#[track_caller]
fn must_not_hold(dump: &str, what: &str, secret: &[u8]) {
    let lower = dump.to_lowercase();
    for spelling in [
        String::from_utf8_lossy(secret).into_owned(),
        hex::encode(secret),
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        assert!(!lower.contains(&spelling.to_lowercase()), "{what} is in the database as {spelling}");
    }
}

#[tokio::test]
async fn no_code_token_secret_cookie_or_password_is_in_the_database() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretPost;
    let device = server.client("box", "openid offline_access", |client| client.auth_method = method).await;
    let Proof::Post(client_secret) = &device.proof else { panic!("a client with a secret") };
    let (pending, used) = (device.start("openid").await, device.start("openid offline_access").await);
    device.poll(&pending).await.must_be_error("authorization_pending");
    ada.open(&pending.user_code).await;
    ada.approve(&used.user_code).await;
    let tokens = device.poll(&used).await;
    let renewed = device.refresh(&tokens.string("refresh_token")).await;
    server.clock.advance(61.0);
    device.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    ada.enter("WRNG-CXDE").await;
    let cookies = ada.cookies();
    let cookies: Vec<(&str, &str)> =
        cookies.split("; ").map(|cookie| cookie.split_once('=').expect("a named cookie")).collect();
    let session = cookies.iter().find(|(name, _)| *name == "latchkey").expect("a browser session");
    assert!(session.1.starts_with("lkb_"), "{cookies:?}");

    let dump = dump(&server).await;
    // The dump does hold what it must.
    let code = server.read_code(&used.device_code).await;
    assert!(dump.contains(&hex::encode(code.hash().0)));
    must_not_hold(&dump, "the client secret", client_secret.as_bytes());
    for (name, value) in cookies {
        must_not_hold(&dump, name, value.as_bytes());
    }
    must_not_hold(&dump, "the password", PASSWORD.as_bytes());
    must_not_hold(&dump, "an entered code", b"WRNG-CXDE");
    for started in [&pending, &used] {
        must_not_hold(&dump, "a device code", started.device_code.as_bytes());
        must_not_hold(&dump, "a user code", started.user_code.as_bytes());
        must_not_hold(&dump, "a user code", started.user_code.replace('-', "").as_bytes());
    }
    for answer in [&tokens, &renewed] {
        for token in ["access_token", "refresh_token", "id_token"] {
            must_not_hold(&dump, token, answer.string(token).as_bytes());
            let signature = answer.string(token).rsplit('.').next().unwrap().to_owned();
            must_not_hold(&dump, token, signature.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_user_code_cannot_be_found_again_by_hashing_all_of_them() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let code = tv.start("openid").await.user_code;
    let dump = dump(&server).await;
    let bare = code.replace('-', "");
    for text in [&code, &bare, &code.to_lowercase(), &bare.to_lowercase()] {
        assert!(!dump.contains(&hex::encode(SecretHash::of(text).0)), "a plain hash of {text}");
    }
    // The same code under another key is another value.
    let parsed = latchkey::model::user_code::UserCode::parse(&code).unwrap();
    let tenant = latchkey::model::tenant::DEFAULT_TENANT;
    let (other, _) = server.tenant("acme").await;
    let mac =
        async |tenant| codes::user_code(&server.app, tenant, &parsed).await.expect("the database answers");
    let stored = |mac: [u8; 32]| hex::encode(&mac[..16]);
    assert!(dump.contains(&stored(mac(tenant).await)));
    assert!(!dump.contains(&stored(mac(other).await)));
}

#[tokio::test]
async fn the_keys_that_sign_are_sealed() {
    let server = TestServer::start().await;
    let dump = dump(&server).await;
    let keys: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT kid, private_sealed FROM signing_keys")
        .fetch_all(&server.app.db)
        .await
        .unwrap();
    assert_eq!(keys.len(), 3);
    for (kid, sealed) in keys {
        let context = format!("signing key {kid}");
        let private = database::secrets().database.open(&sealed, &context).expect("our own key opens it");
        // The document that holds the key, and any of its inner parts.
        for part in private.windows(32).step_by(16) {
            assert!(!dump.contains(&hex::encode(part)), "a part of {kid} is in the clear");
        }
        // It is sealed for its place: neither another key's name nor another master key opens it.
        assert!(database::secrets().database.open(&sealed, "signing key other").is_err());
        let master = latchkey::secrets::MasterKey::from_bytes([8; 32]);
        assert!(latchkey::secrets::Secrets::derive(&master.into()).database.open(&sealed, &context).is_err());
    }
}

#[tokio::test]
async fn what_is_stored_of_a_secret_cannot_be_used_in_its_place() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let hash = SecretHash::of(&started.device_code).0;
    for code in [hex::encode(hash), format!("\\x{}", hex::encode(hash)), URL_SAFE_NO_PAD.encode(hash)] {
        tv.poll_code(&code, &[]).await.must_be_error("invalid_grant");
    }
    let token = tv.poll(&started).await.string("refresh_token");
    tv.refresh(&hex::encode(SecretHash::of(&token).0)).await.must_be_error("invalid_grant");
    tv.refresh(&token).await.must_be_tokens();
}
