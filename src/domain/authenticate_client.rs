//! Who is the client? (RFC 6749 §2.3, RFC 8628 §3.1)

use std::ops::Deref;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::oauth_error::{ErrorCode, OAuthError};
use crate::app::App;
use crate::model::bearer_secret::SecretHash;
use crate::model::client::{AuthMethod, Client, GrantType};
use crate::model::tenant::Tenant;

/// What a request says about who sends it.
#[derive(Default)]
pub struct PresentedCredentials {
    /// From the `Authorization: Basic` header, form-decoded: client id and secret.
    pub basic: Option<(String, Zeroizing<String>)>,
    /// `client_id` in the body.
    pub client_id: Option<String>,
    /// `client_secret` in the body.
    pub client_secret: Option<Zeroizing<String>>,
    /// Whether the body holds a `client_assertion`.
    pub assertion: Option<Assertion>,
}

/// A client assertion (RFC 7523); none is understood yet.
#[derive(Clone, Copy, Debug)]
pub struct Assertion;

/// A client that is who it says, as far as its registration asks for proof. Having one is the proof.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    /// Refuses a client that may not use `grant` (RFC 6749 §5.2).
    pub fn require(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.0.may_use(grant) {
            return Ok(());
        }
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, "The client is not registered for this grant."))
    }

    /// The client, to keep it.
    #[must_use]
    pub fn shared(&self) -> Arc<Client> {
        Arc::clone(&self.0)
    }
}

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Finds the client and checks its proof. A failure changes nothing: neither the client, nor any code.
pub async fn authenticate(
    app: &App,
    tenant: &Tenant,
    presented: PresentedCredentials,
) -> Result<AuthenticatedClient, OAuthError> {
    let claim = Claim::read(presented)?;
    let client = app.cached.client(&app.db, tenant.id, &claim.client_id).await?;
    let proven = proves(client.as_deref(), &claim);
    match client {
        Some(client) if proven && client.enabled => Ok(AuthenticatedClient(client)),
        _ => Err(OAuthError::new(
            ErrorCode::InvalidClient,
            "The client is unknown or its authentication failed.",
        )),
    }
}

/// Who the request says it is from, by exactly one method.
struct Claim {
    client_id: String,
    method: AuthMethod,
    secret: Option<Zeroizing<String>>,
}

impl Claim {
    fn read(presented: PresentedCredentials) -> Result<Self, OAuthError> {
        let PresentedCredentials { basic, client_id, client_secret, assertion } = presented;
        if usize::from(basic.is_some())
            + usize::from(client_secret.is_some())
            + usize::from(assertion.is_some())
            > 1
        {
            return Err(OAuthError::invalid_request(
                "Only one way of client authentication may be used at once.",
            ));
        }
        if assertion.is_some() {
            return Err(OAuthError::new(ErrorCode::InvalidClient, "Client assertions are not supported."));
        }
        match (basic, client_id, client_secret) {
            (Some((id, _)), Some(other), _) if id != other => Err(OAuthError::invalid_request(
                "client_id differs from the client of the Authorization header.",
            )),
            (Some((client_id, secret)), _, _) => {
                Ok(Self { client_id, method: AuthMethod::ClientSecretBasic, secret: Some(secret) })
            }
            (None, Some(client_id), Some(secret)) => {
                Ok(Self { client_id, method: AuthMethod::ClientSecretPost, secret: Some(secret) })
            }
            (None, Some(client_id), None) => Ok(Self { client_id, method: AuthMethod::None, secret: None }),
            (None, None, _) => Err(OAuthError::invalid_request("client_id is required.")),
        }
    }
}

/// The rule: the method is the registered one, and the secret is right. An unknown client costs the same work.
fn proves(client: Option<&Client>, claim: &Claim) -> bool {
    let given = claim.secret.as_ref().map_or(SecretHash([0; 32]), |secret| SecretHash::of(secret));
    let expected = client.and_then(|client| client.secret_hash).unwrap_or(SecretHash([1; 32]));
    let equal = bool::from(given.0.ct_eq(&expected.0));
    client.is_some_and(|client| {
        client.auth_method == claim.method && (client.auth_method == AuthMethod::None || equal)
    })
}
