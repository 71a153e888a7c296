//! What stands against a request: for each operation that may answer 409, a request that it answers so.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Ask, Sent, World};
use crate::support::device::Proof;
use crate::support::{Answer, Device};
use crate::tenant_isolation::requests::{Body, Who};

/// An operation, what stands against it, and the answer that says so.
pub struct Conflict {
    pub id: &'static str,
    pub error: &'static str,
    pub answer: Answer,
}

/// Whoever asks, and for what.
struct Asker<'a> {
    world: &'a World,
    found: Vec<Conflict>,
}

impl Asker<'_> {
    async fn ask(&self, who: Who, method: Method, path: String, body: Option<Value>) -> Answer {
        let body = Sent::Body(body.map_or(Body::None, Body::Json));
        self.world.ask_as(Ask { method: &method, path, body, headers: Vec::new() }, who).await
    }

    async fn must(&self, who: Who, method: Method, path: &str, body: Option<Value>) -> Answer {
        let answer = self.ask(who, method, path.to_owned(), body).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        answer
    }

    /// An administrator is refused.
    async fn refused(
        &mut self,
        (id, error): (&'static str, &'static str),
        method: Method,
        path: String,
        body: Option<Value>,
    ) {
        let answer = self.ask(Who::Admin, method, path, body).await;
        self.found.push(Conflict { id, error, answer });
    }

    /// A person is refused.
    async fn refused_to_user(
        &mut self,
        (id, error): (&'static str, &'static str),
        method: Method,
        path: String,
        body: Option<Value>,
    ) {
        let answer = self.ask(Who::User, method, path, body).await;
        self.found.push(Conflict { id, error, answer });
    }
}

/// All of them. Nothing of what the other requests need is changed.
pub async fn conflicts(world: &World) -> Vec<Conflict> {
    let mut asker = Asker { world, found: Vec::new() };
    of_users(&mut asker).await;
    of_clients(&mut asker).await;
    of_own_clients(&mut asker).await;
    of_catalogue(&mut asker).await;
    of_webhooks(&mut asker).await;
    of_tenants(&mut asker).await;
    of_devices(&mut asker).await;
    of_codes(&mut asker).await;
    asker.found
}

async fn of_users(asker: &mut Asker<'_>) {
    let slug = &asker.world.estate.slug;
    let own = asker.world.server.user_id(&asker.world.estate.administrator.username).await;
    let own = format!("/admin/users/{own}");
    let again = json!({"username": format!("{slug}-bob")});
    asker
        .refused(
            ("v1_admin_users_create", "username_taken"),
            Method::POST,
            "/admin/users".to_owned(),
            Some(again),
        )
        .await;
    let disabled = json!({"status": "disabled"});
    asker.refused(("v1_admin_users_update", "own_account"), Method::PATCH, own.clone(), Some(disabled)).await;
    let factor = format!("{own}/second-factor");
    asker.refused(("v1_admin_users_delete_second_factor", "own_account"), Method::DELETE, factor, None).await;
    asker.refused(("v1_admin_users_delete", "own_account"), Method::DELETE, own, None).await;
}

async fn of_clients(asker: &mut Asker<'_>) {
    let estate = &asker.world.estate;
    let (taken, public) = (estate.client_id.clone(), format!("{}-tv", estate.slug));
    let clients = "/admin/oauth/clients";
    let again = json!({"client_id": taken, "client_name": "Again", "grant_types": ["refresh_token"]});
    asker
        .refused(
            ("v1_admin_clients_create", "client_id_taken"),
            Method::POST,
            clients.to_owned(),
            Some(again),
        )
        .await;
    let secret = format!("{clients}/{public}/secret");
    asker
        .refused(("v1_admin_client_secret_rotate", "client_has_no_secret"), Method::POST, secret, None)
        .await;
    let previous = format!("{clients}/{taken}/secret/previous");
    let retire = ("v1_admin_client_secret_retire", "no_previous_secret");
    asker.refused(retire, Method::DELETE, previous, None).await;
}

async fn of_own_clients(asker: &mut Asker<'_>) {
    let clients = "/account/oauth/clients";
    let new = json!({"client_name": "One more", "token_endpoint_auth_method": "none",
        "grant_types": ["refresh_token"]});
    let mut made = Vec::new();
    let refused = loop {
        let answer = asker.ask(Who::User, Method::POST, clients.to_owned(), Some(new.clone())).await;
        if !answer.status.is_success() {
            break answer;
        }
        made.push(answer.string("client_id"));
    };
    let (id, error) = ("v1_account_clients_create", "too_many_clients");
    asker.found.push(Conflict { id, error, answer: refused });
    let public = made.first().expect("one was made");
    let secret = format!("{clients}/{public}/secret");
    let rotate = ("v1_account_client_secret_rotate", "client_has_no_secret");
    asker.refused_to_user(rotate, Method::POST, secret, None).await;
    for id in made {
        asker.must(Who::User, Method::DELETE, &format!("{clients}/{id}"), None).await;
    }
}

