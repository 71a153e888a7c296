//! `latchkey admin`

use serde_json::json;

use super::process::{DataDir, json_of, refusal, run, run_json, run_with_line};

const CREATE_TV: [&str; 7] = ["admin", "create-client", "--id", "tv", "--grant", "device_code", "--json"];

#[test]
fn clients_are_made_without_a_server() {
    let data = DataDir::new();

    let public = run_json(data.latchkey(&CREATE_TV));
    assert_eq!(public, json!({"client_id": "tv"}));

    let confidential =
        run_json(data.latchkey(&["admin", "create-client", "--id", "kiosk", "--confidential", "--json"]));
    assert_eq!(confidential["client_id"], "kiosk");
    assert!(confidential["client_secret"].as_str().expect("a secret").starts_with("lks_"));

    assert!(data.postmaster().is_none(), "the database stops with the command that started it");
}

#[test]
fn everything_is_made_while_a_server_runs() {
    let data = DataDir::new();
    let _server = data.serve();

    let create_user = data.latchkey(&["admin", "create-user", "ada", "--password-stdin", "--json"]);
    assert_eq!(json_of(&run_with_line(create_user, "correct horse battery staple"))["username"], "ada");
    let scope = run_json(data.latchkey(&["admin", "create-scope", "videos", "--json"]));
    assert_eq!(scope, json!({"name": "videos"}));
    let uri = "https://videos.example.org/";
    let resource =
        run_json(data.latchkey(&["admin", "create-resource", uri, "--name", "Your videos", "--json"]));
    assert_eq!(resource, json!({"uri": uri}));
    let robot =
        ["admin", "create-client", "--id", "robot", "--grant", "client_credentials", "--scope", "admin"];
    let confidential = run_json(data.latchkey(&[&robot[..], &["--confidential", "--json"]].concat()));
    assert_eq!(confidential["client_id"], "robot");
    let tenant = run_json(data.latchkey(&["admin", "create-tenant", "acme", "--json"]));
    assert_eq!(tenant["slug"], "acme");
    let client = run(data.latchkey(&["admin", "create-client", "--id", "tv", "--grant", "device_code"]));
    assert_eq!(String::from_utf8_lossy(&client.stdout), "client tv\n", "{client:?}");

    let said = refusal(data.latchkey(&CREATE_TV));
    assert!(said.starts_with("latchkey: "), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-client", "--id", "radio", "--scope", "music"]));
    assert!(said.contains("latchkey admin create-scope music"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-resource", uri]));
    assert!(said.contains("already"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-resource", "https://videos.example.org/#top"]));
    assert!(said.contains("without fragment"), "{said}");
    let public = ["admin", "create-client", "--id", "radio", "--grant", "client_credentials"];
    let said = refusal(data.latchkey(&public));
    assert!(said.contains("only a confidential client"), "{said}");
}
