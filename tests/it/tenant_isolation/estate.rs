//! A tenant with one of everything in it.

use std::collections::BTreeMap;

use latchkey::model::client::AuthMethod;
use latchkey::model::ids::TenantId;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Operation;
use super::requests::{Body, Case, Who};
use crate::api::id_of;
use crate::support::device::{Proof, Started, send};
use crate::support::{Answer, Person, TestServer, until};

const DEVICE: &str = "openid offline_access devices device:approve clients";

/// The tenant, its identifiers, and who may do something with them there.
pub struct Estate {
    pub slug: String,
    pub tenant: TenantId,
    pub base: String,
    http: reqwest::Client,
    pub admin_token: String,
    pub user_token: String,
    robot_secret: String,
    pub registration_token: String,
    registered_token: String,
    pub administrator: Person,
    /// The owner of the devices, who may make clients.
    pub person: Person,
    csrf: String,
    /// Somebody with a second factor.
    pub user_id: String,
    pub client_id: String,
    pub own_client_id: String,
    pub registered_client_id: String,
    pub registration_token_id: String,
    pub device_id: String,
    /// Another one, for its administrators.
    pub administered_device_id: String,
    pub session_id: String,
    pub resource_id: String,
    pub webhook_id: String,
    pub kid: String,
    pub refresh_token: String,
    /// Approved and not collected.
    pub approved: Started,
    /// Nobody has decided on it.
    pub waiting: Started,
}

impl Estate {
    pub async fn build(server: &TestServer, slug: &str) -> Self {
        let (tenant, base) = server.tenant(slug).await;
        Box::pin(Self::build_in(server, tenant, base, slug)).await
    }

