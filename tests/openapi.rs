//! The committed `openapi/openapi.json` is what the program says of itself, and keeps the names that others
//! generate code from.

use latchkey::http::openapi;
use serde_json::Value;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");

fn committed() -> String {
    std::fs::read_to_string(COMMITTED).expect("openapi/openapi.json can be read")
}

fn document() -> Value {
    serde_json::from_str(&committed()).expect("openapi/openapi.json is JSON")
}

#[test]
fn the_committed_document_is_up_to_date() {
    let current = openapi::document().to_pretty_json().expect("the document is written");
    assert!(
        committed() == format!("{current}\n"),
        "openapi/openapi.json is out of date; renew it with: cargo run -- openapi > openapi/openapi.json"
    );
}

#[test]
fn the_operations_keep_their_names() {
    let document = document();
    for (path, operation_id) in [
        ("/oauth/device-authorization", "v1_oauth_device_authorization_create"),
        ("/oauth/token", "v1_oauth_token_create"),
    ] {
        let operation = &document["paths"][path]["post"];
        assert_eq!(operation["operationId"], operation_id, "{path}");
        assert_eq!(operation["tags"], serde_json::json!(["OAuth Device Flow"]), "{path}");
    }
}

#[test]
fn the_schemas_keep_their_names() {
    let document = document();
    for name in ["DeviceAuthorizationRequest", "DeviceAuthorizationResponse", "DeviceTokenRequest"] {
        assert!(document["components"]["schemas"][name]["properties"].is_object(), "{name}");
    }
}

#[test]
fn every_operation_id_is_given_once() {
    let document = document();
    let mut ids: Vec<&str> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|path| path.as_object().expect("operations").values())
        .map(|operation| operation["operationId"].as_str().expect("an operationId"))
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
