//! What holds for every answer: RFC 9110, and the conventions of the HTTP surface.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::support::TestServer;
use crate::support::device::{Proof, send};
use crate::support::{Answer, Device};
use crate::tenant_isolation::operations;

const POSTED: [&str; 2] = ["/oauth/device-authorization", "/oauth/token"];
const READ: [&str; 4] = [
    "/oauth/jwks",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/oauth/device/qr",
];

async fn call(server: &TestServer, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    send(server.http.request(method, format!("{}{path}", server.base))).await
}

fn allowed(answer: &Answer) -> BTreeSet<String> {
    answer.header("allow").split(',').map(|method| method.trim().to_owned()).collect()
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = TestServer::start().await;
    let set = |methods: &[&str]| methods.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    for (paths, wrong, right) in [
        (&POSTED[..], &["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"][..], set(&["POST"])),
        (&READ[..], &["POST", "PUT", "PATCH", "DELETE", "TRACE"], set(&["GET", "HEAD"])),
        (&["/device", "/sign-in"], &["PUT", "DELETE", "TRACE"], set(&["GET", "HEAD", "POST"])),
        (&["/sign-out"], &["GET", "HEAD", "PUT"], set(&["POST"])),
    ] {
        for path in paths {
            for method in wrong {
                // RFC 9110 §15.5.6
                let answer = call(&server, method, path).await;
                assert_eq!(answer.status, 405, "{method} {path} {answer:?}");
                assert_eq!(allowed(&answer), right, "{method} {path}");
                if path.contains("/oauth") && *method != "HEAD" {
                    answer.must_be_an_oauth_body();
                }
            }
        }
    }
}

