//! Phishing acted out: somebody starts a code and has another person approve it (RFC 8628 §5.4, RFC 10027 §6.1).

mod campaigns;
mod confirmation;
mod known_keys;
mod linked_codes;
mod links_from_abroad;
mod reports;
mod switches;

use latchkey::config::Config;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::Value;

use crate::support::address_file::{Folder, example_files};
use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Answer, Device, Page, Person, Started, TestServer};

/// Addresses whose places [`example_files`] knows.
pub const BERLIN: &str = "192.0.2.7";
const BERLIN_NEIGHBOUR: &str = "192.0.2.99";
const POTSDAM: &str = "203.0.113.9";
pub const PARIS: &str = "198.51.100.7";
pub const HOSTED: &str = "203.0.113.200";

/// A server behind a proxy that knows some places, and the files it knows them from.
pub async fn server_with(change: impl FnOnce(&mut Config)) -> (TestServer, Folder) {
    let folder = Folder::new();
    let (cities, networks) = example_files(&folder);
    let server = TestServer::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.geo.city_file = Some(cities);
        config.geo.asn_file = Some(networks);
        config.geo.hosting_asns = vec![64510];
        change(config);
    })
    .await;
    server.app.geo.reread();
    (server, folder)
}

async fn server() -> (TestServer, Folder) {
    server_with(|_| ()).await
}

/// Somebody whose account is a month old.
async fn veteran(server: &TestServer, name: &str) -> Person {
    let person = server.person(name, &[]).await;
    let aged = "UPDATE users SET created_at = created_at - interval '30 days' WHERE username = $1";
    sqlx::query(aged).bind(name).execute(&server.app.db).await.expect("the account is old");
    person
}

/// Asks for codes from an address.
async fn ask_from(device: &Device, address: &str) -> Answer {
    let request = device.request("/oauth/device-authorization").header("x-forwarded-for", address);
    send(request.form(&[("client_id", device.client_id.as_str()), ("scope", "openid")])).await
}

/// Asks for codes from an address, and gets them.
pub async fn start_from(device: &Device, address: &str) -> Started {
    let answer = ask_from(device, address).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Started {
        device_code: answer.string("device_code"),
        user_code: answer.string("user_code"),
        verification_uri: answer.string("verification_uri"),
        verification_uri_complete: answer.string("verification_uri_complete"),
    }
}

/// Polls with what the person typed into the device.
async fn confirm(device: &Device, started: &Started, characters: &str) -> Answer {
    let more = [("confirmation_code", characters)];
    device.poll_code(&started.device_code, &more).await
}

/// Follows the link with the code in it, and presses "Continue": the page that asks for the decision.
pub async fn open_by_link(person: &Person, started: &Started) -> Page {
    let form = person.visit(&started.verification_uri_complete).await;
    let page = person.submit(&form, "/device", &[]).await;
    if !page.location.ends_with("/sign-in") {
        return page;
    }
    sign_in_on(person, &page).await
}

/// Signs in on the page that asks for it.
async fn sign_in_on(person: &Person, page: &Page) -> Page {
    assert!(page.location.ends_with("/sign-in"), "{page:?}");
    let credentials = [("username", person.username.as_str()), ("password", person.password.as_str())];
    person.submit(page, "/sign-in", &credentials).await
}

/// Approves, typing the code.
pub async fn approve_typing(person: &Person, consent: &Page, code: &str) -> Page {
    person.submit(consent, "/device/consent", &[("decision", "approve"), ("user_code", code)]).await
}

/// Presses "I did not start this".
pub async fn report(person: &Person, consent: &Page) -> Page {
    person.submit(consent, "/device/report", &[]).await
}

/// The characters that the page after approval shows.
fn characters(page: &Page) -> String {
    assert!(page.is_titled("confirmation-title"), "{page:?}");
    let code = page.html.split(r#"<code class="user-code" dir="ltr" translate="no">"#).nth(1);
    code.and_then(|rest| rest.split('<').next()).expect("characters").to_owned()
}

/// What is told of the newest event of an action.
async fn told(server: &TestServer, action: &str) -> Value {
    sqlx::query_scalar("SELECT details FROM audit_events WHERE action = $1 ORDER BY id DESC LIMIT 1")
        .bind(action)
        .fetch_one(&server.app.db)
        .await
        .expect("an event")
}

/// Changes the policy of a client.
pub async fn set_policy(server: &TestServer, client: &str, changes: Value) {
    let tenant = server.app.cached.tenant(&server.app.db, &latchkey::model::tenant::TenantSlug::root()).await;
    let tenant = tenant.expect("the database answers").expect("the default tenant");
    let found = latchkey::store::clients::find(&server.app.db, DEFAULT_TENANT, client).await;
    let client = found.expect("the database answers").expect("the client");
    let changes = serde_json::from_value(changes).expect("an object");
    let (any, by) = (latchkey::model::version::MeantFor::Any, &latchkey::domain::audit::By::OPERATOR);
    latchkey::domain::policies::change_for_client(&server.app, &tenant, &client, changes, &any, by)
        .await
        .expect("a policy");
    server.hear_all().await;
}

/// Changes the policy of the default tenant.
pub async fn set_tenant_policy(server: &TestServer, changes: Value) {
    let tenant = server.app.cached.tenant(&server.app.db, &latchkey::model::tenant::TenantSlug::root()).await;
    let tenant = tenant.expect("the database answers").expect("the default tenant");
    let changes = serde_json::from_value(changes).expect("an object");
    let (any, by) = (latchkey::model::version::MeantFor::Any, &latchkey::domain::audit::By::OPERATOR);
    latchkey::domain::policies::change_for_tenant(&server.app, &tenant, changes, &any, by)
        .await
        .expect("a policy");
    server.hear_all().await;
}

/// The form of a poll, for polls from elsewhere than the tests' own address.
fn poll_form<'a>(device: &'a Device, started: &'a Started) -> [(&'a str, &'a str); 3] {
    [("grant_type", DEVICE_GRANT), ("device_code", &started.device_code), ("client_id", &device.client_id)]
}
