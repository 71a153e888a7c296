//! A tenant with a host name of its own: that host is its issuer, whichever way it is asked.

use std::net::SocketAddr;

use latchkey::model::signing_key::SigningAlgorithm;
use oauth2::basic::BasicClient;
use oauth2::{
    ClientId, DeviceAuthorizationUrl, Scope, StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::admin::Office;
use crate::support::device::{Proof, send};
use crate::support::{Answer, Device, DpopKey, Person, TestServer, jwt, plain};
use crate::third_party::oauth2_crate::carry;

const HOST: &str = "login.acme.example";

/// The tenant "acme" at its host, and programs that find the host.
struct Acme {
    office: Office,
    /// As the public knows it: `http://login.acme.example:{port}`.
    base: String,
    http: reqwest::Client,
}

impl Acme {
    async fn build(server: TestServer) -> Self {
        let office = Office::at(server).await;
        office.tell(Method::POST, "/admin/tenants", &json!({"slug": "acme"})).await;
        let set =
            office.tell(Method::PATCH, "/admin/tenants/acme", &json!({"host": "Login.ACME.example"})).await;
        let address: SocketAddr =
            office.server.base.strip_prefix("http://").expect("a URL").parse().expect("an address");
        let base = format!("http://{HOST}:{}", address.port());
        assert_eq!((&set.json["host"], &set.json["issuer"]), (&json!(HOST), &json!(base)), "{set:?}");
        let http = plain::builder().resolve(HOST, address);
        let http = http.redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { office, base, http }
    }

    async fn get(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn tenant(&self) -> latchkey::model::ids::TenantId {
        let id = sqlx::query_scalar("SELECT id FROM tenants WHERE slug = 'acme'");
        latchkey::model::ids::TenantId(id.fetch_one(&self.office.server.app.db).await.expect("the tenant"))
    }

    /// Registers a public client, and gives its device at the host.
    async fn tv(&self) -> Device {
        let tenant = self.tenant().await;
        self.office.server.client_of(tenant, &self.base, "tv", "openid offline_access devices", |_| ()).await;
        Device::new(self.http.clone(), &self.base, "tv", Proof::None)
    }

    /// A person with a browser that finds the host.
    async fn ada(&self) -> Person {
        let tenant = self.tenant().await;
        let ada = self.office.server.person_of(tenant, &self.base, "ada", &[]).await;
        ada.finding(
            HOST,
            self.office.server.base.strip_prefix("http://").expect("a URL").parse().expect("an address"),
        )
    }
}

#[tokio::test]
async fn the_host_is_the_issuer_in_all_that_is_told() {
    let acme = Acme::build(TestServer::start().await).await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let metadata = acme.get(path).await.json;
        assert_eq!(metadata["issuer"], acme.base.as_str(), "{path}");
        for (name, value) in metadata.as_object().unwrap() {
            let text = value.as_str().unwrap_or_default();
            assert!(!name.ends_with("_endpoint") || text.starts_with(&acme.base), "{name}: {text}");
        }
        // Its path leads to the same tenant, which has one issuer only.
        let by_path = acme.office.server.get(&format!("/t/acme{path}")).await.json;
        assert_eq!(by_path, metadata);
        assert_eq!(acme.office.server.get(path).await.string("issuer"), acme.office.server.base);
    }
    let (tv, ada) = (acme.tv().await, acme.ada().await);
    let started = tv.start("openid offline_access devices").await;
    assert_eq!(started.verification_uri, format!("{}/device", acme.base));
    let page = ada.visit(&started.verification_uri_complete).await;
    assert!(page.html.contains("action=\"/device\"") && !page.html.contains("/t/acme"), "{page:?}");
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    for token in ["access_token", "id_token"] {
        let token = tokens.must_be_tokens().string(token);
        let (_, claims) =
            jwt::verify(&acme.office.server, &format!("{}/t/acme", acme.office.server.base), &token).await;
        assert_eq!(claims["iss"], acme.base.as_str());
    }
    // What was begun at the host goes on below the path, with the same issuer.
    let below = tv.at(&format!("{}/t/acme", acme.office.server.base));
    below.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    let devices = acme.http.get(format!("{}/devices", acme.base)).bearer_auth(tokens.string("access_token"));
    let devices = send(devices).await;
    assert_eq!(devices.status, 200, "{devices:?}");
    assert!(devices.header("link").contains(&format!("<{}/devices?", acme.base)), "{devices:?}");
}

#[tokio::test]
async fn the_oauth2_crate_completes_the_flow_at_the_host() {
    let acme = Acme::build(TestServer::start().await).await;
    let (_tv, ada) = (acme.tv().await, acme.ada().await);
    let client = BasicClient::new(ClientId::new("tv".to_owned()))
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new(format!("{}/oauth/device-authorization", acme.base)).unwrap(),
        )
        .set_token_uri(TokenUrl::new(format!("{}/oauth/token", acme.base)).unwrap())
        .set_auth_type(oauth2::AuthType::RequestBody);
    let details: StandardDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_owned()))
        .request_async(&|request| carry(acme.http.clone(), request))
        .await
        .unwrap();
    ada.approve(details.user_code().secret()).await;
    let tokens = client
        .exchange_device_access_token(&details)
        .set_time_fn(|| acme.office.server.clock.now())
        .request_async(&|request| carry(acme.http.clone(), request), async |_| (), None)
        .await
        .unwrap();
    assert!(!tokens.access_token().secret().is_empty());
}

