//! Who exchanges what for tokens.

use latchkey::model::client::AuthMethod;
use latchkey::model::signing_key::SigningAlgorithm;

use super::stage::PUBLIC_URL;
use crate::support::device::DEVICE_GRANT;
use crate::support::{Answer, Device, DpopKey, TestServer};

pub(super) const OFFLINE: &str = "openid offline_access";

/// How a caller shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It proves to hold a key (RFC 9449).
    Key,
    /// It signs assertions (RFC 7523).
    Assertion,
    /// It has a secret that no other installation has.
    OwnSecret,
    /// By nothing but its client's name, so it is not proven to be the installation that has the tokens.
    Nothing,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Key, Self::Assertion, Self::OwnSecret, Self::Nothing];

    /// Registers a client of this kind; its device.
    pub(super) async fn device(self, home: &TestServer) -> Device {
        let client = |id, method| home.client(id, OFFLINE, move |client| client.auth_method = method);
        match self {
            Self::Key => client("bound", AuthMethod::None).await.with_key(&DpopKey::of(
                home,
                PUBLIC_URL,
                SigningAlgorithm::Es256,
            )),
            Self::Assertion => client("signing", AuthMethod::PrivateKeyJwt).await,
            Self::OwnSecret => {
                home.client("secretive", OFFLINE, |client| {
                    client.auth_method = AuthMethod::ClientSecretBasic;
                    client.credentials_per_installation = true;
                })
                .await
            }
            Self::Nothing => client("plain", AuthMethod::None).await,
        }
    }
}

/// What is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    RefreshToken(String),
    DeviceCode(String),
}

/// A caller, and what it exchanges next.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) kind: Kind,
    pub(super) device: Device,
    pub(super) credential: Credential,
    /// How often it was cut off.
    pub(super) cut_off: usize,
}

impl Exchange {
    pub(super) fn of_code(kind: Kind, device: Device, code: String) -> Self {
        Self { kind, device, credential: Credential::DeviceCode(code), cut_off: 0 }
    }

    /// Asks the server that is there.
    pub(super) fn ask(&self, base: &str) -> impl Future<Output = reqwest::Result<Answer>> + Send + 'static {
        let (device, credential) = (self.device.at(base), self.credential.clone());
        async move {
            let parameters = match &credential {
                Credential::RefreshToken(token) => {
                    [("grant_type", "refresh_token"), ("refresh_token", token)]
                }
                Credential::DeviceCode(code) => [("grant_type", DEVICE_GRANT), ("device_code", code)],
            };
            device.try_token(&parameters).await
        }
    }

    /// The same caller with the tokens that it got.
    pub(super) fn answered(self, answer: &Answer) -> Self {
        let credential = Credential::RefreshToken(answer.string("refresh_token"));
        Self { credential, cut_off: 0, ..self }
    }
}
