//! RFC 6750 §3, RFC 9449 §7.1: every endpoint that a token opens says how, whatever was wrong with the one that came.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::{Answer, TestServer};

const REGISTRATION: &str = "/oauth/register";

/// Every operation of the OpenAPI document that an access token opens.
fn protected(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("a path").iter().map(move |(method, operation)| (method, path, operation))
    });
    let opens = |operation: &Value| {
        let alternatives = operation["security"].as_array().into_iter().flatten();
        alternatives.into_iter().any(|alternative| alternative.get("access_token").is_some())
    };
    operations
        .filter(|(_, _, operation)| opens(operation))
        .map(|(method, path, _)| {
            let path: Vec<_> =
                path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
            (method.to_uppercase().parse().expect("a method"), path.join("/"))
        })
        .collect()
}

async fn ask(server: &TestServer, (method, path): &(Method, String), authorization: Option<&str>) -> Answer {
    let request = server.http.request(method.clone(), format!("{}{path}", server.base));
    // The token of a registration is looked at once the whole request can be read.
    let request = if path.starts_with(REGISTRATION) && *method != Method::GET {
        request.json(&json!({}))
    } else {
        request
    };
    send(match authorization {
        Some(value) => request.header("authorization", value),
        None => request,
    })
    .await
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let values = answer.headers.get_all("www-authenticate").iter();
    values.map(|value| value.to_str().expect("a challenge is text")).collect()
}

#[tokio::test]
async fn every_protected_endpoint_answers_with_challenges() {
    let server = TestServer::with(|config| config.registration.enabled = true).await;
    let operations = protected(&server.get("/openapi.json").await.json);
    assert!(operations.len() > 50, "{operations:?}");
    for operation in &operations {
        let is_registration = operation.1.starts_with(REGISTRATION);
        let offered = if is_registration { &["Bearer"][..] } else { &["Bearer", "DPoP"] };
        for (authorization, scheme, expected) in [
            (None, "Bearer", Some("")),
            // A scheme that presents no token.
            (Some("Basic eDp5"), "Bearer", Some("")),
            (Some("Bearer nonsense"), "Bearer", Some("invalid_token")),
            (Some("bearer nonsense"), "Bearer", Some("invalid_token")),
            (Some("Bearer"), "Bearer", None),
            (Some("Bearer a b"), "Bearer", None),
            (Some("DPoP nonsense"), "DPoP", None),
        ] {
            let answer = ask(&server, operation, authorization).await;
            let told = format!("{operation:?} {authorization:?} {answer:?}");
            let challenges = challenges(&answer);
            let mut schemes: Vec<_> =
                challenges.iter().filter_map(|challenge| challenge.split(' ').next()).collect();
            schemes.sort_unstable();
            assert_eq!(schemes, offered, "{told}");
            if let Some(error) = expected {
                assert_eq!(answer.status, 401, "{told}");
                assert_eq!(answer.header("cache-control"), "no-store", "{told}");
                let said = challenges.iter().any(|challenge| challenge.contains("error="));
                assert_eq!(said, !error.is_empty(), "{told}");
                if !error.is_empty() {
                    assert_eq!(answer.error(), error, "{told}");
                }
            } else {
                assert!([400, 401].contains(&answer.status.as_u16()), "{told}");
            }
            // Only the scheme that was used says what was wrong.
            for challenge in challenges {
                assert!(!challenge.contains("error=") || challenge.starts_with(scheme), "{told}");
                assert!(challenge.contains(r#"realm="latchkey""#), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_token_at_userinfo_is_answered_with_a_challenge() {
    let server = TestServer::start().await;
    let url = format!("{}/oauth/userinfo", server.base);
    let twice = server.http.post(&url).bearer_auth("x").form(&[("access_token", "y")]);
    let repeated = server.http.post(&url).form(&[("access_token", "x"), ("access_token", "y")]);
    let malformed = server.http.get(&url).header("authorization", "Bearer a b");
    for request in [twice, repeated, malformed] {
        let answer = send(request).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_request"), "{answer:?}");
        let challenges = challenges(&answer);
        assert!(
            challenges[0].starts_with(r#"Bearer realm="latchkey", error="invalid_request""#),
            "{answer:?}"
        );
        assert!(challenges[1].starts_with("DPoP "), "{answer:?}");
    }
}
