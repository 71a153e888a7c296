//! A real server on a port of its own, with a clock that the test holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use latchkey::app::App;
use latchkey::config::{Coherence, Config};
use latchkey::domain::audit::By;
use latchkey::domain::device_flow::bookkeeping::write_polls;
use latchkey::domain::users::{self, NewUser};
use latchkey::domain::{clients, clock_difference, mac_keys, password_links, resources, scopes, tenants};
use latchkey::http::server::Server;
use latchkey::model::client::{AuthMethod, Client, ClientKeys, GrantType};
use latchkey::model::device_code::DeviceCode;
use latchkey::model::ids::{ClientId, DeviceAuthorizationId, TenantId, UserId};
use latchkey::model::resource::Resource;
use latchkey::model::scope::{Scope, ScopeSet};
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug};
use latchkey::model::user::Standing;
use latchkey::model::version::MeantFor;
use latchkey::random::Random;
use latchkey::secrets::{MasterKey, MasterKeys, Secrets};
use latchkey::store::announcements::{Announcement, announce};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::clock::ManualClock;
use super::device::{Proof, send};
use super::patience::PATIENCE;
use super::signer::{ClientKey, Signer};
use super::{Answer, Device, Link, Person, Wire, database, plain, until};

pub const PASSWORD: &str = "correct horse battery staple";

/// A running server.
pub struct TestServer {
    pub app: Arc<App>,
    /// `http://127.0.0.1:{port}`, also the issuer of the default tenant.
    pub base: String,
    pub clock: ManualClock,
    /// A client without cookies that follows no redirects.
    pub http: reqwest::Client,
    pub database: PgConnectOptions,
    stop: CancellationToken,
}

impl TestServer {
    /// A server with the default settings.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A server that hears others, whatever the usual mode of the run is.
    pub async fn hearing() -> Self {
        Self::with(|config| config.sessions.coherence = Coherence::Notify).await
    }

