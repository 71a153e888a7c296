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

/// What is done to what every operation is about, as its name ends.
const VERBS: [&str; 16] = [
    "list",
    "show",
    "create",
    "update",
    "replace",
    "delete",
    "delete_all",
    "delete_second_factor",
    "deny",
    "lock",
    "reset_password",
    "retire",
    "revoke",
    "rotate",
    "sign_out",
    "unlock",
];

#[test]
fn operations_are_named_in_one_way() {
    let document = document();
    let mut checked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an operationId");
            let about_it = |verb: &&str| id.strip_suffix(verb).is_some_and(|rest| rest.ends_with('_'));
            assert!(id.starts_with("v1_") && VERBS.iter().any(about_it) || id.ends_with("_to_form"), "{id}");
            let may_end_in: &[&str] = match method.as_str() {
                "get" => &["_list", "_show"],
                "patch" => &["_update"],
                "put" => &["_replace"],
                "delete" => &["_delete", "_delete_all", "_delete_second_factor", "_retire"],
                _ => continue,
            };
            assert!(may_end_in.iter().any(|end| id.ends_with(end)), "{method} {path}: {id}");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} operations");
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
