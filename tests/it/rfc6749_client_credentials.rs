//! RFC 6749 §4.4: a client gets a token of its own, with no person behind it.

use latchkey::domain::audit::By;
use latchkey::domain::clients::{self, ClientError};
use latchkey::model::client::{AuthMethod, Client, GrantType, ScopePolicy};
use latchkey::model::ids::ClientId;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;
use latchkey::model::version::MeantFor;
use serde_json::{Value, json};

use crate::support::device::Proof;
use crate::support::{Answer, Device, TestServer, jwt};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const VIDEOS: &str = "https://videos.example.org/";
const MUSIC: &str = "urn:example:music";

/// Registers a client that may act for itself.
async fn machine(server: &TestServer, scope: &str) -> Device {
    server
        .client("robot", scope, |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = vec![GrantType::ClientCredentials];
        })
        .await
}

/// Asks for a token with more parameters.
async fn ask(client: &Device, more: &[(&str, &str)]) -> Answer {
    client.token(&[&[GRANT], more].concat()).await
}

async fn claims(server: &TestServer, tokens: &Answer) -> Value {
    tokens.must_be_tokens();
    let (header, claims) = jwt::verify(server, &server.base, &tokens.string("access_token")).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    claims
}

#[tokio::test]
async fn the_token_speaks_of_the_client_and_of_nobody_else() {
    let server = TestServer::start().await;
    let robot = machine(&server, "admin").await;
    let tokens = ask(&robot, &[]).await;
    let claims = claims(&server, &tokens).await;
    let now = server.clock.now().timestamp();
    // RFC 9068 §2.2, §5
    assert_eq!(claims["iss"], server.base.as_str());
    assert_eq!(claims["sub"], "robot");
    assert_eq!(claims["client_id"], "robot");
    assert_eq!(claims["aud"], format!("{}/api", server.base));
    assert_eq!(claims["scope"], "admin");
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 600)));
    assert!(claims["jti"].is_string());
    assert_eq!((&tokens.json["scope"], &tokens.json["expires_in"]), (&json!("admin"), &json!(600)));
    for absent in ["auth_time", "amr", "device_id", "cnf"] {
        assert!(claims.get(absent).is_none(), "{absent}: {claims}");
    }
    // RFC 6749 §4.4.3
    for absent in ["refresh_token", "id_token"] {
        assert!(tokens.json.get(absent).is_none(), "{absent}: {tokens:?}");
    }
    let other = ask(&robot, &[]).await;
    assert_ne!(
        jwt::verify(&server, &server.base, &other.string("access_token")).await.1["jti"],
        claims["jti"]
    );
}

#[tokio::test]
async fn it_gets_what_is_registered_for_it_but_nothing_that_speaks_of_a_person() {
    let server = TestServer::start().await;
    server.scope("videos", None).await;
    server.scope("music", None).await;
    let of_a_person = "openid profile email offline_access devices device:approve";
    let robot = machine(&server, &format!("admin videos {of_a_person}")).await;
    assert_eq!(ask(&robot, &[]).await.string("scope"), "admin videos");
    assert_eq!(ask(&robot, &[("scope", "videos")]).await.string("scope"), "videos");
    for bad in of_a_person.split(' ').chain(["music", "nothing", "videos music", "openid videos", "ünd", " "])
    {
        ask(&robot, &[("scope", bad)]).await.must_be_error("invalid_scope");
    }
}

#[tokio::test]
async fn a_client_that_inherits_from_people_inherits_nothing_without_one() {
    let server = TestServer::start().await;
    let own = server
        .client("own", "", |client| {
            client.auth_method = AuthMethod::ClientSecretPost;
            client.grant_types = vec![GrantType::ClientCredentials];
            client.first_party = true;
            client.scope_policy = ScopePolicy::Inherit;
        })
        .await;
    let tokens = ask(&own, &[]).await;
    assert_eq!(tokens.string("scope"), "");
    assert!(claims(&server, &tokens).await.get("scope").is_none());
    ask(&own, &[("scope", "admin")]).await.must_be_error("invalid_scope");
}

#[tokio::test]
async fn the_token_is_for_the_services_that_it_names() {
    let server = TestServer::start().await;
    server.resource(VIDEOS, "Your videos").await;
    server.resource(MUSIC, "Your music").await;
    let robot = machine(&server, "admin").await;
    let one = ask(&robot, &[("resource", VIDEOS)]).await;
    assert_eq!(claims(&server, &one).await["aud"], VIDEOS);
    let two = ask(&robot, &[("resource", MUSIC), ("resource", VIDEOS), ("resource", MUSIC)]).await;
    assert_eq!(claims(&server, &two).await["aud"], json!([VIDEOS, MUSIC]));
    for bad in
        ["https://videos.example.org", "https://videos.example.org/#a", "videos", "robot", &server.base]
    {
        ask(&robot, &[("resource", bad)]).await.must_be_error("invalid_target");
    }
    let (acme, base) = server.tenant("acme").await;
    let theirs = server
        .client_of(acme, &base, "robot", "admin", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = vec![GrantType::ClientCredentials];
        })
        .await;
    ask(&theirs, &[("resource", VIDEOS)]).await.must_be_error("invalid_target");
    ask(&theirs, &[]).await.must_be_tokens();
}

