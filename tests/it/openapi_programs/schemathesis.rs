//! Schemathesis asks everything that `openapi/openapi.json` describes, rightly and wrongly, and compares each answer
//! with the document: no 5xx, nothing undocumented. Needs Python; where it or the network is missing, the test says
//! so and is skipped.

use std::path::Path;

use latchkey::model::client::AuthMethod;
use tokio::process::Command;

use crate::support::TestServer;
use crate::support::device::Proof;
use crate::support::programs::{folder, python_environment, run};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi_programs/schemathesis");

/// Runs the program; where it finds fault, the test fails with what it says.
async fn examine(server: &TestServer, client: (&str, &str), access_token: &str) -> Option<()> {
    let files = ["requirements.txt", "schemathesis.toml"];
    let folder = folder("openapi_schemathesis", Path::new(SOURCES), &files);
    let programs = python_environment(&folder).await?;
    let mut schemathesis = Command::new(programs.join("schemathesis"));
    schemathesis.args(["--config-file", "schemathesis.toml", "run", "--no-color"]);
    schemathesis.arg(format!("{}/openapi.json", server.base)).current_dir(&folder);
    let environment = [("CLIENT_ID", client.0), ("CLIENT_SECRET", client.1), ("ACCESS_TOKEN", access_token)];
    run("Schemathesis", schemathesis.envs(environment)).await
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = false;
        config.registration.enabled = true;
    })
    .await;
    let scope = "openid profile email offline_access";
    let robot = server
        .client("robot", scope, |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.introspects = vec![format!("{}/api", client.client_id)];
        })
        .await;
    let Proof::Basic(secret) = &robot.proof else { panic!("the client has a secret") };
    let ada = server.ada().await;
    let tokens = robot.connect(&ada, scope).await;
    examine(&server, (&robot.client_id, secret), &tokens.string("access_token")).await;
}
