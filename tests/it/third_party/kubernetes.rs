//! ID tokens pass the JWT authenticator of the Kubernetes API server: the program of `go/kubernetes`.

use std::path::Path;
use std::process::Stdio;

use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{SCOPE, go};
use crate::support::TestServer;
use crate::support::patience::in_time;

/// Kubernetes takes no issuer without TLS.
const ISSUER: &str = "https://latchkey.example.org";

/// A token, and what is to be seen of it.
struct Case {
    told: Value,
    must_be: Box<dyn Fn(&Value) -> bool>,
}

/// What the API server makes of each token.
async fn judged(program: &Path, cases: &[Case]) -> Vec<Value> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("standard input");
    let lines: Vec<String> = cases.iter().map(|case| format!("{}\n", case.told)).collect();
    input.write_all(lines.concat().as_bytes()).await.expect("it listens");
    drop(input);
    let output = in_time("the program ends", child.wait_with_output()).await.expect("its output");
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn kubernetes_takes_id_tokens_by_claims_and_by_expressions() {
    let Some(program) = go::compiled("kubernetes").await else { return };
    let server = TestServer::with(|config| config.server.public_url = ISSUER.parse().ok()).await;
    let ada = server.ada().await;
    let subject = server.user_id("ada").await.to_string();
    let mut cases = Vec::new();
    for (registered, algorithms) in [
        // Nothing is registered, and nothing is said to Kubernetes: both mean RS256.
        (None, json!([])),
        (Some(SigningAlgorithm::Rs256), json!([])),
        (Some(SigningAlgorithm::Es256), json!(["ES256"])),
    ] {
        let id = format!("kubectl-{}", registered.map_or("default", SigningAlgorithm::as_str));
        let kubectl = server.client(&id, SCOPE, |client| client.id_token_algorithm = registered).await;
        let tokens = kubectl.connect(&ada, SCOPE).await;
        let told = |form: &str, token: &str| {
            let token = tokens.string(token);
            json!({
                "issuer": ISSUER, "address": server.base, "audience": id, "algorithms": algorithms, "form": form,
                "token": token,
            })
        };
        let sub = subject.clone();
        let by_claims = move |user: &Value| user["name"] == "latchkey:ada@example.org" && user["uid"] == sub;
        cases.push(Case { told: told("claims", "id_token"), must_be: Box::new(by_claims) });
        let sub = subject.clone();
        let by_expressions = move |user: &Value| {
            // Its audit log names a token by its `jti`.
            let credential = user["extra"]["authentication.kubernetes.io/credential-id"][0].as_str();
            user["name"] == "latchkey:ada"
                && user["uid"] == sub
                && user["groups"] == json!(["pwd"])
                && user["extra"]["latchkey.example/acr"] == json!(["urn:latchkey:acr:1fa"])
                && credential.is_some_and(|id| id.starts_with("JTI="))
        };
        cases.push(Case { told: told("expressions", "id_token"), must_be: Box::new(by_expressions) });
        let refused = |user: &Value| user["refused"].is_string();
        cases.push(Case { told: told("claims", "access_token"), must_be: Box::new(refused) });
    }
    let users = judged(&program, &cases).await;
    assert_eq!(users.len(), cases.len(), "{users:?}");
    for (case, user) in cases.iter().zip(&users) {
        assert!((case.must_be)(user), "{} is {user}", case.told);
    }
}
