//! Every endpoint of the OpenAPI document, asked at one tenant's address with what belongs to another: nothing is
//! shown, nothing changes, and the owner can do it all the same. The document says what there is, so that an endpoint
//! which nobody thought of here fails by its name.

mod erasure;
pub mod estate;
mod keys;
mod partitions;
mod postgres_versions;
pub mod requests;
mod row_security;

use latchkey::domain::activity;
use latchkey::domain::device_flow::bookkeeping::write_polls;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, TestServer};
use estate::Estate;
use requests::{Case, Foreign, cases};

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// With `{…}` where identifiers are.
    pub path: String,
    /// Whether a browser's session will do.
    pub is_for_browsers: bool,
}

pub fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, described) in methods.as_object().expect("methods") {
            all.push(Operation {
                id: described["operationId"].as_str().expect("an operation's id").to_owned(),
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                is_for_browsers: described["security"].to_string().contains("browser_session"),
            });
        }
    }
    // What ends something comes last, and what is below it before that; the audit trail comes first, because it soon
    // tells what was asked here, with the neighbour's identifiers in it.
    all.sort_by_key(|operation| {
        let rank = match (operation.method.as_str(), operation.path.as_str()) {
            (_, "/admin/audit-log") => 0,
            ("GET", _) => 1,
            (_, "/oauth/revoke") => 4,
            ("DELETE", _) => 3,
            _ => 2,
        };
        (rank, std::cmp::Reverse(operation.path.len()))
    });
    all
}

async fn two_estates() -> (TestServer, Estate, Estate) {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = false;
        config.registration.enabled = true;
        config.clients.owner_role = Some("maker".parse().expect("a role"));
        config.tokens.access_lifetime_seconds = 3_600;
    })
    .await;
    let theirs = Estate::build(&server, "quokka").await;
    let ours = Estate::build(&server, "wombat").await;
    while write_polls(&server.app, 1_000).await.expect("the database answers") > 0 {}
    activity::write(&server.app).await.expect("the database answers");
    (server, theirs, ours)
}

#[tokio::test]
async fn no_endpoint_reaches_into_another_tenant() {
    let (server, theirs, ours) = two_estates().await;
    let document = server.get("/openapi.json").await.json;
    let operations = operations(&document);
    let before = theirs.rows(&server).await;
    let mut faults = Vec::new();
    for operation in &operations {
        let Some(cases) = cases(operation, &theirs) else {
            faults.push(format!("{} {} ({}) is not covered", operation.method, operation.path, operation.id));
            continue;
        };
        for case in &cases {
            let with_ours = case.expected != Foreign::NotAsked;
            let mut answers = Vec::new();
            if with_ours {
                let answer = ours.ask(&ours, operation, case).await;
                answers.push(("our credentials", case.is_refused(&answer, &theirs), answer));
            }
            if case.is_authenticated() {
                let answer = theirs.ask(&ours, operation, case).await;
                answers.push(("their credentials", answer.status == 401, answer));
            }
            if operation.is_for_browsers {
                let answer = theirs.ask_by_browser(&ours, operation, case).await;
                answers.push(("their browser", answer.status == 401, answer));
            }
            for (with, is_right, answer) in answers {
                let where_ = format!("{} {} with {with}", operation.method, case.path);
                if !is_right {
                    faults.push(format!("{where_}: {answer:?}"));
                }
                let after = theirs.rows(&server).await;
                for (table, rows) in &after {
                    if rows != &before[table] {
                        faults.push(format!("{where_} changed {table}"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn what_the_neighbour_is_refused_the_owner_may_do() {
    let (server, theirs, _ours) = two_estates().await;
    let document = server.get("/openapi.json").await.json;
    let mut faults = Vec::new();
    for operation in &operations(&document) {
        for case in cases(operation, &theirs).unwrap_or_default() {
            // Tenants are administered from the default one alone; `api::admin::catalogue` does so.
            if matches!(case.expected, Foreign::NotAsked | Foreign::Forbidden) {
                continue;
            }
            let answer = theirs.ask(&theirs, operation, &case).await;
            if !answer.status.is_success() || !shows_something(&case, &answer) {
                faults.push(format!("{} {}: {answer:?}", operation.method, case.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn shows_something(case: &Case, answer: &Answer) -> bool {
    case.expected != Foreign::Inactive || answer.json["active"] == true
}