async fn of_catalogue(asker: &mut Asker<'_>) {
    let slug = &asker.world.estate.slug;
    let videos = json!({"uri": format!("https://{slug}.example/videos")});
    let openid = json!({"name": "openid", "description": "Again"});
    let scopes = "/admin/scopes".to_owned();
    asker.refused(("v1_admin_scopes_create", "scope_name_taken"), Method::POST, scopes, Some(openid)).await;
    let standard = "/admin/scopes/openid".to_owned();
    asker.refused(("v1_admin_scopes_delete", "scope_is_standard"), Method::DELETE, standard, None).await;
    let resources = "/admin/resources".to_owned();
    let create = ("v1_admin_resources_create", "resource_uri_taken");
    asker.refused(create, Method::POST, resources, Some(videos)).await;
}

async fn of_webhooks(asker: &mut Asker<'_>) {
    let webhooks = "/admin/webhooks";
    let new = json!({"url": "https://hooks.example/", "actions": ["webhook.deleted"]});
    let mut made = Vec::new();
    let refused = loop {
        let answer = asker.ask(Who::Admin, Method::POST, webhooks.to_owned(), Some(new.clone())).await;
        if !answer.status.is_success() {
            break answer;
        }
        made.push(answer.string("id"));
    };
    let (id, error) = ("v1_admin_webhooks_create", "too_many_webhooks");
    asker.found.push(Conflict { id, error, answer: refused });
    for id in made {
        asker.must(Who::Admin, Method::DELETE, &format!("{webhooks}/{id}"), None).await;
    }
}

async fn of_tenants(asker: &mut Asker<'_>) {
    let slug = asker.world.estate.slug.clone();
    let own = "/admin/tenants/-".to_owned();
    let again = json!({"slug": slug});
    let tenants = "/admin/tenants".to_owned();
    asker.refused(("v1_admin_tenants_create", "tenant_slug_taken"), Method::POST, tenants, Some(again)).await;
    let off = json!({"enabled": false});
    let update = ("v1_admin_tenants_update", "tenant_is_default");
    asker.refused(update, Method::PATCH, own.clone(), Some(off)).await;
    asker.refused(("v1_admin_tenants_delete", "tenant_is_default"), Method::DELETE, own.clone(), None).await;
    let client = format!("/admin/oauth/clients/{slug}-fleet/policy");
    let idle = json!({"trust": {"idle_seconds": 7200}});
    asker.must(Who::Admin, Method::PUT, &client, Some(idle)).await;
    let shorter = json!({"trust": {"idle_seconds": 3600, "absolute_seconds": 3600}});
    let policy = ("v1_admin_tenant_policy_replace", "policy_does_not_fit_client");
    asker.refused(policy, Method::PUT, format!("{own}/policy"), Some(shorter)).await;
    asker.must(Who::Admin, Method::PUT, &client, Some(json!({}))).await;
}

async fn of_devices(asker: &mut Asker<'_>) {
    let device = asker.world.estate.device_id.clone();
    let administered = format!("/admin/devices/{device}");
    asker.must(Who::Admin, Method::POST, &format!("{administered}/lock"), None).await;
    let own = format!("/devices/{device}/unlock");
    asker.refused_to_user(("v1_devices_unlock", "locked_by_administrator"), Method::POST, own, None).await;
    asker.must(Who::Admin, Method::POST, &format!("{administered}/unlock"), None).await;
    let over = "/admin/oauth/device-authorizations?status=consumed";
    let over = asker.must(Who::Admin, Method::GET, over, None).await;
    let id = over.json["device_authorisations"][0]["id"].as_str().expect("one that is over");
    let deny = format!("/admin/oauth/device-authorizations/{id}/deny");
    asker.refused(("v1_admin_device_authorizations_deny", "not_pending"), Method::POST, deny, None).await;
}

async fn of_codes(asker: &mut Asker<'_>) {
    let (server, estate) = (&asker.world.server, &asker.world.estate);
    let tv = Device::new(server.http.clone(), &server.base, &format!("{}-tv", estate.slug), Proof::None);
    let code = tv.start("openid").await.user_code;
    estate.administrator.open(&code).await;
    let (path, error) = ("/oauth/device/consent", "invalid_request");
    let read = ("v1_oauth_device_consent_show", error);
    asker.refused_to_user(read, Method::GET, format!("{path}?user_code={code}"), None).await;
    let decision = json!({"user_code": code, "decision": "deny"});
    let decide = ("v1_oauth_device_consent_create", error);
    asker.refused_to_user(decide, Method::POST, path.to_owned(), Some(decision)).await;
}
