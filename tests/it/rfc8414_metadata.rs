//! RFC 8414 and OpenID Connect Discovery: what the server says it can do.

use serde_json::Value;

use crate::support::device::Proof;
use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Device, TestServer};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

fn words(document: &Value, member: &str) -> Vec<String> {
    let list = document[member].as_array().unwrap_or_else(|| panic!("no list {member} in {document}"));
    list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

#[tokio::test]
async fn the_issuer_is_the_address_the_document_was_asked_for_at() {
    let server = TestServer::start().await;
    let (_, acme) = server.tenant("acme").await;
    for (path, issuer) in [
        (OAUTH.to_owned(), &server.base),
        (OPENID.to_owned(), &server.base),
        // RFC 8414 §3.1 inserts the well-known part before the path, OpenID Connect Discovery §4 appends it.
        (format!("{OAUTH}/t/acme"), &acme),
        (format!("{OPENID}/t/acme"), &acme),
        (format!("/t/acme{OAUTH}"), &acme),
        (format!("/t/acme{OPENID}"), &acme),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert!(answer.header("content-type").starts_with("application/json"), "{path} {answer:?}");
        assert_eq!(answer.string("issuer"), **issuer, "{path}");
        for endpoint in ["device_authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert!(answer.string(endpoint).starts_with(&format!("{issuer}/oauth/")), "{path} {endpoint}");
        }
    }
}

#[tokio::test]
async fn the_document_tells_what_the_defaults_would_not() {
    let server = TestServer::start().await;
    let document = server.get(OAUTH).await.json;
    // RFC 8414 §2: left out, these would mean the code and implicit grants, and Basic alone.
    let grants = words(&document, "grant_types_supported");
    assert!(grants.contains(&DEVICE_GRANT.to_owned()) && grants.contains(&"refresh_token".to_owned()));
    let methods = words(&document, "token_endpoint_auth_methods_supported");
    for method in ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] {
        assert!(methods.contains(&method.to_owned()), "{method}");
    }
    // RFC 8414 §2: must be there with a method that signs.
    let algorithms = words(&document, "token_endpoint_auth_signing_alg_values_supported");
    assert_eq!(algorithms, ["ES256", "RS256", "Ed25519", "EdDSA"]);
    assert_eq!(words(&document, "scopes_supported"), ["email", "offline_access", "openid", "profile"]);
    assert_eq!(words(&document, "ui_locales_supported"), ["en", "de", "zh-Hans"]);
    assert!(document.get("response_types_supported").is_some());
    assert!(document.get("authorization_endpoint").is_none());
}

#[tokio::test]
async fn the_openid_document_adds_what_openid_requires() {
    let server = TestServer::start().await;
    let (oauth, openid) = (server.get(OAUTH).await.json, server.get(OPENID).await.json);
    for (member, value) in oauth.as_object().unwrap() {
        assert_eq!(openid[member], *value, "{member}");
    }
    assert_eq!(openid["subject_types_supported"], serde_json::json!(["public"]));
    // OpenID Connect Discovery §3: RS256 must be among them.
    let algorithms = words(&openid, "id_token_signing_alg_values_supported");
    assert!(algorithms.contains(&"RS256".to_owned()), "{algorithms:?}");
    let published = server.get("/oauth/jwks").await.json;
    for algorithm in algorithms {
        let has_key =
            published["keys"].as_array().unwrap().iter().any(|key| key["alg"] == algorithm.as_str());
        assert!(has_key, "{algorithm}");
    }
}

#[tokio::test]
async fn no_member_is_empty_and_every_address_is_absolute() {
    let server = TestServer::start().await;
    for path in [OAUTH, OPENID] {
        let document = server.get(path).await.json;
        for (member, value) in document.as_object().unwrap() {
            assert!(!value.is_null(), "{member}");
            assert!(value.as_array().is_none_or(|list| !list.is_empty()), "{member}");
            let is_address = member.ends_with("_endpoint") || member.ends_with("_uri") || member == "issuer";
            assert!(!is_address || value.as_str().unwrap().starts_with("http"), "{member}");
        }
    }
}

