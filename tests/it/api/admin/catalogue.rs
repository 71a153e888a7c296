use reqwest::Method;
use serde_json::json;

use super::Office;
use crate::support::device::send;

#[tokio::test]
async fn a_scope_is_made_changed_and_taken_from_clients_and_devices() {
    let office = Office::build().await;
    let new = json!({"name": "videos", "description": "See your videos"});
    assert_eq!(office.tell(Method::POST, "/admin/scopes", &new.clone()).await.status, 201);
    assert_eq!(office.tell(Method::POST, "/admin/scopes", &new).await.error(), "scope_name_taken");
    let player = office.server.public_client("player", "openid videos offline_access").await;
    let ada = office.server.ada().await;
    let tokens = player.connect(&ada, "openid videos offline_access").await;
    let changed = office
        .tell_version(Method::PATCH, "/admin/scopes/videos", &json!({"required_role": "editor"}), "\"1\"")
        .await;
    assert_eq!(
        (changed.status.as_u16(), &changed.json["required_role"]),
        (200, &json!("editor")),
        "{changed:?}"
    );
    let stale = office.tell_version(Method::PATCH, "/admin/scopes/videos", &json!({}), "\"1\"").await;
    assert_eq!(stale.status, 412);
    let narrowed = player.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(narrowed.string("scope"), "offline_access openid");
    assert_eq!(office.ask(Method::DELETE, "/admin/scopes/videos").await.status, 204);
    let client = office.ask(Method::GET, "/admin/oauth/clients/player").await;
    assert_eq!(client.json["scopes"], json!(["offline_access", "openid"]));
    assert_eq!(office.ask(Method::DELETE, "/admin/scopes/videos").await.status, 404);
    assert_eq!(office.ask(Method::DELETE, "/admin/scopes/openid").await.error(), "scope_is_standard");
    let misspelled = json!({"name": "audio", "description": "Hear it", "required_role": "admni"});
    assert_eq!(office.tell(Method::POST, "/admin/scopes", &misspelled).await.status, 422);
    let anyone = office.tell(Method::PATCH, "/admin/scopes/admin", &json!({"required_role": null})).await;
    assert_eq!(anyone.status, 422);
}

#[tokio::test]
async fn a_scope_says_what_it_asks_of_devices() {
    let office = Office::build().await;
    let path = "/admin/scopes/payments";
    let new = json!({"name": "payments", "description": "Pay", "requires_dpop": true, "max_lifetime_seconds": 3600});
    let made = office.tell(Method::POST, "/admin/scopes", &new).await;
    assert_eq!(
        (&made.json["requires_dpop"], &made.json["max_lifetime_seconds"]),
        (&json!(true), &json!(3600))
    );
    let longer = office.tell(Method::PATCH, path, &json!({"max_lifetime_seconds": 86_400})).await;
    assert_eq!(
        (&longer.json["requires_dpop"], &longer.json["max_lifetime_seconds"]),
        (&json!(true), &json!(86_400))
    );
    let free = json!({"requires_dpop": false, "max_lifetime_seconds": null});
    let free = office.tell(Method::PATCH, path, &free).await;
    assert_eq!(
        (&free.json["requires_dpop"], &free.json["max_lifetime_seconds"]),
        (&json!(false), &json!(null))
    );
    for wrong in [json!(59), json!(0), json!(315_360_001), json!(-1), json!("day")] {
        let refused = office.tell(Method::PATCH, path, &json!({"max_lifetime_seconds": wrong})).await;
        assert_eq!(refused.status, 422, "{refused:?}");
    }
    let audited = "SELECT count(*) FROM audit_events WHERE action = 'scope.changed'
                   AND details -> 'before' ->> 'requires_dpop' = 'true'";
    assert_eq!(office.server.count(audited).await, 1);
}

