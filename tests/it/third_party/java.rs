//! Client libraries for Java: the program of `java`, built by Maven.

use std::path::Path;

use latchkey::model::client::AuthMethod;
use latchkey::model::client_authentication::AssertionAllowance;
use tokio::process::Command;

use super::journeys::{approval, every_ending};
use super::{Library, Program};
use crate::support::programs::java_program;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/third_party/java");

/// Assertions of these libraries are for the token endpoint.
const ENDPOINT: &[AssertionAllowance] = &[AssertionAllowance::TokenEndpointAudience];

pub(super) const LIBRARIES: &[Library] = &[
    Library::new("nimbus", AuthMethod::None),
    Library::new("nimbus", AuthMethod::ClientSecretBasic),
    Library::new("nimbus", AuthMethod::ClientSecretBasic).set_to("client_secret_post"),
    Library::new("nimbus", AuthMethod::PrivateKeyJwt).allowed(ENDPOINT),
];

/// Spring Security uses tokens; it has no device flow of its own.
const SPRING: &[Library] = &[
    Library::new("spring-security", AuthMethod::None),
    Library::new("spring-security", AuthMethod::ClientSecretBasic),
    Library::new("spring-security", AuthMethod::ClientSecretBasic).set_to("client_secret_post"),
    Library::new("spring-security", AuthMethod::PrivateKeyJwt).allowed(ENDPOINT),
];

pub(super) async fn clients() -> Option<Program> {
    let mut java: Command = java_program("third-party-java", Path::new(SOURCES)).await?;
    Some(Program::start(java.arg("Clients")))
}

#[tokio::test]
async fn libraries_for_java_handle_every_ending_of_the_flow() {
    let Some(program) = clients().await else { return };
    every_ending(&program, LIBRARIES).await;
}

#[tokio::test]
async fn spring_security_verifies_refreshes_and_gets_tokens_of_its_own() {
    let Some(program) = clients().await else { return };
    approval(&program, SPRING).await;
}
