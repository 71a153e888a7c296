//! What a resource server does with access tokens, in four languages and with the usual library of each.
//! docs/resource-servers.md shows the same files.

mod programs;
mod verifier;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::domain::signing_keys;
use latchkey::model::client::{AuthMethod, GrantType};
use latchkey::model::ids::TenantId;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::{Value, json};

use crate::support::{Device, TestServer};
use verifier::AccessTokenVerifier;

/// The service whose tokens are checked.
const API: &str = "https://videos.example.org/";
/// The right that it asks for.
const SCOPE: &str = "videos";

/// A token, and whose it is if a resource server must take it.
struct Case {
    what: String,
    token: String,
    taken_as: Option<String>,
}

/// Good and bad tokens, as issued and as forged.
async fn cases(server: &TestServer) -> Vec<Case> {
    server.resource(API, "Your videos").await;
    server.resource("urn:example:music", "Your music").await;
    server.scope(SCOPE, None).await;
    let (acme, acme_base) = server.tenant("acme").await;
    let mut cases = Vec::new();
    let mut case = |what: &str, token: String, taken_as: Option<&str>| {
        cases.push(Case { what: what.to_owned(), token, taken_as: taken_as.map(ToOwned::to_owned) });
    };

    for algorithm in SigningAlgorithm::ALL {
        let robot = machine(server, &format!("robot-{}", algorithm.as_str()), algorithm).await;
        let token = own_token(&robot, &[("resource", API)]).await;
        case(&format!("a token by {}", algorithm.as_str()), token, Some(&robot.client_id));
    }
    let robot = machine(server, "robot", SigningAlgorithm::Es256).await;
    let several = [("resource", "urn:example:music"), ("resource", API)];
    case("a token for several services", own_token(&robot, &several).await, Some("robot"));
    let good = own_token(&robot, &[("resource", API)]).await;
    case("a token for another service", own_token(&robot, &several[..1]).await, None);
    case("a token for the default service", own_token(&robot, &[]).await, None);
    case(
        "a token with another right",
        own_token(&robot, &[("resource", API), ("scope", "admin")]).await,
        None,
    );
    let ada = server.ada().await;
    let tokens = server.public_client("tv", "openid videos").await.connect(&ada, "openid videos").await;
    case("an ID token", tokens.string("id_token"), None);
    server.clock.advance(-700.0);
    case("an expired token", own_token(&robot, &[("resource", API)]).await, None);
    server.clock.advance(700.0);

    // One thing is wrong with each, and the tenant's own key says otherwise.
    let (header, claims) = (part(&good, 0), part(&good, 1));
    case("an honest token", signed(server, DEFAULT_TENANT, &header, &claims).await, Some("robot"));
    let now = server.clock.now().timestamp();
    for (what, member, value) in [
        ("another issuer", "iss", json!(acme_base)),
        ("the issuer with a slash", "iss", json!(format!("{}/", server.base))),
        ("no issuer", "iss", Value::Null),
        ("another audience", "aud", json!(format!("{API}admin"))),
        ("other audiences", "aud", json!(["urn:example:music", "tv"])),
        ("no audience", "aud", Value::Null),
        ("a past end", "exp", json!(now - 100)),
        ("no end", "exp", Value::Null),
        ("a beginning to come", "nbf", json!(now + 3600)),
        ("a longer right", "scope", json!("videos-and-more morevideos")),
        ("no right", "scope", Value::Null),
        ("a bound key", "cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    ] {
        let mut claims = claims.clone();
        set(&mut claims, member, value);
        case(&format!("a token with {what}"), signed(server, DEFAULT_TENANT, &header, &claims).await, None);
    }
    for (what, member, value) in [
        ("another type", "typ", json!("JWT")),
        ("no type", "typ", Value::Null),
        ("an unknown key", "kid", json!("unknown")),
        ("no algorithm", "alg", json!("none")),
        ("a symmetric algorithm", "alg", json!("HS256")),
        ("another algorithm", "alg", json!("RS256")),
    ] {
        let mut header = header.clone();
        set(&mut header, member, value);
        case(&format!("a token with {what}"), signed(server, DEFAULT_TENANT, &header, &claims).await, None);
    }
    case("a token signed by another tenant", signed(server, acme, &header, &claims).await, None);
    let (signed_part, signature) = good.rsplit_once('.').expect("three parts");
    case("a token without its signature", format!("{signed_part}."), None);
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    case("a token with a changed signature", format!("{signed_part}.{first}{}", &signature[1..]), None);
    case("a token with changed claims", good.replacen(".e", ".f", 1), None);
    for nothing in ["x", "a.b.c", "...."] {
        case("no token", nothing.to_owned(), None);
    }
    cases
}

/// A client that may get tokens of its own.
async fn machine(server: &TestServer, id: &str, algorithm: SigningAlgorithm) -> Device {
    server
        .client(id, "videos admin", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = vec![GrantType::ClientCredentials];
            client.signing_algorithm = Some(algorithm);
        })
        .await
}

