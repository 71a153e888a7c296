use reqwest::Method;
use serde_json::json;

use super::Office;

const CLIENTS: &str = "/admin/oauth/clients";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

#[tokio::test]
async fn a_client_is_registered_shown_changed_and_deleted() {
    let office = Office::build().await;
    let new = json!({"client_id": "lamp", "client_name": "Lamp", "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": [DEVICE_CODE], "scopes": ["openid"], "credentials_per_installation": true});
    let made = office.tell(Method::POST, CLIENTS, &new.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!((made.header("etag"), made.header("cache-control")), ("\"1\"", "no-store"));
    assert_eq!(made.json["credentials_per_installation"], true, "{made:?}");
    let secret = made.string("client_secret");
    let shown = office.ask(Method::GET, "/admin/oauth/clients/lamp").await;
    assert_eq!(shown.status, 200);
    assert!(!shown.text.contains(&secret) && shown.json["policy"]["effective"]["trust"].is_object());
    let again = office.tell(Method::POST, CLIENTS, &new).await;
    assert_eq!((again.status.as_u16(), again.error()), (409, "client_id_taken"));

    let path = "/admin/oauth/clients/lamp";
    let changed = office
        .tell_version(Method::PATCH, path, &json!({"client_name": "Lamp 2", "enabled": false}), "\"1\"")
        .await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""), "{changed:?}");
    assert_eq!(
        (&changed.json["client_name"], &changed.json["scopes"]),
        (&json!("Lamp 2"), &json!(["openid"]))
    );
    let stale = office.tell_version(Method::PATCH, path, &json!({"enabled": true}), "\"1\"").await;
    assert_eq!(stale.status, 412);

    let rotated = office.ask(Method::POST, "/admin/oauth/clients/lamp/secret").await;
    assert_eq!((rotated.status.as_u16(), &rotated.json["has_previous_secret"]), (200, &json!(true)));
    assert_ne!(rotated.string("client_secret"), secret);
    assert_eq!(office.ask(Method::DELETE, "/admin/oauth/clients/lamp/secret/previous").await.status, 204);
    let nothing_left = office.ask(Method::DELETE, "/admin/oauth/clients/lamp/secret/previous").await;
    assert_eq!((nothing_left.status.as_u16(), nothing_left.error()), (409, "no_previous_secret"));

    let policy = office
        .tell(Method::PUT, "/admin/oauth/clients/lamp/policy", &json!({"trust": {"allowed": "never"}}))
        .await;
    assert_eq!(policy.json["policy"]["effective"]["trust"]["allowed"], "never", "{policy:?}");
    for nonsense in [json!({"nonsense": 1}), json!({"approval": {"rulez": {}}})] {
        let refused = office.tell(Method::PUT, "/admin/oauth/clients/lamp/policy", &nonsense).await;
        assert_eq!(refused.status, 422, "{nonsense} {refused:?}");
    }

    assert_eq!(office.ask(Method::DELETE, path).await.status, 204);
    let gone = office.ask(Method::GET, path).await;
    assert_eq!((gone.status.as_u16(), gone.error()), (404, "client_not_found"));
    assert_eq!(office.server.audited("client.deleted", "success").await, 1);
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let office = Office::build().await;
    for (field, body) in [
        ("client_id", json!({})),
        ("client_id", json!({"client_id": "a b"})),
        ("surprise", json!({"client_id": "x", "surprise": 1})),
        ("grant_types[0]", json!({"client_id": "x", "grant_types": ["password"]})),
        ("scopes", json!({"client_id": "x", "scopes": ["unknown"]})),
        ("scope_policy", json!({"client_id": "x", "scope_policy": "inherit"})),
        ("grant_types", json!({"client_id": "x"})),
        ("grant_types", json!({"client_id": "x", "grant_types": []})),
        ("grant_types", json!({"client_id": "x", "grant_types": ["client_credentials"]})),
        ("token_endpoint_auth_method", json!({"client_id": "x", "token_endpoint_auth_method": "tls"})),
        ("jwks", json!({"client_id": "x", "token_endpoint_auth_method": "private_key_jwt"})),
        (
            "jwks_uri",
            json!({"client_id": "x", "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://169.254.169.254/"}),
        ),
        ("owner_id", json!({"client_id": "x", "owner_id": "019bc0de-7a00-7000-8000-000000000000"})),
        ("client_name", json!({"client_id": "x", "client_name": "a\u{202e}b"})),
        (
            "credentials_per_installation",
            json!({"client_id": "x", "grant_types": [DEVICE_CODE], "credentials_per_installation": true}),
        ),
    ] {
        let refused = office.tell(Method::POST, CLIENTS, &body.clone()).await;
        assert_eq!(refused.status, 422, "{body} {refused:?}");
        assert_eq!(refused.json["errors"][0]["field"], field, "{body} {refused:?}");
    }
    let fixed = json!({"token_endpoint_auth_method": "none"});
    assert_eq!(office.tell(Method::PATCH, "/admin/oauth/clients/console", &fixed).await.status, 422);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let office = Office::build().await;
    for id in ["alpha", "beta"] {
        office.server.public_client(id, "openid").await;
    }
    let found = office.ask(Method::GET, "/admin/oauth/clients?q=ALPH&enabled=true").await;
    assert_eq!((found.header("x-total-count"), &found.json[0]["client_id"]), ("1", &json!("alpha")));
    let page = office.ask(Method::GET, "/admin/oauth/clients?limit=1&offset=1").await;
    assert_eq!((page.json[0]["client_id"].as_str(), page.header("x-total-count")), (Some("beta"), "4"));
    for bad in ["limit=0", "offset=-1", "enabled=maybe", "owner=x"] {
        assert_eq!(office.ask(Method::GET, &format!("{CLIENTS}?{bad}")).await.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn only_administrators_of_the_tenant_get_in() {
    let office = Office::build().await;
    assert_eq!(office.server.get(CLIENTS).await.status, 401);
    let ada = office.server.ada().await;
    let tv = office.tv.clone();
    let hers = tv.connect(&ada, "openid").await;
    assert_eq!(office.ask_with(Method::GET, CLIENTS, &hers).await.status, 403);
    // With the scope in the token, and the role lost since.
    office.server.execute("UPDATE users SET roles = '{}' WHERE username = 'root'").await;
    assert_eq!(office.ask(Method::GET, CLIENTS).await.status, 403);
    assert_eq!(office.server.audited("administration.refused", "refused").await, 2);
    office.server.execute("UPDATE users SET roles = '{admin}' WHERE username = 'root'").await;
    let (acme, base) = office.server.tenant("acme").await;
    office.server.client_of(acme, &base, "theirs", "openid", |_| ()).await;
    assert_eq!(office.ask(Method::GET, "/admin/oauth/clients/theirs").await.status, 404);
    assert_eq!(office.ask(Method::GET, "/t/acme/admin/oauth/clients/theirs").await.status, 401);
}

#[tokio::test]
async fn fewer_scopes_count_for_the_next_refresh_and_not_for_what_is_out() {
    let office = Office::build().await;
    let tv = office.tv.clone();
    let ada = office.server.ada().await;
    let tokens = tv.connect(&ada, "openid email offline_access").await;
    let fewer = json!({"scopes": ["openid", "offline_access"]});
    assert_eq!(office.tell(Method::PATCH, "/admin/oauth/clients/tv", &fewer).await.status, 200);
    let refreshed = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(refreshed.string("scope"), "offline_access openid");
}