/// Every path with the methods that it has: those of the API's description, and those of the pages by their source.
fn every_path(document: &serde_json::Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut paths = BTreeMap::<String, BTreeSet<String>>::new();
    for operation in operations(document) {
        paths.entry(operation.path).or_default().insert(operation.method.to_string());
    }
    for file in rust_files(Path::new("src/http")) {
        let text = std::fs::read_to_string(&file).expect("text");
        for route in text.split(".route(\"").skip(1) {
            let (path, rest) = route.split_once('"').expect("the end of the path");
            let handlers = rest.split(".route(").next().unwrap_or_default();
            let handlers = handlers.split([';', '}']).next().unwrap_or_default();
            let methods = ["get", "post", "put", "patch", "delete"].into_iter();
            let methods = methods.filter(|method| handlers.contains(&format!("{method}(")));
            // The operations listener has it.
            if path != "/metrics" {
                paths.entry(path.to_owned()).or_default().extend(methods.map(str::to_uppercase));
            }
        }
    }
    for methods in paths.values_mut().filter(|methods| methods.contains("GET")) {
        methods.insert("HEAD".to_owned());
    }
    paths
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(is_rust).chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

#[tokio::test]
async fn every_path_refuses_foreign_methods_with_allow_in_its_own_shape() {
    let server = TestServer::start().await;
    let paths = every_path(&server.get("/openapi.json").await.json);
    assert!(paths.len() > 90 && paths.contains_key("/docs") && paths.contains_key("/device"), "{paths:?}");
    for (path, methods) in paths {
        let asked = path.replace(['{', '}'], "");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "PROPFIND"] {
            if methods.contains(method) {
                continue;
            }
            // RFC 9110 §15.5.6
            let answer = call(&server, method, &asked).await;
            assert_eq!(answer.status, 405, "{method} {path} {answer:?}");
            assert_eq!(allowed(&answer), methods, "{method} {path}");
            let is_rest =
                ["/devices", "/admin/", "/account/oauth/"].iter().any(|start| path.starts_with(start));
            let is_oauth = ["/oauth/", "/.well-known/", "/health/", "/openapi.json"];
            if method == "HEAD" {
                assert_eq!(answer.text, "", "{method} {path}");
            } else if is_rest {
                assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
                assert_eq!(answer.json["status"], 405, "{method} {path}");
            } else if is_oauth.iter().any(|start| path.starts_with(start)) {
                answer.must_be_an_oauth_body();
            } else {
                assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_endpoint_for_programs_answers_below_api_and_api_v1_as_well() {
    let server = TestServer::start().await;
    let document = server.get("/openapi.json").await.json;
    for operation in operations(&document) {
        if operation.path.starts_with("/.well-known/") {
            continue;
        }
        let asked = operation.path.replace(['{', '}'], "");
        let method = operation.method.as_str();
        let plain = call(&server, method, &asked).await;
        for prefix in ["/api", "/api/v1"] {
            let prefixed = call(&server, method, &format!("{prefix}{asked}")).await;
            assert_eq!(prefixed.status, plain.status, "{method} {prefix}{asked} {prefixed:?}");
            assert_eq!(prefixed.error(), plain.error(), "{method} {prefix}{asked}");
        }
    }
}

#[tokio::test]
async fn an_unknown_address_is_not_found_in_the_shape_of_its_neighbours() {
    let server = TestServer::start().await;
    for path in [
        "/oauth/nothing",
        "/t/NOBODY/oauth/token",
        "/t/a_b/oauth/jwks",
        "/oauth/token/x",
        "/.well-known/nothing",
        "/api/v1/oauth/nothing",
        "/api/v1/device",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = call(&server, method, path).await;
            assert_eq!(answer.status, 404, "{method} {path} {answer:?}");
            answer.must_be_an_oauth_body();
        }
    }
    for path in ["/nothing", "/device/nothing", "/%00", "/..%2f..%2fetc/passwd", "/device%2f"] {
        let answer = call(&server, "GET", path).await;
        assert_eq!(answer.status, 404, "{path} {answer:?}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn every_spelling_of_an_address_reaches_the_same_place_without_a_redirect() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let (acme, acme_base) = server.tenant("acme").await;
    server.tv().await;
    server.client_of(acme, &acme_base, "tv", "openid", |_| ()).await;
    for prefix in ["", "/api", "/api/v1", "/t/acme", "/t/acme/api", "/t/acme/api/v1"] {
        let device = Device::new(server.http.clone(), &format!("{}{prefix}", server.base), "tv", Proof::None);
        for path in [
            "/oauth/device-authorization",
            "/oauth/device-authorization/",
            "/oauth/device_authorization",
            "/oauth/device_authorization/",
        ] {
            let answer = device.post(path, &[]).await;
            assert_eq!(answer.status, 200, "{prefix}{path} {answer:?}");
            let code = answer.string("device_code");
            device.poll_code(&code, &[]).await.must_be_error("authorization_pending");
        }
        let slash =
            device.post("/oauth/token/", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
        slash.must_be_error("invalid_grant");
        assert_eq!(server.get(&format!("{prefix}/oauth/jwks/")).await.status, 200);
    }
    assert_eq!(server.get("/device/").await.status, 200);
    assert_eq!(
        server.get("/device/qr?user_code=BDJW-DSXQ").await.header("content-type"),
        "image/svg+xml; charset=utf-8"
    );
}

#[tokio::test]
async fn every_answer_has_a_name_of_its_own_and_says_what_it_is() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let large = "x".repeat(40_000);
    let answers = [
        tv.ask(&[]).await,
        tv.ask(&[("scope", "nonsense")]).await,
        tv.ask(&[("x", &large)]).await,
        call(&server, "GET", "/oauth/token").await,
        call(&server, "GET", "/oauth/nothing").await,
        call(&server, "GET", "/t/NOBODY/device").await,
        call(&server, "GET", "/device").await,
        call(&server, "GET", "/nothing").await,
        call(&server, "GET", "/oauth/jwks").await,
        call(&server, "GET", "/health/live").await,
        call(&server, "GET", "/openapi.json").await,
        call(&server, "OPTIONS", "/oauth/token").await,
    ];
    let names: BTreeSet<_> = answers.iter().map(|answer| answer.header("x-request-id").to_owned()).collect();
    assert_eq!(names.len(), answers.len(), "{names:?}");
    assert!(!names.contains(""));
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        assert!(answer.text.is_empty() || !answer.header("content-type").is_empty(), "{answer:?}");
        // Who runs what version is nobody's business.
        for header in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.header(header), "", "{answer:?}");
        }
        // Neither is it the caller's to say that TLS is used.
        assert_eq!(answer.header("strict-transport-security"), "", "{answer:?}");
    }
}

#[tokio::test]
async fn a_request_cannot_choose_its_name() {
    let server = TestServer::start().await;
    let request = server.http.get(format!("{}/device", server.base)).header("x-request-id", "chosen");
    assert_ne!(send(request).await.header("x-request-id"), "chosen");
}

#[tokio::test]
async fn a_service_reached_by_https_says_so_on_every_answer() {
    for (include_subdomains, expected) in
        [(false, "max-age=63072000"), (true, "max-age=63072000; includeSubDomains")]
    {
        let server = TestServer::with(|config| {
            config.server.public_url = "https://login.example.org".parse().ok();
            config.server.hsts_include_subdomains = include_subdomains;
        })
        .await;
        for (method, path) in [
            ("GET", "/device"),
            ("GET", "/oauth/jwks"),
            ("POST", "/oauth/token"),
            ("GET", "/oauth/token"),
            ("GET", "/nothing"),
            ("OPTIONS", "/oauth/token"),
        ] {
            let answer = call(&server, method, path).await;
            assert_eq!(answer.header("strict-transport-security"), expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_request_that_came_in_the_clear_is_refused_and_only_a_page_redirects() {
    let server = TestServer::with(|config| {
        config.server.public_url = "https://login.example.org".parse().ok();
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    server.tv().await;
    let ask = |method: Method, path: &str, proto: &str| {
        let request = server.http.request(method, format!("{}{path}", server.base));
        send(request.header("x-forwarded-proto", proto.to_owned()).form(&[("client_id", "tv")]))
    };
    for path in ["/oauth/device-authorization", "/oauth/token", "/api/v1/oauth/token", "/oauth/jwks"] {
        ask(Method::POST, path, "http").await.must_be_error("invalid_request");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
    let page = ask(Method::GET, "/device", "http").await;
    assert_eq!((page.status.as_u16(), page.header("location")), (303, "https://login.example.org/device"));
    assert_eq!(ask(Method::POST, "/oauth/device-authorization", "https").await.status, 200);
}

#[tokio::test]
async fn nothing_with_a_code_or_a_token_is_kept_on_the_way() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    for answer in [
        tv.ask(&[]).await,
        tv.poll(&started).await,
        tv.poll(&started).await,
        tv.ask(&[("scope", "nonsense")]).await,
        server.get(&format!("/device/qr?user_code={}", started.user_code)).await,
        server.get("/device").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body_and_changes_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let qr = format!("/device/qr?user_code={}", started.user_code);
    for path in ["/oauth/jwks", "/device", "/health/live", "/openapi.json", &qr] {
        let (get, head) = (call(&server, "GET", path).await, call(&server, "HEAD", path).await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    ada.open(&started.user_code).await;
    let complete = started.verification_uri_complete.clone();
    for request in [ada.browser().head(&complete), ada.browser().get(&complete)] {
        send(request).await;
    }
    assert_eq!(server.count("SELECT opened_count::bigint FROM device_authorizations").await, 1);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn the_description_of_the_api_names_the_operations_clients_are_made_from() {
    let server = TestServer::start().await;
    let document = server.get("/openapi.json").await.json;
    assert_eq!(document["info"]["title"], "Latchkey");
    for (path, method, operation) in [
        ("/oauth/device-authorization", "post", "v1_oauth_device_authorization_create"),
        ("/oauth/token", "post", "v1_oauth_token_create"),
        ("/oauth/introspect", "post", "v1_oauth_introspect_create"),
        ("/oauth/revoke", "post", "v1_oauth_revoke_create"),
        ("/oauth/userinfo", "get", "v1_oauth_userinfo_show"),
        ("/oauth/jwks", "get", "v1_oauth_jwks_show"),
    ] {
        assert_eq!(document["paths"][path][method]["operationId"], operation, "{path}");
    }
    for (name, scheme) in [("client", "basic"), ("access_token", "bearer")] {
        assert_eq!(document["components"]["securitySchemes"][name]["scheme"], scheme);
    }
    for schema in ["DeviceAuthorizationRequest", "DeviceAuthorizationResponse", "DeviceTokenRequest"] {
        assert!(document["components"]["schemas"].get(schema).is_some(), "{schema}");
    }
}
