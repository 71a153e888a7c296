//! Client libraries for Go: the program of `go/clients`.

use std::path::{Path, PathBuf};

use latchkey::model::client::AuthMethod;
use latchkey::model::client_authentication::AssertionAllowance;
use tokio::process::Command;

use super::journeys::every_ending;
use super::{Library, Program};
use crate::support::programs::{INSTALLED, Language, build};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/third_party/go");

pub(super) const LIBRARIES: &[Library] = &[
    Library::new("x/oauth2", AuthMethod::None).probing(),
    Library::new("x/oauth2", AuthMethod::ClientSecretBasic).probing(),
    Library::new("kubelogin", AuthMethod::None),
    Library::new("zitadel/oidc", AuthMethod::None),
    Library::new("zitadel/oidc", AuthMethod::ClientSecretBasic),
    // It makes one assertion for all polls of a flow.
    Library::new("zitadel/oidc", AuthMethod::PrivateKeyJwt).allowed(&[AssertionAllowance::RepeatedAssertion]),
    Library::new("cli/oauth", AuthMethod::None),
    Library::new("cli/oauth", AuthMethod::ClientSecretBasic),
];

/// The program in this folder, compiled below `target`.
pub(super) async fn compiled(package: &str) -> Option<PathBuf> {
    let program = Path::new(INSTALLED).join("third-party-go").join(package);
    let mut go = Command::new("go");
    go.arg("build").arg("-o").arg(&program).arg(format!("./{package}")).current_dir(SOURCES);
    build(Language::Go, &mut go).await?;
    Some(program)
}

pub(super) async fn clients() -> Option<Program> {
    Some(Program::start(&mut Command::new(compiled("clients").await?)))
}

#[tokio::test]
async fn libraries_for_go_handle_every_ending_of_the_flow() {
    let Some(program) = clients().await else { return };
    every_ending(&program, LIBRARIES).await;
}