async fn own_token(client: &Device, more: &[(&str, &str)]) -> String {
    let asked = [&[("grant_type", "client_credentials")], more].concat();
    client.token(&asked).await.string("access_token")
}

/// A part of a token: 0 is the header, 1 the claims.
fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

/// Sets a member, or takes it out.
fn set(object: &mut Value, member: &str, value: Value) {
    let object = object.as_object_mut().expect("an object");
    if value.is_null() {
        object.remove(member);
    } else {
        object.insert(member.to_owned(), value);
    }
}

/// A token with this content, whatever it says, signed by the tenant.
async fn signed(server: &TestServer, tenant: TenantId, header: &Value, claims: &Value) -> String {
    let key = signing_keys::signing(&server.app, tenant, SigningAlgorithm::Es256).await.expect("a key");
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let message =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    format!("{message}.{}", encode(&key.pair.sign(message.as_bytes()).expect("a signature")))
}

/// Insists that a verifier took what it must take and nothing else. It said one line for each token.
#[track_caller]
fn must_be_right(cases: &[Case], said: &[String]) {
    assert_eq!(said.len(), cases.len(), "{said:#?}");
    for (case, said) in cases.iter().zip(said) {
        match &case.taken_as {
            Some(subject) => assert_eq!(*said, format!("accepted {subject}"), "{}", case.what),
            None => assert!(said.starts_with("refused "), "{}: {said}", case.what),
        }
    }
}

#[tokio::test]
async fn the_verifier_in_rust_takes_good_tokens_and_no_others() {
    let server = TestServer::start().await;
    let cases = cases(&server).await;
    let verifier = AccessTokenVerifier::new(&server.base, API);
    let mut said = Vec::new();
    for case in &cases {
        said.push(match verifier.verify(&case.token, SCOPE).await {
            Ok(claims) => format!("accepted {}", claims["sub"].as_str().unwrap_or_default()),
            Err(error) => format!("refused {error}"),
        });
    }
    must_be_right(&cases, &said);
}

#[tokio::test]
async fn the_verifier_in_javascript_takes_good_tokens_and_no_others() {
    let Some(program) = programs::javascript().await else { return };
    let server = TestServer::start().await;
    let cases = cases(&server).await;
    must_be_right(&cases, &program.judge(&server.base, &cases).await);
}

#[tokio::test]
async fn the_verifier_in_python_takes_good_tokens_and_no_others() {
    let Some(program) = programs::python().await else { return };
    let server = TestServer::start().await;
    let cases = cases(&server).await;
    must_be_right(&cases, &program.judge(&server.base, &cases).await);
}

#[tokio::test]
async fn the_verifier_in_java_takes_good_tokens_and_no_others() {
    let Some(program) = programs::java().await else { return };
    let server = TestServer::start().await;
    let mut cases = cases(&server).await;
    // Its library verifies no such signatures.
    let by_eddsa = |case: &&mut Case| case.what == "a token by EdDSA";
    cases.iter_mut().find(by_eddsa).expect("the case is there").taken_as = None;
    must_be_right(&cases, &program.judge(&server.base, &cases).await);
}

#[test]
fn the_documents_show_these_verifiers() {
    let shown = include_str!("../../../docs/resource-servers.md");
    for (language, file) in [
        ("js", "verifier.mjs"),
        ("python", "verifier.py"),
        ("java", "AccessTokenVerifier.java"),
        ("rust", "verifier.rs"),
    ] {
        let path = Path::new(programs::SOURCES).join(file);
        let source = std::fs::read_to_string(path).expect("the file is there");
        assert!(
            shown.contains(&format!("```{language}\n{source}```\n")),
            "{file} differs from docs/resource-servers.md"
        );
    }
}