#[tokio::test]
async fn a_proof_names_the_address_that_was_asked() {
    let acme = Acme::build(TestServer::start().await).await;
    let server = &acme.office.server;
    let tv = acme.tv().await;
    let here = tv.with_key(&DpopKey::of(server, &acme.base, SigningAlgorithm::Es256));
    assert_eq!(here.ask(&[]).await.status, 200);
    let by_path = format!("{}/t/acme", server.base);
    let there = tv.with_key(&DpopKey::of(server, &by_path, SigningAlgorithm::Es256));
    there.ask(&[]).await.must_be_error("invalid_dpop_proof");
    assert_eq!(there.at(&by_path).ask(&[]).await.status, 200);
}

#[tokio::test]
async fn at_its_host_a_tenant_is_alone() {
    let acme = Acme::build(TestServer::start().await).await;
    acme.office.server.tenant("beta").await;
    let well_known = "/.well-known/oauth-authorization-server";
    for path in
        [format!("/t/beta{well_known}"), format!("/t/acme{well_known}"), format!("{well_known}/t/beta")]
    {
        assert_eq!(acme.get(&path).await.status, 404, "{path}");
    }
    acme.office.tell(Method::PATCH, "/admin/tenants/acme", &json!({"enabled": false})).await;
    assert_eq!(acme.get(well_known).await.status, 404);
    let back = json!({"enabled": true, "host": null});
    acme.office.tell(Method::PATCH, "/admin/tenants/acme", &back).await;
    // A host that is nobody's is the server's, as before.
    assert_eq!(acme.get(well_known).await.string("issuer"), acme.office.server.base);
    let issuer = acme.office.server.get(&format!("/t/acme{well_known}")).await.string("issuer");
    assert_eq!(issuer, format!("{}/t/acme", acme.office.server.base));
}

#[tokio::test]
async fn only_a_trusted_proxy_says_which_host_was_asked() {
    let issuer = async |acme: &Acme, host: &str| {
        let url = format!("{}/.well-known/oauth-authorization-server", acme.office.server.base);
        send(acme.http.get(url).header("x-forwarded-host", host)).await.string("issuer")
    };
    let acme = Acme::build(TestServer::behind_a_proxy().await).await;
    assert_eq!(issuer(&acme, "LOGIN.acme.example:443").await, acme.base);
    assert_eq!(issuer(&acme, "unknown.example").await, acme.office.server.base);
    let acme = Acme::build(TestServer::start().await).await;
    assert_eq!(issuer(&acme, HOST).await, acme.office.server.base);
}

#[tokio::test]
async fn a_host_is_one_tenants_and_never_the_servers() {
    let public: fn(&mut latchkey::config::Config) = |config| {
        config.server.public_url = Some("http://login.example.org".parse().unwrap());
    };
    let office = Office::at(TestServer::with(public).await).await;
    for slug in ["acme", "beta"] {
        office.tell(Method::POST, "/admin/tenants", &json!({"slug": slug})).await;
    }
    let set = async |slug: &str, host: Value| {
        office.tell(Method::PATCH, &format!("/admin/tenants/{slug}"), &json!({"host": host})).await
    };
    for unfit in ["localhost", "127.0.0.1", "https://acme.example", "acme.example:8443", "login.example.org"]
    {
        set("acme", json!(unfit)).await.must_name("host");
    }
    set("-", json!("acme.example")).await.must_name("host");
    let acme = set("acme", json!("acme.example")).await;
    assert_eq!(acme.json["issuer"], "http://acme.example", "{acme:?}");
    set("beta", json!("ACME.example")).await.must_be_problem(409, "tenant_host_taken");
    // A client's name must not be taken for the host's audience.
    let tenant = sqlx::query_scalar("SELECT id FROM tenants WHERE slug = 'acme'");
    let tenant = latchkey::model::ids::TenantId(tenant.fetch_one(&office.server.app.db).await.unwrap());
    let id = latchkey::model::ids::ClientId::parse("http://acme.example/api").unwrap();
    let client = latchkey::model::client::Client::public(tenant, id);
    let by = latchkey::domain::audit::By::OPERATOR;
    assert!(latchkey::domain::clients::create(&office.server.app, client, &by).await.is_err());
}

#[tokio::test]
async fn every_server_hears_of_a_host() {
    let acme = Acme::build(TestServer::hearing().await).await;
    let replica = acme
        .office
        .server
        .replica_with(|config| config.sessions.coherence = latchkey::config::Coherence::Notify)
        .await;
    let issuer = async || {
        let url = format!("{}/.well-known/oauth-authorization-server", replica.base);
        send(acme.http.get(url).header("host", HOST)).await.string("issuer")
    };
    assert_eq!(issuer().await, acme.base);
    acme.office.tell(Method::PATCH, "/admin/tenants/acme", &json!({"host": null})).await;
    replica.hear_all().await;
    assert_eq!(issuer().await, acme.office.server.base);
}