    /// The same in a tenant that is there; `slug` marks what belongs to it.
    pub async fn build_in(server: &TestServer, tenant: TenantId, base: String, slug: &str) -> Self {
        let name = |what: &str| format!("{slug}-{what}");
        let console = server.client_of(tenant, &base, &name("console"), "openid admin", |_| ()).await;
        let tv = server.client_of(tenant, &base, &name("tv"), DEVICE, |_| ()).await;
        let audience = format!("{base}/api");
        let robot = server
            .client_of(tenant, &base, &name("robot"), DEVICE, |client| {
                client.auth_method = AuthMethod::ClientSecretBasic;
                client.introspects = vec![audience];
            })
            .await;
        let Proof::Basic(robot_secret) = &robot.proof else { panic!("the robot has a secret") };
        let administrator = server.person_of(tenant, &base, &name("root"), &["admin"]).await;
        let user = server.person_of(tenant, &base, &name("ada"), &["maker"]).await;
        let bob = server.person_of(tenant, &base, &name("bob"), &[]).await;
        bob.sign_in().await;
        bob.set_up_authenticator(&server.clock).await;
        let admin_token = console.connect(&administrator, "openid admin").await.string("access_token");
        let user_token = tv.connect(&user, DEVICE).await.string("access_token");
        let device_id = id_of(&tv.connect(&user, DEVICE).await);
        let administered_device_id = id_of(&tv.connect(&user, DEVICE).await);
        server.client_of(tenant, &base, &name("fleet"), DEVICE, |_| ()).await.connect(&user, DEVICE).await;
        let refresh_token = robot.connect(&user, DEVICE).await.string("refresh_token");

        let made = |token: &str, path: &str, body: Value| {
            let request = server.http.post(format!("{base}{path}")).bearer_auth(token).json(&body);
            async move {
                let answer = send(request).await;
                assert!(answer.status.is_success(), "{answer:?}");
                answer
            }
        };
        made(&admin_token, "/admin/scopes", json!({"name": name("scope"), "description": "Words"})).await;
        let kept = json!({"client_id": name("kept"), "client_name": name("kept"), "scopes": ["openid"],
            "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["refresh_token"]});
        made(&admin_token, "/admin/oauth/clients", kept).await;
        let own = json!({"client_name": name("lamp"), "scopes": ["openid"],
            "token_endpoint_auth_method": "client_secret_basic", "grant_types": ["refresh_token"]});
        let own = made(&user_token, "/account/oauth/clients", own).await;
        let resource = json!({"uri": format!("https://{slug}.example/videos")});
        let resource = made(&admin_token, "/admin/resources", resource).await;
        // Told of nothing as long as it is there: deliveries would change its rows at their own time.
        let webhook = json!({"url": format!("https://{slug}.example/"), "actions": ["webhook.deleted"]});
        let webhook = made(&admin_token, "/admin/webhooks", webhook).await;
        let key = made(&admin_token, "/admin/signing-keys/rotate", json!({"algorithm": "EdDSA"})).await;
        let invitation = json!({"name": name("partner"), "uses": 5});
        let invitation = made(&admin_token, "/admin/registration-tokens", invitation).await;
        let new = json!({"client_name": name("radio"), "token_endpoint_auth_method": "none"});
        let registered = made(&invitation.string("token"), "/oauth/register", new).await;

        let read = |path: String| {
            let request = server.http.get(format!("{base}{path}")).bearer_auth(&admin_token);
            async move { send(request).await.json }
        };
        let users = read(format!("/admin/users?username={}", name("bob"))).await;
        let user_id = users["users"][0]["id"].as_str().unwrap_or_else(|| panic!("no users: {users}"));
        let stopped = robot.start("openid").await;
        let sessions = read("/admin/oauth/device-authorizations?status=pending".to_owned()).await;
        let session = &sessions["device_authorisations"][0];
        assert_eq!(session["user_code"], stopped.user_code.as_str(), "{sessions}");
        let approved = robot.start("openid").await;
        user.approve(&approved.user_code).await;
        let waiting = tv.start("openid").await;

        let page = administrator.fetch(format!("{base}/admin/scopes"));
        let csrf = send(page).await.header("x-csrf-token").to_owned();
        Self {
            slug: slug.to_owned(),
            http: server.http.clone(),
            robot_secret: robot_secret.clone(),
            registration_token: invitation.string("token"),
            registered_token: registered.string("registration_access_token"),
            csrf,
            user_id: user_id.to_owned(),
            client_id: name("kept"),
            own_client_id: own.string("client_id"),
            registered_client_id: registered.string("client_id"),
            registration_token_id: invitation.string("id"),
            session_id: session["id"].as_str().expect("an id").to_owned(),
            resource_id: resource.string("id"),
            webhook_id: webhook.string("id"),
            kid: key.json[0]["kid"].as_str().expect("a key").to_owned(),
            tenant,
            base,
            admin_token,
            user_token,
            administrator,
            person: user,
            device_id,
            administered_device_id,
            refresh_token,
            approved,
            waiting,
        }
    }

    /// What must not be seen elsewhere: all names have the slug in them.
    pub fn is_told_of(&self, text: &str) -> bool {
        [&self.slug, &self.user_id, &self.device_id, &self.session_id, &self.kid, &self.waiting.user_code]
            .iter()
            .any(|mark| text.contains(mark.as_str()))
    }

    /// Asks `there` with this tenant's credentials.
    pub async fn ask(&self, there: &Self, operation: &Operation, case: &Case) -> Answer {
        let request = case.of(self.http.request(operation.method.clone(), there.address(case)));
        send(self.identified(request, case.who)).await
    }

    pub fn identified(&self, request: RequestBuilder, who: Who) -> RequestBuilder {
        match who {
            Who::Nobody => request,
            Who::Admin => request.bearer_auth(&self.admin_token),
            Who::User => request.bearer_auth(&self.user_token),
            Who::Invited => request.bearer_auth(&self.registration_token),
            Who::Registered => request.bearer_auth(&self.registered_token),
            Who::Robot => request.basic_auth(format!("{}-robot", self.slug), Some(&self.robot_secret)),
        }
    }

    /// Asks `there` with the session of this tenant's administrator, under the name that it would have there.
    pub async fn ask_by_browser(&self, there: &Self, operation: &Operation, case: &Case) -> Answer {
        let cookies = self.administrator.cookies().replace(&self.slug, &there.slug);
        assert!(cookies.contains("latchkey."), "{cookies}");
        let request = case.of(self.http.request(operation.method.clone(), there.address(case)));
        send(request.header("cookie", cookies).header("x-csrf-token", &self.csrf)).await
    }

    fn address(&self, case: &Case) -> String {
        format!("{}{}", self.base, case.path)
    }

    /// Every row that is this tenant's, but for the seals, which come by themselves.
    pub async fn rows(&self, server: &TestServer) -> BTreeMap<String, String> {
        // Nobody waits until attempts at a guard are given back.
        until("all is given back", async || server.app.settlements.are_done()).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.table_name::text FROM information_schema.columns c
             JOIN information_schema.tables t USING (table_schema, table_name)
             WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE'
             AND c.table_name NOT IN ('audit_seals', 'audit_unsealed')",
        )
        .fetch_all(&server.app.db)
        .await
        .expect("tables can be listed");
        assert!(tables.len() > 20, "{tables:?}");
        let mut rows = BTreeMap::new();
        let own = ("tenants".to_owned(), "id");
        for (table, column) in tables.into_iter().map(|table| (table, "tenant_id")).chain([own]) {
            let sql = format!(
                "SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM {table} t WHERE {column} = $1"
            );
            let content: String = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(self.tenant.0)
                .fetch_one(&server.app.db)
                .await
                .expect("rows");
            rows.insert(table, content);
        }
        rows
    }
}

impl Case {
    pub fn of(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Form(body) => request.form(body),
        }
    }

    pub fn is_authenticated(&self) -> bool {
        self.who != Who::Nobody
    }
}