#[tokio::test]
async fn a_resource_is_made_renamed_and_forgotten() {
    let office = Office::build().await;
    let made = office.tell(Method::POST, "/admin/resources", &json!({"uri": "https://api.example/v"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/admin/resources/{}", made.string("id"));
    let renamed = office.tell(Method::PATCH, &path, &json!({"name": "Videos"})).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json["name"]), (200, &json!("Videos")));
    let twice = office.tell(Method::POST, "/admin/resources", &json!({"uri": "https://api.example/v"})).await;
    assert_eq!(twice.error(), "resource_uri_taken");
    assert_eq!(office.tell(Method::POST, "/admin/resources", &json!({"uri": "/v"})).await.status, 422);
    assert_eq!(office.ask(Method::DELETE, &path).await.status, 204);
    assert_eq!(office.ask(Method::DELETE, &path).await.status, 404);
    assert_eq!(office.ask(Method::DELETE, "/admin/resources/x").await.status, 404);
}

#[tokio::test]
async fn keys_are_rotated_and_removed_with_a_fresh_sign_in_only() {
    let office = Office::build().await;
    let keys = office.ask(Method::GET, "/admin/signing-keys").await;
    assert_eq!(keys.json.as_array().unwrap().len(), 3, "{keys:?}");
    assert_eq!(
        (&keys.json[0]["state"], &keys.json[0]["next"]["step"]),
        (&json!("signing"), &json!("succession"))
    );
    let announced =
        office.tell(Method::POST, "/admin/signing-keys/rotate", &json!({"algorithm": "EdDSA"})).await;
    assert_eq!(announced.json[0]["state"], "announced", "{announced:?}");
    assert_eq!(
        office.tell(Method::POST, "/admin/signing-keys/rotate", &json!({"algorithm": "X"})).await.status,
        422
    );
    let path = format!("/admin/signing-keys/{}", announced.json[0]["kid"].as_str().unwrap());

    let grace = office.server.person("grace", &["admin"]).await;
    grace.sign_in().await;
    let list = format!("{}/admin/signing-keys", office.server.base);
    let shown = grace.fetch(list).send().await.expect("the server answers");
    let csrf = shown.headers()["x-csrf-token"].clone();
    office.server.clock.advance(901.0);
    let remove = grace.browser().delete(format!("{}{path}", office.server.base)).header("x-csrf-token", csrf);
    let refused = send(remove).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "fresh_sign_in_required"), "{refused:?}");
    let by_token = office.ask_with(Method::DELETE, &path, &office.admin).await;
    assert_eq!((by_token.status.as_u16(), by_token.error()), (403, "fresh_sign_in_required"), "{by_token:?}");
    grace.sign_in().await;
    let list = format!("{}/admin/signing-keys", office.server.base);
    let shown = grace.fetch(list).send().await.expect("the server answers");
    let csrf = shown.headers()["x-csrf-token"].clone();
    let remove = || {
        grace.browser().delete(format!("{}{path}", office.server.base)).header("x-csrf-token", csrf.clone())
    };
    assert_eq!(send(remove()).await.status, 204);
    assert_eq!(send(remove()).await.status, 404);
}

#[tokio::test]
async fn tenants_are_administered_from_the_default_one_alone() {
    let office = Office::build().await;
    let made =
        office.tell(Method::POST, "/admin/tenants", &json!({"slug": "acme", "name": "Acme Ltd"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        office.tell(Method::POST, "/admin/tenants", &json!({"slug": "acme"})).await.error(),
        "tenant_slug_taken"
    );
    assert_eq!(office.tell(Method::POST, "/admin/tenants", &json!({"slug": "A"})).await.status, 422);
    assert_eq!(office.ask(Method::GET, "/admin/tenants").await.header("x-total-count"), "2");
    assert_eq!(office.ask(Method::DELETE, "/admin/tenants/acme").await.error(), "tenant_is_enabled");
    let off = office.tell(Method::PATCH, "/admin/tenants/acme", &json!({"enabled": false})).await;
    assert_eq!((off.status.as_u16(), &off.json["enabled"]), (200, &json!(false)));
    assert_eq!(
        office.tell(Method::PATCH, "/admin/tenants/-", &json!({"enabled": false})).await.error(),
        "tenant_is_default"
    );
    let policy =
        office.tell(Method::PUT, "/admin/tenants/-/policy", &json!({"trust": {"allowed": "never"}})).await;
    assert_eq!(policy.json["policy"]["effective"]["trust"]["allowed"], "never", "{policy:?}");
    assert_eq!(office.ask(Method::DELETE, "/admin/tenants/acme").await.status, 204);
    assert_eq!(office.ask(Method::GET, "/admin/tenants/acme").await.status, 404);

    let (beta, base) = office.server.tenant("beta").await;
    let console = office.server.client_of(beta, &base, "console", "openid admin", |_| ()).await;
    let boss = office.server.person_of(beta, &base, "boss", &["admin"]).await;
    let token = console.connect(&boss, "openid admin").await;
    assert_eq!(office.ask_with(Method::GET, "/t/beta/admin/scopes", &token).await.status, 200);
    assert_eq!(office.ask_with(Method::GET, "/t/beta/admin/tenants", &token).await.status, 403);
    assert_eq!(office.ask_with(Method::GET, "/admin/scopes", &token).await.status, 401);
}
