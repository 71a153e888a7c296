//! The life of signing keys, on several servers.

mod removal;
mod rotation;

use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::remove::remove;
use latchkey::domain::signing_keys::rotate::{TakeOver, rotate};
use latchkey::model::ids::TenantId;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::signing_key_life::{KeyLife, KeyState};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::signing_keys;

use crate::support::device::send;
use crate::support::{Answer, Device, Person, TestServer};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// Every key a tenant has or had.
async fn keys(server: &TestServer, tenant: TenantId) -> Vec<KeyLife> {
    signing_keys::all(&server.app.db, tenant).await.expect("the database answers")
}

/// The default tenant's keys for ES256 in this state.
async fn es256(server: &TestServer, state: KeyState) -> Vec<KeyLife> {
    let all = keys(server, DEFAULT_TENANT).await.into_iter();
    all.filter(|key| key.algorithm == SigningAlgorithm::Es256 && key.state == state).collect()
}

/// The identifier of the one key that signs with ES256.
async fn signing_kid(server: &TestServer) -> String {
    let [key] = es256(server, KeyState::Signing).await.try_into().expect("one key signs");
    key.kid
}

/// Rotates the default tenant's ES256 key.
async fn rotate_es256(server: &TestServer, take_over: TakeOver) -> KeyLife {
    let done = rotate(&server.app, DEFAULT_TENANT, SigningAlgorithm::Es256, take_over, &By::OPERATOR).await;
    done.expect("the database answers")
}

/// Removes a key of the default tenant; the key that signs now, or `None` when there is no such key.
async fn remove_key(server: &TestServer, kid: &str) -> Option<String> {
    let done = remove(&server.app, DEFAULT_TENANT, kid, &By::OPERATOR).await.expect("the database answers");
    done.map(|removed| removed.signing)
}

/// The identifiers of the keys that the tenant at `base` publishes.
async fn published(server: &TestServer, base: &str) -> Vec<String> {
    let answer = send(server.http.get(format!("{base}/oauth/jwks"))).await;
    let keys = answer.json["keys"].as_array().expect("a list of keys");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// Who signed an answer's access token, as the token says.
fn kid(tokens: &Answer) -> String {
    let header = jsonwebtoken::decode_header(tokens.string("access_token")).expect("a JWT");
    header.kid.expect("a kid")
}

/// Has a device connect at any server of the service: it polls once that server has heard of the approval.
async fn connect_at(server: &TestServer, device: &Device, person: &Person) -> Answer {
    let device = device.at(&server.base);
    let started = device.start("openid").await;
    person.approve(&started.user_code).await;
    server.hear_all().await;
    let tokens = device.poll(&started).await;
    tokens.must_be_tokens();
    tokens
}

/// The keys whose private half is in the database.
async fn sealed(server: &TestServer) -> Vec<String> {
    sqlx::query_scalar("SELECT kid FROM signing_keys WHERE private_sealed IS NOT NULL ORDER BY kid")
        .fetch_all(&server.app.db)
        .await
        .expect("the database answers")
}
