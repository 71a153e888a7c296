//! RFC 8707 at the start: a device says for which services it wants tokens, and the person is told.

use latchkey::domain::audit::By;
use latchkey::domain::clients::{self, ClientError};
use latchkey::domain::resources::{self, ResourceError};
use latchkey::model::client::Client;
use latchkey::model::ids::ClientId;
use latchkey::model::resource::Resource;
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug};

use crate::support::TestServer;
use crate::support::device::send;

const VIDEOS: &str = "https://videos.example.org/";
const MUSIC: &str = "urn:example:music";

/// A server that knows both.
async fn with_services() -> TestServer {
    let server = TestServer::start().await;
    server.resource(VIDEOS, "Your videos").await;
    server.resource(MUSIC, "Your music").await;
    server
}

/// For which services the one device that asked wants tokens.
async fn stored(server: &TestServer) -> Vec<String> {
    let asked = "SELECT resources FROM device_authorizations";
    sqlx::query_scalar(asked).fetch_one(&server.app.db).await.expect("one session")
}

#[tokio::test]
async fn a_device_names_the_services_that_its_tokens_shall_be_for() {
    let server = with_services().await;
    let tv = server.tv().await;
    let asked = [("resource", VIDEOS), ("resource", MUSIC), ("resource", VIDEOS)];
    assert_eq!(tv.ask(&asked).await.status, 200);
    assert_eq!(stored(&server).await, [VIDEOS, MUSIC]);
}

#[tokio::test]
async fn they_are_an_array_in_json() {
    let server = with_services().await;
    let tv = server.tv().await;
    let body = serde_json::json!({"client_id": "tv", "resource": [MUSIC, VIDEOS]});
    assert_eq!(send(tv.request("/oauth/device-authorization").json(&body)).await.status, 200);
    assert_eq!(stored(&server).await, [VIDEOS, MUSIC]);
}

#[tokio::test]
async fn sessions_stored_in_one_statement_keep_their_own_services() {
    let server = with_services().await;
    let tv = server.tv().await;
    let none: &[(&str, &str)] = &[];
    let starts = [none, &[("resource", VIDEOS)], none, &[("resource", MUSIC), ("resource", VIDEOS)]];
    let (a, b, c, d) =
        tokio::join!(tv.ask(starts[0]), tv.ask(starts[1]), tv.ask(starts[2]), tv.ask(starts[3]));
    assert!([a, b, c, d].iter().all(|answer| answer.status == 200));
    let counts = "SELECT coalesce(cardinality(resources), 0) FROM device_authorizations ORDER BY 1";
    let counts: Vec<i32> = sqlx::query_scalar(counts).fetch_all(&server.app.db).await.expect("four sessions");
    assert_eq!(counts, [0, 0, 1, 2]);
}

#[tokio::test]
async fn the_service_that_tokens_are_for_anyway_may_be_named() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let default = format!("{}/api", server.base);
    assert_eq!(tv.ask(&[("resource", &default)]).await.status, 200);
    assert_eq!(stored(&server).await, [default]);
}

#[tokio::test]
async fn what_is_unknown_malformed_or_too_much_is_refused_and_nothing_is_stored() {
    let server = with_services().await;
    let tv = server.tv().await;
    for bad in [
        "https://videos.example.org",
        "https://VIDEOS.example.org/",
        "https://videos.example.org/#top",
        "https://videos.example.org/ https://music.example.org/",
        "videos",
        "urn:example:",
        &server.base,
        "tv",
        "null",
    ] {
        tv.ask(&[("resource", bad)]).await.must_be_error("invalid_target");
        tv.ask(&[("resource", VIDEOS), ("resource", bad)]).await.must_be_error("invalid_target");
    }
    let many: Vec<String> = (0..11).map(|n| format!("urn:example:{n}")).collect();
    for uri in &many {
        server.resource(uri, "One of many").await;
    }
    let all: Vec<(&str, &str)> = many.iter().map(|uri| ("resource", uri.as_str())).collect();
    tv.ask(&all).await.must_be_error("invalid_target");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
    assert_eq!(tv.ask(&all[..10]).await.status, 200);
}

#[tokio::test]
async fn a_service_of_another_tenant_is_unknown() {
    let server = with_services().await;
    let (acme, base) = server.tenant("acme").await;
    let theirs = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    theirs.ask(&[("resource", VIDEOS)]).await.must_be_error("invalid_target");
    let default_of_the_other = format!("{}/api", server.base);
    theirs.ask(&[("resource", &default_of_the_other)]).await.must_be_error("invalid_target");
    assert_eq!(theirs.ask(&[("resource", &format!("{base}/api"))]).await.status, 200);
}

#[tokio::test]
async fn a_new_service_is_known_to_every_server_at_once() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let tv = server.tv().await.at(&replica.base);
    tv.ask(&[("resource", VIDEOS)]).await.must_be_error("invalid_target");
    server.resource(VIDEOS, "Your videos").await;
    replica.hear_all().await;
    assert_eq!(tv.ask(&[("resource", VIDEOS)]).await.status, 200);
}

#[tokio::test]
async fn the_person_is_told_for_which_services() {
    let server = with_services().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let plain = ada.open(&tv.start("openid").await.user_code).await;
    assert!(!plain.says("For use with: "), "{plain:?}");
    server.resource("urn:example:odd", "<b>Odd & \"new\"</b>").await;
    let default = format!("{}/api", server.base);
    let asked =
        [("resource", VIDEOS), ("resource", MUSIC), ("resource", "urn:example:odd"), ("resource", &default)];
    let page = ada.open(&tv.ask(&asked).await.string("user_code")).await;
    for name in ["Your videos", "Your music", "&#60;b&#62;Odd &#38; &#34;new&#34;&#60;/b&#62;", &default] {
        assert!(page.says(&format!("<bdi translate=\"no\">{name}</bdi>")), "{name}: {page:?}");
    }
    assert!(page.says("For use with: "), "{page:?}");
}

#[tokio::test]
async fn a_service_is_neither_the_issuer_nor_a_client() {
    let server = with_services().await;
    let tenant = server.app.cached.tenant(&server.app.db, &TenantSlug::root()).await.unwrap().unwrap();
    server.public_client("urn:example:player", "openid").await;
    let create = async |uri: &str, name: &str| {
        let resource = Resource { uri: Resource::parse_uri(uri).unwrap(), name: name.to_owned() };
        resources::create(&server.app, &tenant, resource, &By::OPERATOR).await.expect_err("it is refused")
    };
    let issuer = server.base.clone();
    for uri in [&issuer, &format!("{issuer}/"), &issuer.to_uppercase(), "urn:example:player"] {
        assert!(matches!(create(uri, "x").await, ResourceError::IssuerOrClient), "{uri}");
    }
    assert!(matches!(create(VIDEOS, "Again").await, ResourceError::UriTaken));
    for name in ["", "  ", "a\u{202e}b"] {
        assert!(matches!(create("urn:example:new", name).await, ResourceError::UnfitName), "{name:?}");
    }
    // The other way round it is the same.
    for id in [MUSIC, &server.base, &format!("{}/api", server.base)] {
        let late = Client::public(DEFAULT_TENANT, ClientId::parse(id).unwrap());
        assert!(
            matches!(clients::create(&server.app, late, &By::OPERATOR).await, Err(ClientError::IdIsResource)),
            "{id}"
        );
    }
    assert_eq!(server.audited("resource.created", "success").await, 2);
}
