//! `latchkey admin`

use std::process::Command;

use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::json;

use super::process::{DataDir, SharedDatabase, json_of, refusal, run, run_json, run_with_line};
use crate::support::device::Proof;
use crate::support::signer::ClientKey;
use crate::support::{Device, plain};

const CREATE_TV: [&str; 7] = ["admin", "create-client", "--id", "tv", "--grant", "device_code", "--json"];

#[test]
fn clients_are_made_without_a_server() {
    let data = DataDir::with_cluster();

    let public = run_json(data.latchkey(&CREATE_TV));
    assert_eq!(public, json!({"client_id": "tv"}));

    let confidential = run_json(data.latchkey(&[
        "admin",
        "create-client",
        "--id",
        "kiosk",
        "--confidential",
        "--grant",
        "device_code",
        "--json",
    ]));
    assert_eq!(confidential["client_id"], "kiosk");
    assert!(confidential["client_secret"].as_str().expect("a secret").starts_with("lks_"));

    assert!(data.postmaster().is_none(), "the database stops with the command that started it");
}

#[test]
fn everything_is_made_while_a_server_runs() {
    let data = DataDir::with_cluster();
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
    assert_eq!(String::from_utf8_lossy(&client.stdout), "Created client tv\n", "{client:?}");

    let said = refusal(data.latchkey(&CREATE_TV));
    assert!(said.starts_with("latchkey: "), "{said}");
    let said = refusal(data.latchkey(&[
        "admin",
        "create-client",
        "--id",
        "radio",
        "--grant",
        "device_code",
        "--scope",
        "music",
    ]));
    assert!(said.contains("latchkey admin create-scope music"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-resource", uri]));
    assert!(said.contains("already"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-resource", "https://videos.example.org/#top"]));
    assert!(said.contains("without fragment"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-client", "--id", "radio", "--scope", "openid"]));
    assert!(said.contains("add --grant device_code") && said.contains("--introspects"), "{said}");
    let said = refusal(data.latchkey(&["admin", "create-scope", "music", "--role", "admni"]));
    assert!(said.contains("role admni is unknown; did you mean admin?"), "{said}");
    for unknown in [r#"{"approval":{"rulez":{}}}"#, r#"{"approval":{"rulez":null}}"#] {
        let said = refusal(data.latchkey(&["admin", "set-policy", unknown]));
        assert!(said.contains("unknown policy member approval.rulez"), "{said}");
    }
    let create_user = ["admin", "create-user", "bob", "--role", "admni", "--password-stdin"];
    let output = run_with_line(data.latchkey(&create_user), "correct horse battery staple");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("role admni is unknown; known roles are admin, auditor"), "{said}");
    let public = ["admin", "create-client", "--id", "radio", "--grant", "client_credentials"];
    let said = refusal(data.latchkey(&public));
    assert!(said.contains("only a confidential client"), "{said}");
}

#[test]
fn a_secret_is_exchanged_and_the_old_one_retired() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    let made = run_json(data.latchkey(&[
        "admin",
        "create-client",
        "--id",
        "kiosk",
        "--confidential",
        "--grant",
        "device_code",
        "--json",
    ]));
    let rotated = run_json(data.latchkey(&["admin", "rotate-secret", "kiosk", "--json"]));
    assert!(rotated["client_secret"].as_str().expect("a secret").starts_with("lks_"));
    assert_ne!(made["client_secret"], rotated["client_secret"]);
    run_json(data.latchkey(&["admin", "retire-secret", "kiosk", "--json"]));
    let said = refusal(data.latchkey(&["admin", "retire-secret", "kiosk"]));
    assert!(said.contains("no previous secret"), "{said}");
    let said = refusal(data.latchkey(&["admin", "rotate-secret", "nobody"]));
    assert!(said.contains("client not found"), "{said}");
}

#[test]
fn a_client_is_registered_by_its_public_keys() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    let jwks = data.path().join("robot.jwks.json");
    let key = ClientKey::generate(SigningAlgorithm::EdDsa);
    std::fs::write(&jwks, key.jwks().to_string()).expect("a file");
    let file = jwks.to_str().expect("a path");
    let create = [
        "admin",
        "create-client",
        "--id",
        "robot",
        "--auth-method",
        "private_key_jwt",
        "--json",
        "--grant",
        "device_code",
    ];
    let said = refusal(data.latchkey(&create));
    assert!(said.contains("jwks or jwks_uri"), "{said}");
    run_json(data.latchkey(
        &[&create[..], &["--jwks", file, "--dpop-bound", "--introspects", "https://api"]].concat(),
    ));
    let set_keys = ["admin", "set-client-keys", "robot", "--json", "--jwks-uri"];
    run_json(data.latchkey(&[&set_keys[..], &["https://robot.example.org/jwks.json"]].concat()));
    let said = refusal(data.latchkey(&[&set_keys[..], &["http://robot.example.org/jwks.json"]].concat()));
    assert!(said.contains("https"), "{said}");
}

#[test]
fn a_policy_is_set_for_a_tenant_and_otherwise_for_a_client() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    run_json(data.latchkey(&CREATE_TV));
    let trust = |arguments: &[&str]| {
        let set = [&["admin", "set-policy", "--json"][..], arguments].concat();
        run_json(data.latchkey(&set))["policy"]["trust"].clone()
    };
    let usual = trust(&["{}"]);
    let of_tenant = trust(&[r#"{"trust": {"allowed": "never", "idle_seconds": 7200}}"#]);
    assert_eq!((&of_tenant["allowed"], &of_tenant["idle_seconds"]), (&"never".into(), &7200.into()));
    assert_eq!(of_tenant["absolute_seconds"], usual["absolute_seconds"]);
    assert_eq!(trust(&[r#"{"approval": {"mode": "report_only"}}"#]), of_tenant, "the rest stays");
    let of_client = trust(&["--client", "tv", r#"{"trust": {"allowed": null, "absolute_seconds": 9000}}"#]);
    assert_eq!((&of_client["allowed"], &of_client["idle_seconds"]), (&usual["allowed"], &7200.into()));

    let refused =
        |arguments: &[&str]| refusal(data.latchkey(&[&["admin", "set-policy"][..], arguments].concat()));
    let said = refused(&[r#"{"trust": {"forever": true}}"#]);
    assert!(said.contains("forever"), "{said}");
    let said = refused(&[r#"{"trust": {"idle_seconds": 10000}}"#]);
    assert!(said.contains("client tv"), "{said}");
    assert!(refused(&["--client", "nobody", "{}"]).contains("client nobody not found"));
    assert_eq!(trust(&["--client", "tv", "{}"]), of_client);
    assert_eq!(trust(&["--client", "tv", "--replace", "{}"]), of_tenant);
    assert_eq!(trust(&["--replace", "{}"]), usual);
}

#[test]
fn a_policy_change_is_shown_with_its_origin() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    let said = |command: Command| {
        let output = run(command);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let set = |changes: &str| said(data.latchkey(&["admin", "set-policy", changes]));
    let changes = r#"{"approval": {"mode": "report_only", "far_km": 50}}"#;
    assert_eq!(
        set(changes),
        "Changed the policy of the tenant\n  approval.far_km: 1000 -> 50\n  \
         approval.mode: \"enforce\" -> \"report_only\"\n"
    );
    assert_eq!(set(changes), "The policy of the tenant is unchanged\n");
    let mut show = data.latchkey(&["admin", "show-policy"]);
    show.env("LATCHKEY__POLICY__TRUST__IDLE_SECONDS", "86400");
    let shown = said(show);
    let of = |name: &str| {
        let line =
            shown.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name} in {shown}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("approval.far_km"), ["tenant", "approval.far_km", "50"]);
    assert_eq!(of("trust.idle_seconds"), ["settings", "trust.idle_seconds", "86400"]);
    assert_eq!(of("approval.old_code_seconds"), ["default", "approval.old_code_seconds", "480"]);
}

#[test]
fn nothing_is_deleted_without_a_yes() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    run_json(data.latchkey(&["admin", "create-client", "--id", "tv", "--grant", "device_code", "--json"]));
    for what in [
        &["delete-client", "tv"][..],
        &["delete-user", "ada"],
        &["delete-tenant", "acme"],
        &["delete-webhook", "01a203f6-2b3d-769b-b16c-0881286f221f"],
    ] {
        let said = refusal(data.latchkey(&[&["admin"], what].concat()));
        assert!(said.contains(what[1]) && said.ends_with("run again with --yes"), "{said}");
        // An answer that nobody typed is none.
        let output = run_with_line(data.latchkey(&[&["admin"], what].concat()), "yes");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    run_json(data.latchkey(&["admin", "set-client", "tv", "disabled", "--json"]));
    run_json(data.latchkey(&["admin", "delete-client", "tv", "--yes", "--json"]));
    assert!(refusal(data.latchkey(&["admin", "set-client", "tv", "enabled"])).contains("client not found"));
}

#[test]
fn tokens_users_clients_and_tenants_are_ended_while_a_server_runs() {
    let data = DataDir::with_cluster();
    let _server = data.serve();
    run_json(data.latchkey(&["admin", "create-tenant", "acme", "--json"]));

    let every = run_json(data.latchkey(&["admin", "tokens-not-before", "--every-tenant", "--json"]));
    assert_eq!(every["tenants"], 2);
    assert!(every["tokens_not_before"].is_string(), "{every}");
    // It is never lowered.
    let earlier =
        ["admin", "tokens-not-before", "--tenant", "acme", "--at", "2026-01-15T10:20:00Z", "--json"];
    assert_eq!(run_json(data.latchkey(&earlier))["tokens_not_before"], every["tokens_not_before"]);

    for wrong in [
        &["admin", "tokens-not-before", "--at", "2999-01-15T10:20:00Z"][..],
        &["admin", "tokens-not-before", "--user", "nobody"],
        &["admin", "tokens-not-before", "--client", "nobody"],
        &["admin", "delete-tenant", "acme", "--yes"],
        &["admin", "revoke-user", "nobody"],
        &["admin", "delete-user", "nobody", "--yes"],
        &["admin", "reset-second-factor", "--username", "nobody"],
        &["admin", "delete-client", "nobody", "--yes"],
    ] {
        refusal(data.latchkey(wrong));
    }

    run_json(data.latchkey(&["admin", "set-tenant", "acme", "disabled", "--json"]));
    run_json(data.latchkey(&["admin", "delete-tenant", "acme", "--yes", "--json"]));
    refusal(data.latchkey(&["admin", "set-tenant", "acme", "enabled"]));
}

#[tokio::test]
async fn what_a_command_refuses_is_in_the_figures_when_it_ends() {
    let database = SharedDatabase::new().await;
    let server = database.serve_with(&[]);
    let create = [&CREATE_TV[..], &["--scope", "openid"]].concat();
    run_json(database.latchkey(&create));
    let tv = Device::new(plain::client(), &server.base, "tv", Proof::None);
    for _ in 0..2 {
        tv.start("openid").await;
    }
    let revoke = |more: &[&'static str]| {
        let revoke = [&["admin", "revoke-campaign", "--source", "127.0.0.1", "--json"], more].concat();
        run_json(database.latchkey(&revoke))["codes"].clone()
    };
    let counted = "SELECT coalesce(sum(denials), 0)::bigint FROM activity WHERE minutes = 60";
    assert_eq!(revoke(&["--dry-run"]), 2);
    assert_eq!(database.row::<(i64,)>(counted).await, (0,));
    assert_eq!(revoke(&[]), 2);
    assert_eq!(database.row::<(i64,)>(counted).await, (2,));
}
