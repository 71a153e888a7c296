use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;

fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes(),
    }
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "device_authorization_endpoint": "https://as.example/device",
        "token_endpoint": "https://as.example/token",
        "jwks_uri": "https://as.example/jwks",
    })
}

fn read_at(issuer: &str, body: &Value) -> Result<Metadata, DiscoveryError> {
    let [url, _] = well_known(issuer).unwrap();
    read(issuer, &url, &answer(200, body))
}

#[test]
fn the_well_known_part_goes_before_the_path_or_after_it() {
    for (issuer, first, second) in [
        (
            "https://h/t/acme",
            "https://h/.well-known/oauth-authorization-server/t/acme",
            "https://h/t/acme/.well-known/openid-configuration",
        ),
        (
            "https://h/t/acme/",
            "https://h/.well-known/oauth-authorization-server/t/acme",
            "https://h/t/acme/.well-known/openid-configuration",
        ),
        (
            "https://h",
            "https://h/.well-known/oauth-authorization-server",
            "https://h/.well-known/openid-configuration",
        ),
        (
            "http://127.0.0.1:8080/a%20b",
            "http://127.0.0.1:8080/.well-known/oauth-authorization-server/a%20b",
            "http://127.0.0.1:8080/a%20b/.well-known/openid-configuration",
        ),
    ] {
        assert_eq!(well_known(issuer).unwrap().map(String::from), [first, second]);
    }
}

#[test]
fn an_issuer_is_https_or_on_this_machine() {
    for good in ["http://localhost:1", "http://[::1]:1", "http://127.3.2.1", "https://example.com"] {
        assert!(well_known(good).is_ok(), "{good}");
    }
    for bad in [
        "http://example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "ftp://localhost",
        "example.com",
        "https://h/?a=b",
        "https://h/#f",
        "https://user@h",
    ] {
        assert!(matches!(well_known(bad), Err(DiscoveryError::Issuer { .. })), "{bad}");
    }
}

#[test]
fn only_a_slash_that_was_typed_on_top_is_forgiven() {
    assert!(read_at("https://h/t", &document("https://h/t")).is_ok());
    assert!(read_at("https://h/t/", &document("https://h/t")).is_ok());
    assert!(read_at("https://h/t/", &document("https://h/t/")).is_ok());
    for other in ["https://h/t/", "https://H/t", "https://h:443/t", "https://evil/t", "https://h"] {
        let error = read_at("https://h/t", &document(other)).unwrap_err();
        assert!(matches!(error, DiscoveryError::IssuerMismatch { .. }), "{other}");
        assert!(error.to_string().contains("not to https://h/t."), "{error}");
    }
}

#[test]
fn absent_grants_mean_the_default_of_rfc_8414() {
    let metadata = read_at("https://h", &document("https://h")).unwrap();
    assert_eq!(metadata.grant_types_supported, ["authorization_code", "implicit"]);
    assert_eq!(metadata.jwks_uri.unwrap().as_str(), "https://as.example/jwks");
}

#[test]
fn endpoints_are_as_protected_as_the_issuer() {
    let mut body = document("https://h");
    for endpoint in ["http://as.example/token", "http://127.0.0.1/token"] {
        body["token_endpoint"] = json!(endpoint);
        assert!(matches!(read_at("https://h", &body), Err(DiscoveryError::Unreadable { .. })), "{endpoint}");
    }
    body["issuer"] = json!("http://127.0.0.1");
    assert!(read_at("http://127.0.0.1", &body).is_ok());
}

#[test]
fn what_is_missing_is_said() {
    let mut body = document("https://h");
    body["device_authorization_endpoint"] = Value::Null;
    let error = read_at("https://h", &body).unwrap_err().to_string();
    assert_eq!(
        error,
        "https://h does not support the device flow: its metadata has no device_authorization_endpoint."
    );
    let [url, _] = well_known("https://h").unwrap();
    let error = read("https://h", &url, &answer(404, &Value::Null)).unwrap_err().to_string();
    assert!(error.starts_with("https://h publishes no authorization server metadata"), "{error}");
}
