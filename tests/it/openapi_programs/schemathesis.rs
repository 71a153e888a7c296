//! Schemathesis asks everything that `openapi/openapi.json` describes, rightly and wrongly, and compares each answer
//! with the document: no 5xx, nothing undocumented, nothing taken that the document does not allow. Whoever may ask for
//! an operation asks for it, so that most are answered, and not only refused. Needs Python; where it or the network is
//! missing, the tests say so and are skipped.

mod report;

use std::path::{Path, PathBuf};

use latchkey::model::client::AuthMethod;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::support::device::Proof;
use crate::support::programs::{folder, python_environment, run};
use crate::support::{Device, TestServer};
use report::Report;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi_programs/schemathesis");
/// Every scope that somebody asks with.
const SCOPE: &str = "openid profile email offline_access devices clients device:approve admin";
const TO_SIGN_IN: &str = "openid profile email offline_access";
const OF_A_PERSON: &str = "openid devices clients device:approve";
const OF_AN_ADMINISTRATOR: &str = "openid admin";

/// Installs the program, once for all that ask for it: its folder, and that of the programs.
async fn installed() -> Option<&'static (PathBuf, PathBuf)> {
    static INSTALLED: OnceCell<Option<(PathBuf, PathBuf)>> = OnceCell::const_new();
    let install = async || {
        let folder =
            folder("openapi_schemathesis", Path::new(SOURCES), &["requirements.txt", "schemathesis.toml"]);
        let programs = python_environment(&folder).await?;
        Some((folder, programs))
    };
    INSTALLED.get_or_init(install).await.as_ref()
}

/// A server that answers everybody for as long as it is asked, and a client that may say who it is.
struct Asked {
    server: TestServer,
    robot: Device,
}

impl Asked {
    async fn start() -> Self {
        Self::by("robot").await
    }

    /// The same with a client of this identifier.
    async fn by(client_id: &str) -> Self {
        let server = TestServer::with(|config| {
            config.rate_limits.enabled = false;
            config.registration.enabled = true;
            config.clients.owner_role = Some("maker".parse().expect("a role"));
            config.tokens.access_lifetime_seconds = 3_600;
        })
        .await;
        let robot = server
            .client(client_id, SCOPE, |client| {
                client.auth_method = AuthMethod::ClientSecretBasic;
                client.introspects = vec![format!("{}/api", client.client_id)];
            })
            .await;
        Self { server, robot }
    }

    /// An access token for this scope, of somebody who has this role.
    async fn token(&self, username: &str, role: &str, scope: &str) -> String {
        let person = self.server.person(username, &[role]).await;
        self.robot.connect(&person, scope).await.string("access_token")
    }

    /// Has the program ask, with a token, for the operations that its options name. Where it finds fault, the test
    /// fails with what it says.
    async fn examine(&self, name: &str, options: &[&str], access_token: &str) -> Option<Report> {
        let (folder, programs) = installed().await?;
        let Proof::Basic(secret) = &self.robot.proof else { panic!("the client has a secret") };
        // Others run at the same time, and the program keeps notes where it runs.
        let place = folder.join(name);
        std::fs::create_dir_all(&place).expect("a folder below target");
        let mut schemathesis = Command::new(programs.join("schemathesis"));
        schemathesis.args(["--config-file", "../schemathesis.toml", "run", "--no-color"]);
        schemathesis.arg(format!("{}/openapi.json", self.server.base)).args(options);
        schemathesis
            .args(["--report", "ndjson", "--report-ndjson-path", "report.ndjson"])
            .current_dir(&place);
        schemathesis.envs([
            ("CLIENT_ID", self.robot.client_id.as_str()),
            ("CLIENT_SECRET", secret),
            ("ACCESS_TOKEN", access_token),
        ]);
        run("Schemathesis", &mut schemathesis).await?;
        Some(Report::read(&place.join("report.ndjson")))
    }

    /// Whether a token is as good as it was.
    async fn is_good(&self, access_token: &str) -> bool {
        let request = self.server.http.get(format!("{}/oauth/userinfo", self.server.base));
        let answer = request.bearer_auth(access_token).send().await.expect("the server answers");
        answer.status().is_success()
    }
}

#[tokio::test]
async fn programs_that_sign_in_are_answered_as_the_document_says() {
    // No code was approved, and registration has access tokens of its own.
    const OUT_OF_REACH: [&str; 5] = [
        "POST /oauth/token",
        "POST /oauth/register",
        "GET /oauth/register/{client_id}",
        "PUT /oauth/register/{client_id}",
        "DELETE /oauth/register/{client_id}",
    ];
    // The clients that the document's examples name: a resource server, and a device without a secret.
    let asked = Asked::by("photos-api").await;
    asked.server.tv().await;
    let token = asked.token("ada", "reader", TO_SIGN_IN).await;
    let open = [
        "--include-tag-regex=^(OAuth .*|Discovery)$",
        "--exclude-operation-id-regex=^v1_oauth_device_consent_",
    ];
    let Some(report) = asked.examine("protocol", &open, &token).await else { return };
    report.must_have_succeeded_but_for(&OUT_OF_REACH);
    assert!(asked.is_good(&token).await);
    let closed =
        ["--include-tag-regex=^(Devices|Your apps|Administration)$", "--phases=fuzzing", "--max-examples=2"];
    let Some(report) = asked.examine("refused", &closed, &token).await else { return };
    report.must_not_have_succeeded();
}

