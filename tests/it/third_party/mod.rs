//! Client libraries of other people complete the flow as they are: each at its defaults, as a public client and as one
//! with a secret or a key.

mod go;
mod house;
mod java;
mod javascript;
mod journeys;
mod kept_connections;
mod kubernetes;
pub mod oauth2_crate;
mod program;

use latchkey::model::client::AuthMethod;
use latchkey::model::client_authentication::AssertionAllowance;

use program::Program;

const SCOPE: &str = "openid profile email offline_access";
/// The polls before a late approval at the default interval: 25 seconds of them, and the next brings the tokens.
const PATIENT_POLLS: usize = 5;

/// A library, and the client as which it runs.
#[derive(Clone, Copy, Debug)]
struct Library {
    /// As the program knows it.
    name: &'static str,
    /// How the client is registered.
    registered: AuthMethod,
    /// The library's setting, where it has to be told how to authenticate.
    method: &'static str,
    /// What an administrator allows its assertions.
    allowances: &'static [AssertionAllowance],
    /// How often it sends one poll: some try two ways to authenticate, each time.
    sends: usize,
}

impl Library {
    const fn new(name: &'static str, registered: AuthMethod) -> Self {
        let method = match registered {
            AuthMethod::None => "none",
            AuthMethod::ClientSecretBasic => "client_secret_basic",
            AuthMethod::ClientSecretPost => "client_secret_post",
            AuthMethod::PrivateKeyJwt => "private_key_jwt",
        };
        Self { name, registered, method, allowances: &[], sends: 1 }
    }

    /// The same library with another setting than the registration's.
    const fn set_to(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// The same library, with assertions that need this allowance.
    const fn allowed(self, allowances: &'static [AssertionAllowance]) -> Self {
        Self { allowances, ..self }
    }

    /// The same library, which tries two ways to authenticate at each poll.
    const fn probing(self) -> Self {
        Self { sends: 2, ..self }
    }
}

#[tokio::test]
async fn libraries_get_tokens_approved_after_half_a_minute_of_polls() {
    let programs: [(Option<Program>, &[Library]); 3] = [
        (go::clients().await, go::LIBRARIES),
        (java::clients().await, java::LIBRARIES),
        (javascript::clients(), javascript::LIBRARIES),
    ];
    let mut runs = Vec::new();
    for (program, libraries) in &programs {
        if let Some(program) = program {
            runs.extend(libraries.iter().map(|library| (program, *library)));
        }
    }
    journeys::long_wait(&runs).await;
}
