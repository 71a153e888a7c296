//! The default tenant with one of everything in it, everybody who might ask, and how they ask.

use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug, TenantStanding};
use reqwest::{Method, RequestBuilder};

use super::document::Described;
use crate::support::device::send;
use crate::support::{Answer, Person, TestServer};
use crate::tenant_isolation::estate::Estate;
use crate::tenant_isolation::requests::{Body, Case, Who};

const SLUG: &str = "quokka";

/// The server, with what there is to ask for and who may and may not.
pub struct World {
    pub server: TestServer,
    pub estate: Estate,
    /// Reads with the scope `admin:read`.
    pub auditor_token: String,
    pub auditor: Person,
    /// Somebody with no role at all.
    pub nobody: Person,
    /// A token of the person's that allows nothing.
    pub idle_token: String,
}

/// A request that is to be made.
pub struct Ask<'a> {
    pub method: &'a Method,
    pub path: String,
    pub body: Sent,
    pub headers: Vec<(&'static str, String)>,
}

/// What is in the body.
pub enum Sent {
    Body(Body),
    Text { media_type: &'static str, text: String },
}

impl<'a> Ask<'a> {
    /// The request of a case, without anybody's credentials.
    pub fn of(described: &'a Described<'_>, case: &Case) -> Self {
        let body = Sent::Body(case.body.clone());
        Self { method: &described.operation.method, path: case.path.clone(), body, headers: Vec::new() }
    }

    pub fn at(self, path: String) -> Self {
        Self { path, ..self }
    }

    pub fn sending(self, media_type: &'static str, text: impl Into<String>) -> Self {
        Self { body: Sent::Text { media_type, text: text.into() }, ..self }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn with_token(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    fn request(self, http: &reqwest::Client, base: &str) -> RequestBuilder {
        let mut request = http.request(self.method.clone(), format!("{base}{}", self.path));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        match self.body {
            Sent::Body(Body::None) => request,
            Sent::Body(Body::Json(body)) => request.json(&body),
            Sent::Body(Body::Form(body)) => request.form(&body),
            Sent::Text { media_type, text } => request.header("content-type", media_type).body(text),
        }
    }
}

impl World {
    pub async fn build() -> Self {
        let server = TestServer::with(|config| {
            config.rate_limits.enabled = false;
            config.registration.enabled = true;
            config.clients.owner_role = Some("maker".parse().expect("a role"));
            config.clients.owner_quota = 3;
            config.webhooks.per_tenant = 3;
            config.tokens.access_lifetime_seconds = 3_600;
        })
        .await;
        server.tenant(SLUG).await;
        let slug = TenantSlug::parse(SLUG).expect("a slug");
        latchkey::domain::tenants::set_standing(&server.app, &slug, TenantStanding::Suspended)
            .await
            .expect("the tenant is suspended");
        let base = server.base.clone();
        let estate = Box::pin(Estate::build_in(&server, DEFAULT_TENANT, base, SLUG)).await;
        let console = server.public_client("looking-glass", "devices admin:read").await;
        let auditor = server.person("audrey", &["auditor"]).await;
        let auditor_token = console.connect(&auditor, "admin:read").await.string("access_token");
        let nobody = server.person("nobody", &[]).await;
        nobody.sign_in().await;
        let lamp = server.public_client("lamp", "profile").await;
        let idle_token = lamp.connect(&estate.person, "profile").await.string("access_token");
        Self { server, estate, auditor_token, auditor, nobody, idle_token }
    }

    /// Asks with whatever the request says by itself.
    pub async fn ask(&self, ask: Ask<'_>) -> Answer {
        send(ask.request(&self.server.http, &self.server.base)).await
    }

    /// Asks another server of the same database, as the one whom the case needs.
    pub async fn ask_as_at(&self, base: &str, ask: Ask<'_>, who: Who) -> Answer {
        send(self.estate.identified(ask.request(&self.server.http, base), who)).await
    }

    /// Asks as the one whom the case needs.
    pub async fn ask_as(&self, ask: Ask<'_>, who: Who) -> Answer {
        self.ask_as_at(&self.server.base, ask, who).await
    }

    /// Asks with the session of somebody's browser, and with its token against forgery if it is `Some`.
    pub async fn ask_by_browser(&self, ask: Ask<'_>, person: &Person, csrf: Option<&str>) -> Answer {
        let ask = match csrf {
            Some(token) => ask.with("x-csrf-token", token),
            None => ask,
        };
        let cookies = person.cookies();
        send(ask.with("cookie", cookies).request(&self.server.http, &self.server.base)).await
    }

    /// What a browser shows to prove that its person knows of a request.
    pub async fn csrf_of(&self, person: &Person) -> String {
        let page = person.fetch(format!("{}/devices", self.server.base));
        let token = send(page).await.header("x-csrf-token").to_owned();
        assert!(!token.is_empty());
        token
    }
}