#[tokio::test]
async fn everything_the_document_lists_is_there() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let document = server.get(OPENID).await.json;
    for (member, value) in document.as_object().unwrap() {
        let Some(address) = value.as_str().filter(|text| text.starts_with("http")) else { continue };
        if member == "issuer" {
            continue;
        }
        let got = send(server.http.get(address)).await;
        let expected: &[u16] = if member == "userinfo_endpoint" { &[401] } else { &[200, 303, 405] };
        assert!(expected.contains(&got.status.as_u16()), "{member} {got:?}");
    }
    for grant in words(&document, "grant_types_supported") {
        let device = Device::new(server.http.clone(), &server.base, "nobody", Proof::None);
        device.token(&[("grant_type", &grant)]).await.must_be_error("invalid_client");
    }
    for method in words(&document, "token_endpoint_auth_methods_supported") {
        let method = latchkey::model::client::AuthMethod::parse(&method).expect("a method");
        let scope = "openid offline_access";
        let device = server.client(method.as_str(), scope, |client| client.auth_method = method).await;
        let tokens = device.connect(&ada, scope).await;
        device.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    }
}

#[tokio::test]
async fn where_tokens_are_judged_and_given_back_is_listed_with_how_to_say_who_one_is() {
    let server = TestServer::start().await;
    let (_, acme) = server.tenant("acme").await;
    for base in [&server.base, &acme] {
        let document = send(server.http.get(format!("{base}{OPENID}"))).await.json;
        for (member, path) in [
            ("introspection_endpoint", "/oauth/introspect"),
            ("revocation_endpoint", "/oauth/revoke"),
            ("userinfo_endpoint", "/oauth/userinfo"),
        ] {
            assert_eq!(document[member], format!("{base}{path}"));
        }
        // RFC 8414 §2: where private_key_jwt is among the methods.
        for endpoint in ["token", "introspection", "revocation"] {
            let algorithms =
                words(&document, &format!("{endpoint}_endpoint_auth_signing_alg_values_supported"));
            assert!(algorithms.contains(&"ES256".to_owned()), "{endpoint}: {algorithms:?}");
        }
        let at_token = words(&document, "token_endpoint_auth_methods_supported");
        assert_eq!(words(&document, "revocation_endpoint_auth_methods_supported"), at_token);
        // Public clients may not introspect.
        let at_introspection = words(&document, "introspection_endpoint_auth_methods_supported");
        assert_eq!(at_introspection, at_token.into_iter().filter(|word| word != "none").collect::<Vec<_>>());
    }
    // RFC 8414 knows no userinfo.
    assert!(server.get(OAUTH).await.json.get("userinfo_endpoint").is_none());
}

#[tokio::test]
async fn the_document_may_be_kept_for_a_while_and_ignores_the_query() {
    let server = TestServer::start().await;
    for path in [OAUTH, OPENID] {
        let plain = server.get(path).await;
        let max_age = plain.header("cache-control").split("max-age=").nth(1).expect("max-age");
        assert!((300..=3600).contains(&max_age.parse::<u32>().unwrap()), "{plain:?}");
        assert_eq!(server.get(&format!("{path}?issuer=https://evil.example&x=%zz")).await.json, plain.json);
        assert_eq!(server.get(&format!("{path}/")).await.json, plain.json);
        let head = send(server.http.head(format!("{}{path}", server.base))).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        assert_eq!(head.header("content-type"), plain.header("content-type"));
        let request = server.http.get(format!("{}{path}", server.base));
        let known = send(request.header("if-none-match", plain.header("etag"))).await;
        assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    }
}

#[tokio::test]
async fn no_header_of_a_request_moves_the_addresses() {
    let server =
        TestServer::with(|config| config.server.public_url = "https://login.example.org/".parse().ok()).await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-forwarded-prefix", "/evil"),
    ] {
        let request = server.http.get(format!("{}{OPENID}", server.base)).header(name, value);
        let answer = send(request).await;
        assert_eq!(answer.string("issuer"), "https://login.example.org", "{name}");
        assert_eq!(answer.string("token_endpoint"), "https://login.example.org/oauth/token", "{name}");
        assert!(!answer.text.contains("evil"), "{name} {answer:?}");
    }
    let tv = server.tv().await;
    let request = tv.request("/oauth/device-authorization").header("host", "evil.example");
    let started = send(request.form(&[("client_id", "tv")])).await;
    assert_eq!(started.string("verification_uri"), "https://login.example.org/device");
}

#[tokio::test]
async fn a_tenant_that_is_not_there_has_no_document() {
    let server = TestServer::start().await;
    server.tenant("gone").await;
    server.execute("UPDATE tenants SET enabled = false WHERE slug = 'gone'").await;
    for tenant in ["gone", "nobody"] {
        for path in [format!("{OAUTH}/t/{tenant}"), format!("/t/{tenant}{OPENID}")] {
            let answer = server.get(&path).await;
            assert_eq!(answer.status, 404, "{path} {answer:?}");
            answer.must_be_an_oauth_body();
        }
    }
}
