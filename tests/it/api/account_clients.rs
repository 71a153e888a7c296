//! Clients that are a person's own.

use latchkey::model::user::Standing;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::{Proof, send};
use crate::support::{Answer, Device, TestServer};

const APPS: &str = "/account/oauth/clients";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A server, and the program by which people look after their apps.
struct Workshop {
    server: TestServer,
    console: Device,
}

impl Workshop {
    async fn on(server: TestServer) -> Self {
        let console = server.public_client("console", "openid clients").await;
        Self { server, console }
    }

    /// Asks with this token.
    async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        let request = request.bearer_auth(token);
        send(if let Some(body) = body { request.json(&body) } else { request }).await
    }
}

async fn open_workshop() -> Workshop {
    let role = |config: &mut latchkey::config::Config| {
        config.clients.owner_role = Some("maker".parse().expect("a role"));
        config.clients.owner_quota = 2;
    };
    let shop = Workshop::on(TestServer::with(role).await).await;
    shop.server.scope("videos", Some("editor")).await;
    shop
}

#[tokio::test]
async fn an_app_is_its_makers_alone_and_gets_no_more_than_the_maker_may_grant() {
    let shop = open_workshop().await;
    let maker = shop.server.person("maker", &["maker", "editor"]).await;
    let token = shop.console.connect(&maker, "openid clients").await.string("access_token");
    let new = json!({"client_name": "My lamp", "scopes": ["openid", "videos", "offline_access"],
        "grant_types": [DEVICE_CODE, "refresh_token"]});
    let made = shop.ask_as(&token, Method::POST, APPS, Some(new)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.string("client_id");
    let path = format!("{APPS}/{id}");
    for privileged in [
        json!({"first_party": true}),
        json!({"scopes": ["admin"]}),
        json!({"introspects": ["x"]}),
        json!({"credentials_per_installation": true}),
        json!({"scope_policy": "inherit"}),
        json!({"enabled": true}),
        json!({"owner_id": null}),
    ] {
        let refused = shop.ask_as(&token, Method::PATCH, &path, Some(privileged.clone())).await;
        assert_eq!(refused.status, 422, "{privileged} {refused:?}");
    }
    let other = shop.server.person("other", &["maker"]).await;
    let others = shop.console.connect(&other, "openid clients").await.string("access_token");
    assert_eq!(shop.ask_as(&others, Method::GET, &path, None).await.status, 404);
    let ada = shop.server.ada().await;
    let hers = shop.console.connect(&ada, "openid clients").await.string("access_token");
    assert_eq!(shop.ask_as(&hers, Method::GET, APPS, None).await.status, 403);

    let lamp = Device::new(shop.server.http.clone(), &shop.server.base, &id, Proof::None);
    let editor = shop.server.person("editor", &["editor"]).await;
    let tokens = lamp.connect(&editor, "openid videos offline_access").await;
    shop.server.execute("UPDATE users SET roles = '{maker}' WHERE username = 'maker'").await;
    let narrowed = lamp.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(narrowed.string("scope"), "offline_access openid");
    let started = lamp.ask(&[("scope", "videos")]).await;
    started.must_be_error("invalid_scope");
    shop.server.set_standing("maker", Standing::Disabled).await;
    lamp.refresh(&narrowed.string("refresh_token")).await.must_be_error("unauthorized_client");
    lamp.ask(&[("scope", "openid")]).await.must_be_error("unauthorized_client");
}

#[tokio::test]
async fn an_owner_does_not_undo_what_an_administrator_restricted() {
    let shop = open_workshop().await;
    let maker = shop.server.person("maker", &["maker", "editor"]).await;
    let token = shop.console.connect(&maker, "openid clients").await.string("access_token");
    let new = json!({"client_name": "My lamp", "scopes": ["openid", "videos"], "grant_types": [DEVICE_CODE]});
    let made = shop.ask_as(&token, Method::POST, APPS, Some(new)).await;
    let id = made.string("client_id");
    let path = format!("{APPS}/{id}");
    let narrow = latchkey::model::scope::ScopeSet::parse("openid").unwrap();
    shop.server.change_client(&id, |client| client.scopes = narrow).await;
    let refused =
        shop.ask_as(&token, Method::PATCH, &path, Some(json!({"scopes": ["openid", "videos"]}))).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json["errors"][0]["field"], "scopes", "{refused:?}");
    // Less, or something else, is the owner's to say.
    for change in [json!({"scopes": []}), json!({"scopes": ["openid"]}), json!({"client_name": "Lamp"})] {
        let changed = shop.ask_as(&token, Method::PATCH, &path, Some(change.clone())).await;
        assert_eq!(changed.status, 200, "{change} {changed:?}");
    }
}

#[tokio::test]
async fn a_user_has_no_more_apps_than_the_quota() {
    let shop = open_workshop().await;
    let maker = shop.server.person("maker", &["maker"]).await;
    let token = shop.console.connect(&maker, "openid clients").await.string("access_token");
    for _ in 0..2 {
        assert_eq!(
            shop.ask_as(&token, Method::POST, APPS, Some(json!({"grant_types": ["refresh_token"]})))
                .await
                .status,
            201
        );
    }
    let refused =
        shop.ask_as(&token, Method::POST, APPS, Some(json!({"grant_types": ["refresh_token"]}))).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (409, "too_many_clients"));
    let listed = shop.ask_as(&token, Method::GET, APPS, None).await;
    assert_eq!(listed.header("x-total-count"), "2");
}

#[tokio::test]
async fn nobody_makes_apps_where_no_role_is_named() {
    let shop = Workshop::on(TestServer::start().await).await;
    let ada = shop.server.ada().await;
    let token = shop.console.connect(&ada, "openid clients").await.string("access_token");
    assert_eq!(shop.ask_as(&token, Method::GET, APPS, None).await.status, 403);
    assert_eq!(shop.server.audited("administration.refused", "refused").await, 1);
    assert_eq!(shop.server.get(APPS).await.status, 401);
}