    /// A server with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::with_random(Random::system(), change).await
    }

    /// A server that believes what the tests' own address says of where requests came from.
    pub async fn behind_a_proxy() -> Self {
        Self::with(|config| config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")])
            .await
    }

    /// A server with a chance of the test's making.
    pub async fn with_random(random: Random, change: impl FnOnce(&mut Config)) -> Self {
        let database = Box::pin(database::create()).await;
        // The settings alone are large.
        Box::pin(Self::on(database, ManualClock::new(), random, database::secrets(), change)).await
    }

    /// A server on a database of the test's own, which is made ready for it.
    pub async fn on_database(database: PgConnectOptions, change: impl FnOnce(&mut Config)) -> Self {
        Box::pin(database::migrate(database.clone())).await;
        let random = Random::system();
        Box::pin(Self::on(database, ManualClock::new(), random, database::secrets(), change)).await
    }

    /// A server that reaches its database over a link.
    pub async fn behind_a_link(change: impl FnOnce(&mut Config)) -> (Link, Self) {
        Self::behind_a_link_to(&Box::pin(database::create()).await, change).await
    }

    /// The same on a database that the test has made.
    pub async fn behind_a_link_to(
        database: &PgConnectOptions,
        change: impl FnOnce(&mut Config),
    ) -> (Link, Self) {
        let (link, over) = Link::to_database(database).await;
        let random = Random::system();
        (link, Box::pin(Self::on(over, ManualClock::new(), random, database::secrets(), change)).await)
    }

    /// A server whose round trips to the database are counted, and can be cut.
    pub async fn on_a_wire(change: impl FnOnce(&mut Config)) -> (Wire, Self) {
        let (wire, over) = Wire::to_database(&Box::pin(database::create()).await).await;
        let random = Random::system();
        (wire, Box::pin(Self::on(over, ManualClock::new(), random, database::secrets(), change)).await)
    }

    /// Another server on the same database, with the same clock and settings, whose round trips are counted.
    pub async fn replica_on_a_wire(&self) -> (Wire, Self) {
        let (wire, over) = Wire::to_database(&self.database).await;
        let (mut config, issuer) = (self.app.config.clone(), self.base.parse().ok());
        config.server.public_url = config.server.public_url.take().or(issuer);
        let (clock, random) = (self.clock.clone(), Random::system());
        let same = move |settings: &mut Config| *settings = config;
        (wire, Box::pin(Self::on(over, clock, random, database::secrets(), same)).await)
    }

    /// Another server on the same database, with the same clock.
    pub async fn replica(&self) -> Self {
        self.replica_with(|_| ()).await
    }

    /// Another server on the same database, with some other settings.
    pub async fn replica_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        self.replica_with_secrets(database::secrets(), self.clock.clone(), change).await
    }

    /// Another server on the same database, on a computer whose clock is so many seconds ahead.
    pub async fn replica_that_is_off(&self, seconds: i64) -> Self {
        let clock = self.clock.seen_by_a_computer_that_is_off(seconds);
        self.replica_with_secrets(database::secrets(), clock, |_| ()).await
    }

    /// Another server on the same database, with these master keys: [`database::MASTER_KEY`] is the first one's.
    pub async fn replica_with_keys(&self, keys: &[u8]) -> Self {
        let keys = keys.iter().map(|byte| MasterKey::from_bytes([*byte; 32])).collect();
        let secrets = Secrets::derive(&MasterKeys::new(keys).expect("keys"));
        self.replica_with_secrets(secrets, self.clock.clone(), |_| ()).await
    }

    /// Another server on the same database, which it reaches over a link.
    pub async fn replica_behind_a_link(&self, change: impl FnOnce(&mut Config)) -> (Link, Self) {
        let (link, over) = Link::to_database(&self.database).await;
        (link, self.replica_on(over, database::secrets(), self.clock.clone(), change).await)
    }

    async fn replica_with_secrets(
        &self,
        secrets: Secrets,
        clock: ManualClock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        self.replica_on(self.database.clone(), secrets, clock, change).await
    }

    async fn replica_on(
        &self,
        database: PgConnectOptions,
        secrets: Secrets,
        clock: ManualClock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let config = self.app.config.clone();
        let issuer = self.base.parse().ok();
        let changed = move |settings: &mut Config| {
            *settings = config;
            // Replicas have one public address: the first one's.
            settings.server.public_url = settings.server.public_url.take().or(issuer);
            change(settings);
        };
        Box::pin(Self::on(database, clock, Random::system(), secrets, changed)).await
    }

    async fn on(
        database: PgConnectOptions,
        clock: ManualClock,
        random: Random,
        secrets: Secrets,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut config = Config::default();
        // Many tests share few cores: only a test about waiting is impatient.
        config.database.acquire_timeout_milliseconds = 30_000;
        config.database.lock_timeout_milliseconds = 120_000;
        config.database.statement_timeout_milliseconds = 240_000;
        config.database.idle_in_transaction_timeout_milliseconds = 240_000;
        // Only a test about it has people of some roles set up an app first.
        config.sign_in.second_factor_for_roles = Vec::new();
        config.sessions.coherence = usual_coherence();
        change(&mut config);
        config.server.listen = address;
        let db = database::pool_with(
            database.clone(),
            config.database.acquire_timeout(),
            config.database.limits(),
        );
        let app = Arc::new(App::new(config, clock.clock(), random, secrets, db));
        clock_difference::measure(&app).await.expect("the test's clock answers");
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(Server::on(listener, Arc::clone(&app)).run(stop.clone()));
        if app.config.sessions.coherence == Coherence::Notify {
            // Most tests are about what a server does once it hears the others.
            until("the server hears others", async || app.sessions.is_trusted()).await;
        }
        let http = plain::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { app, base: format!("http://{address}"), clock, http, database, stop }
    }

    /// Asks the server to stop; it finishes what is under way.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Registers a public client "tv" for both grants and all harmless standard scopes, and gives its device.
    pub async fn tv(&self) -> Device {
        self.public_client("tv", "openid profile email offline_access").await
    }

    /// Registers a public client for both grants.
    pub async fn public_client(&self, id: &str, scope: &str) -> Device {
        self.client(id, scope, |_| ()).await
    }

    /// Registers a client of the default tenant as `change` makes it, and gives its device.
    pub async fn client(&self, id: &str, scope: &str, change: impl FnOnce(&mut Client)) -> Device {
        self.client_of(DEFAULT_TENANT, &self.base, id, scope, change).await
    }

    /// Registers a client of any tenant. A confidential one authenticates by the method it is registered with; one
    /// that needs a key and has none gets one.
    pub async fn client_of(
        &self,
        tenant: TenantId,
        base: &str,
        id: &str,
        scope: &str,
        change: impl FnOnce(&mut Client),
    ) -> Device {
        let mut client = Client {
            name: format!("The {id} app"),
            grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            scopes: ScopeSet::parse(scope).expect("scopes"),
            ..Client::public(tenant, ClientId::parse(id).expect("a client id"))
        };
        change(&mut client);
        let method = client.auth_method;
        let key = ClientKey::generate(SigningAlgorithm::Es256);
        if method == AuthMethod::PrivateKeyJwt && client.keys.is_none() {
            client.keys = Some(ClientKeys::Registered(key.jwks().into()));
        }
        let secret = Box::pin(clients::create(&self.app, client, &By::OPERATOR))
            .await
            .expect("the client is registered");
        let secret = secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let proof = match method {
            AuthMethod::None => Proof::None,
            AuthMethod::ClientSecretBasic => Proof::Basic(secret),
            AuthMethod::ClientSecretPost => Proof::Post(secret),
            AuthMethod::PrivateKeyJwt => {
                let issuer = base.replacen(&self.base, &self.app.config.public_origin(), 1);
                Proof::PrivateKey(Signer { key, issuer, clock: self.clock.clone() })
            }
        };
        Device::new(self.http.clone(), base, id, proof)
    }

    /// Changes a client of the default tenant.
    pub async fn change_client(&self, id: &str, change: impl FnOnce(&mut Client) + Send) {
        let client = latchkey::store::clients::find(&self.app.db, DEFAULT_TENANT, id)
            .await
            .expect("the database answers")
            .expect("the client exists");
        clients::change(&self.app, &client, &MeantFor::Any, &By::OPERATOR, change)
            .await
            .expect("the client is changed");
    }

    /// Makes the account "ada", and gives her browser.
    pub async fn ada(&self) -> Person {
        self.person("ada", &[]).await
    }

    /// Makes an account of the default tenant, and gives its person's browser.
    pub async fn person(&self, username: &str, roles: &[&str]) -> Person {
        self.person_of(DEFAULT_TENANT, &self.base, username, roles).await
    }

    /// Makes an account of any tenant, and gives its person's browser.
    pub async fn person_of(&self, tenant: TenantId, base: &str, username: &str, roles: &[&str]) -> Person {
        let user = NewUser {
            username: username.to_owned(),
            display_name: Some("Ada Lovelace".to_owned()),
            email: Some(format!(
                "{}@example.org",
                username.replace(|c: char| !c.is_ascii_alphanumeric(), "")
            )),
            email_verified: true,
            roles: Vec::new(),
        };
        let made = Box::pin(users::create(&self.app, tenant, user, PASSWORD, &By::OPERATOR)).await;
        let id = made.expect("the account is made");
        if !roles.is_empty() {
            // Also roles that nothing in the tenant asks for yet.
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            let update = sqlx::query("UPDATE users SET roles = $1 WHERE tenant_id = $2 AND id = $3");
            update.bind(roles).bind(tenant.0).bind(id.0).execute(&self.app.db).await.expect("they are given");
        }
        Person::new(base, username, PASSWORD)
    }

    /// The identifier of an account of the default tenant.
    pub async fn user_id(&self, username: &str) -> UserId {
        let found = latchkey::store::users::credentials(&self.app.db, DEFAULT_TENANT, username).await;
        found.expect("the database answers").expect("the account exists").user.id
    }

    /// Makes a link by which a person of the default tenant chooses a password.
    pub async fn password_link(&self, username: &str) -> String {
        let tenant = self.app.cached.tenant(&self.app.db, &TenantSlug::root()).await;
        let tenant = tenant.expect("the database answers").expect("the default tenant");
        let user = self.user_id(username).await;
        let link = password_links::start(&self.app, &tenant, user, &By::OPERATOR).await;
        link.expect("the account exists").url.to_string()
    }

    /// Changes whether an account of the default tenant may be used.
    pub async fn set_standing(&self, username: &str, standing: Standing) {
        let done = users::set_standing(&self.app, DEFAULT_TENANT, username, standing, &By::OPERATOR).await;
        done.expect("the account exists");
    }

    /// Makes a scope of the default tenant.
    pub async fn scope(&self, name: &str, role: Option<&str>) {
        let required_role = role.map(|role| role.parse().expect("a role"));
        self.scope_as(Scope { required_role, ..Scope::unconditional(name, &format!("Words for {name}")) })
            .await;
    }

    /// Creates a scope of a tenant.
    pub async fn scope_of(&self, tenant: TenantId, name: &str) {
        let scope = Scope::unconditional(name, &format!("Words for {name}"));
        scopes::create(&self.app, tenant, scope, &By::OPERATOR).await.expect("the scope is created");
    }

    /// Makes this scope of the default tenant.
    pub async fn scope_as(&self, scope: Scope) {
        scopes::create(&self.app, DEFAULT_TENANT, scope, &By::OPERATOR).await.expect("the scope is made");
    }

    /// Makes a service of the default tenant known.
    pub async fn resource(&self, uri: &str, name: &str) {
        let resource = Resource { uri: Resource::parse_uri(uri).expect("a URI"), name: name.to_owned() };
        let tenant = self.app.cached.tenant(&self.app.db, &TenantSlug::root()).await;
        let tenant = tenant.expect("the database answers").expect("the default tenant");
        resources::create(&self.app, &tenant, resource, &By::OPERATOR).await.expect("the resource is made");
    }

    /// Makes a tenant; its id and base URL.
    pub async fn tenant(&self, slug: &str) -> (TenantId, String) {
        let id =
            tenants::create(&self.app, TenantSlug::parse(slug).expect("a slug"), slug, &By::OPERATOR).await;
        (id.expect("the database answers").expect("the slug is free"), format!("{}/t/{slug}", self.base))
    }

    /// Reads what is at a path.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Sends these bytes on a connection of their own; all that comes back until the server closes it.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let address = self.base.strip_prefix("http://").expect("the base is an http URL");
        let mut connection = TcpStream::connect(address).await.expect("the server accepts");
        connection.write_all(request.as_ref()).await.expect("the request is sent");
        let mut answer = Vec::new();
        // A server that refuses before it has read everything resets the connection after its answer.
        let _ = timeout(PATIENCE, connection.read_to_end(&mut answer)).await.expect("the server closes");
        String::from_utf8(answer).expect("the answer is text")
    }

    /// Runs a statement on the server's database.
    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.app.db).await.expect("the statement runs");
        // As the functions of the store do.
        announce(&self.app.db, Announcement::DirectoryChanged).await.expect("the database answers");
        self.hear_all().await;
    }

    /// Waits until the server has heard whatever was announced before.
    pub async fn hear_all(&self) {
        if self.app.config.sessions.coherence == Coherence::ReadThrough {
            return;
        }
        let nothing = DeviceAuthorizationId(Uuid::nil());
        let before = self.app.sessions.ticket(&nothing);
        announce(&self.app.db, Announcement::Decided(nothing)).await.expect("the database answers");
        until("the server hears", async || self.app.sessions.ticket(&nothing) != before).await;
    }

    /// Reads a device code of the default tenant.
    pub async fn read_code(&self, text: &str) -> DeviceCode {
        let key = mac_keys::tokens(&self.app, DEFAULT_TENANT).await.expect("the database answers");
        DeviceCode::read(DEFAULT_TENANT, &key, text).expect("a device code of this server")
    }

    /// One number out of the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.app.db).await.expect("a count")
    }

    /// Writes the polls that these servers of one database have counted, early ones too, until so many are stored in
    /// all. The servers write some of them by themselves at the same time.
    pub async fn have_written_polls(servers: &[&Self], count: i64) {
        let Some(first) = servers.first() else { return };
        until("every poll is written down", async || {
            for server in servers {
                server.app.sessions.line_up_all();
                write_polls(&server.app, 1_000).await.expect("the database answers");
            }
            first.count("SELECT sum(poll_count)::bigint FROM device_authorizations").await == count
        })
        .await;
    }

    /// Every row of every table, to see whether anything has changed.
    pub async fn rows(&self) -> BTreeMap<String, String> {
        // Nobody waits until attempts at a guard are given back.
        until("all is given back", async || self.app.settlements.are_done()).await;
        let tables: Vec<String> =
            // Seals and counts come by themselves, whenever it is time.
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'
                                AND tablename NOT IN ('audit_seals', 'audit_unsealed', 'activity')")
                .fetch_all(&self.app.db)
                .await
                .expect("tables can be listed");
        let mut rows = BTreeMap::new();
        for table in tables {
            let sql = format!("SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM {table} t");
            let content: Option<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.app.db).await.expect("rows");
            rows.insert(table, content.unwrap_or_default());
        }
        rows
    }

    /// How many events of this action and outcome the audit trail holds.
    pub async fn audited(&self, action: &str, outcome: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM audit_events WHERE action = $1 AND outcome = $2")
            .bind(action)
            .bind(outcome)
            .fetch_one(&self.app.db)
            .await
            .expect("a count")
    }
}

/// `LATCHKEY_TEST_COHERENCE=read_through` runs all tests in the other mode.
#[expect(clippy::disallowed_methods, reason = "this variable is the tests' own setting")]
fn usual_coherence() -> Coherence {
    match std::env::var("LATCHKEY_TEST_COHERENCE").as_deref() {
        Ok("read_through") => Coherence::ReadThrough,
        _ => Coherence::Notify,
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