#[tokio::test]
async fn a_persons_own_programs_are_answered_as_the_document_says() {
    // No code waits for a decision, and the clients have no secret.
    const OUT_OF_REACH: [&str; 3] = [
        "GET /oauth/device/consent",
        "POST /oauth/device/consent",
        "POST /account/oauth/clients/{id}/secret",
    ];
    let asked = Asked::start().await;
    let token = asked.token("ada", "maker", OF_A_PERSON).await;
    let theirs = [
        "--include-tag=Devices",
        "--include-tag=Your apps",
        "--include-operation-id=v1_oauth_device_consent_show",
        "--include-operation-id=v1_oauth_device_consent_create",
        "--exclude-operation-id-regex=^v1_devices_(delete|delete_all|lock)$",
    ];
    let Some(report) = asked.examine("person", &theirs, &token).await else { return };
    report.must_have_succeeded_but_for(&OUT_OF_REACH);
    assert!(asked.is_good(&token).await);
    // What ends the device that asks, each by itself.
    for (name, operations) in [
        ("locks", "--include-operation-id-regex=^v1_devices_(list|lock)$"),
        ("deletes", "--include-operation-id-regex=^v1_devices_(list|delete)$"),
        ("deletes_all", "--include-operation-id-regex=^v1_devices_delete_all$"),
    ] {
        let token = asked.token(name, "maker", OF_A_PERSON).await;
        let Some(report) = asked.examine(name, &[operations], &token).await else { return };
        report.must_have_succeeded_but_for(&[]);
    }
}

#[tokio::test]
async fn an_administrators_programs_are_answered_as_the_document_says() {
    // No device waits for an answer, and what a client may be depends on all its members.
    const OUT_OF_REACH: [&str; 2] =
        ["POST /admin/oauth/device-authorizations/{id}/deny", "PATCH /admin/oauth/clients/{id}"];
    let asked = Asked::start().await;
    let token = asked.token("ada", "admin", OF_AN_ADMINISTRATOR).await;
    // Its client will have got another secret.
    let last_token = asked.token("bob", "admin", OF_AN_ADMINISTRATOR).await;
    let theirs = [
        "--include-path-regex=^/admin/(audit-log|devices|oauth)",
        "--exclude-operation-id-regex=^v1_admin_(clients_delete|devices_(delete|lock|revoke))$",
    ];
    let Some(report) = asked.examine("administrator", &theirs, &token).await else { return };
    report.must_have_succeeded_but_for(&OUT_OF_REACH);
    assert!(asked.is_good(&token).await);
    // Whoever asks is gone with the client.
    let ends = ["--include-operation-id-regex=^v1_admin_clients_(list|delete)$"];
    let Some(report) = asked.examine("deletes_clients", &ends, &last_token).await else { return };
    report.must_have_succeeded_but_for(&[]);
}

#[tokio::test]
async fn programs_for_a_whole_tenant_are_answered_as_the_document_says() {
    // Nobody disables or deletes the account that asks, and it may be the one that is found.
    const OF_OTHERS: [&str; 2] = ["PATCH /admin/users/{id}", "DELETE /admin/users/{id}"];
    let asked = Asked::start().await;
    // Nobody has the name that the document gives as an example.
    let token = asked.token("grace", "admin", OF_AN_ADMINISTRATOR).await;
    let theirs = [
        "--include-path-regex=^/admin/(?!audit-log|devices|oauth)",
        "--exclude-operation-id-regex=^v1_admin_(signing_keys_delete|users_(create|update|delete|sign_out))$",
    ];
    let Some(report) = asked.examine("tenant", &theirs, &token).await else { return };
    // No tenant is suspended, and nobody has a second factor.
    report.must_have_succeeded_but_for(&[
        "DELETE /admin/tenants/{slug}",
        "DELETE /admin/users/{id}/second-factor",
    ]);
    assert!(asked.is_good(&token).await);
    // What can end the token that asks.
    for (name, operations) in [
        ("users", "--include-operation-id-regex=^v1_admin_users_(list|create|update|delete|sign_out)$"),
        ("locks_any", "--include-operation-id-regex=^v1_admin_devices_(list|lock)$"),
        ("deletes_any", "--include-operation-id-regex=^v1_admin_devices_(list|delete)$"),
        ("revokes", "--include-operation-id-regex=^v1_admin_devices_revoke$"),
        ("removes_keys", "--include-operation-id-regex=^v1_admin_signing_keys_(list|delete)$"),
    ] {
        let token = asked.token(name, "admin", OF_AN_ADMINISTRATOR).await;
        let Some(report) = asked.examine(name, &[operations], &token).await else { return };
        report.must_have_succeeded_but_for(&OF_OTHERS);
    }
}