#[tokio::test]
async fn only_a_client_that_proves_who_it_is_and_is_registered_for_it_may() {
    let server = TestServer::start().await;
    let robot = machine(&server, "admin").await;
    for proof in [Proof::None, Proof::Basic("wrong".to_owned()), Proof::Post("wrong".to_owned())] {
        ask(&robot.with_proof(proof), &[]).await.must_be_error("invalid_client");
    }
    let kiosk =
        server.client("kiosk", "admin", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    ask(&kiosk, &[]).await.must_be_error("unauthorized_client");
    ask(&server.tv().await, &[]).await.must_be_error("unauthorized_client");
    // It has no other grant, nor does this one bring what another needs.
    robot.ask(&[]).await.must_be_error("unauthorized_client");
    robot.refresh("lkr_x").await.must_be_error("unauthorized_client");
}

#[tokio::test]
async fn a_public_client_is_not_registered_for_it_and_gets_nothing_if_it_is() {
    let server = TestServer::start().await;
    let client = Client {
        grant_types: vec![GrantType::ClientCredentials],
        ..Client::public(DEFAULT_TENANT, ClientId::parse("radio").expect("a client id"))
    };
    let refused = clients::create(&server.app, client, &By::OPERATOR).await;
    assert!(matches!(refused, Err(ClientError::PublicClientActsForItself)));
    let tv = server.tv().await;
    let found = latchkey::store::clients::find(&server.app.db, DEFAULT_TENANT, "tv").await.unwrap().unwrap();
    let changed = clients::change(&server.app, &found, &MeantFor::Any, &By::OPERATOR, |client| {
        client.grant_types.push(GrantType::ClientCredentials);
    });
    assert!(matches!(changed.await, Err(ClientError::PublicClientActsForItself)));
    server.execute("UPDATE clients SET grant_types = '{client_credentials}', scopes = '{admin}'").await;
    ask(&tv, &[]).await.must_be_error("unauthorized_client");
}

#[tokio::test]
async fn a_users_own_client_can_do_no_more_than_its_user() {
    let server = TestServer::start().await;
    server.person("ada", &["editor"]).await;
    let owner = server.user_id("ada").await;
    server.scope("videos", None).await;
    server.scope("books", Some("editor")).await;
    let own = server
        .client("own", "books videos", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = vec![GrantType::ClientCredentials];
            client.owner = Some(owner);
        })
        .await;
    // What a role must grant needs a person who does, whatever roles the owner has.
    assert_eq!(ask(&own, &[]).await.string("scope"), "videos");
    ask(&own, &[("scope", "books")]).await.must_be_error("invalid_scope");
    server.set_standing("ada", Standing::Disabled).await;
    ask(&own, &[]).await.must_be_error("unauthorized_client");
}

#[tokio::test]
async fn a_disabled_client_gets_nothing_any_more() {
    let server = TestServer::start().await;
    let robot = machine(&server, "admin").await;
    ask(&robot, &[]).await.must_be_tokens();
    server.change_client("robot", |client| client.enabled = false).await;
    ask(&robot, &[]).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn every_token_is_written_down_and_refusals_only_as_far_as_they_tell_anything() {
    let server = TestServer::start().await;
    server.resource(VIDEOS, "Your videos").await;
    let robot = machine(&server, "admin").await;
    ask(&robot, &[("resource", VIDEOS)]).await.must_be_tokens();
    let event: (String, String, Value) = sqlx::query_as(
        "SELECT actor_kind, actor_id, details FROM audit_events WHERE action = 'token.issued_to_client'",
    )
    .fetch_one(&server.app.db)
    .await
    .expect("one event");
    let details = json!({"scopes": ["admin"], "resources": [VIDEOS]});
    assert_eq!(event, ("client".to_owned(), "robot".to_owned(), details));

    for _ in 0..25 {
        ask(&robot, &[("scope", "openid")]).await.must_be_error("invalid_scope");
    }
    assert_eq!(server.audited("token.issued_to_client", "refused").await, 10);
    server.clock.advance(60.0);
    ask(&robot, &[("resource", MUSIC)]).await.must_be_error("invalid_target");
    assert_eq!(server.audited("token.issued_to_client", "refused").await, 11);
    ask(&robot, &[]).await.must_be_tokens();
    assert_eq!(server.audited("token.issued_to_client", "success").await, 2);
}

#[tokio::test]
async fn the_metadata_says_so() {
    let server = TestServer::start().await;
    let document = server.get("/.well-known/oauth-authorization-server").await.json;
    assert!(document["grant_types_supported"].as_array().unwrap().contains(&json!("client_credentials")));
}
