//! Who is the client? (RFC 6749 §2.3, RFC 7521 §4.2, RFC 7523, RFC 8628 §3.1)

mod assertion;
mod refusal_log;
mod secret;

use assertion::RepeatableAssertion;

use std::ops::Deref;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::oauth_error::{ErrorCode, OAuthError};
use super::policies;
use crate::app::App;
use crate::model::bearer_secret::SecretHash;
use crate::model::client::{AuthMethod, Client, GrantType};
use crate::model::client_authentication::CredentialPlace;
use crate::model::jws::UnverifiedJws;
use crate::model::policy::client_authentication::SecretIn;
use crate::model::tenant::Tenant;
use crate::noted;

/// The one type of client assertion that is understood (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request says about who sends it.
#[derive(Default)]
pub struct PresentedCredentials {
    /// From the `Authorization: Basic` header, form-decoded: client id and secret.
    pub basic: Option<(String, Zeroizing<String>)>,
    /// `client_id` in the body.
    pub client_id: Option<String>,
    /// `client_secret` in the body.
    pub client_secret: Option<Zeroizing<String>>,
    /// `client_assertion_type` in the body.
    pub assertion_type: Option<String>,
    /// `client_assertion` in the body.
    pub assertion: Option<Zeroizing<String>>,
    /// The device code that the request is about, if it is about one.
    pub device_code: Option<SecretHash>,
}

impl PresentedCredentials {
    /// Whether the request does not say who sends it at all.
    fn are_absent(&self) -> bool {
        let Self { basic, client_id, client_secret, assertion_type, assertion, device_code: _ } = self;
        basic.is_none()
            && client_id.is_none()
            && client_secret.is_none()
            && assertion_type.is_none()
            && assertion.is_none()
    }
}

/// A client that is who it says, as far as its registration asks for proof. Having one is the proof.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    client: Arc<Client>,
    place: CredentialPlace,
    repeatable: Option<RepeatableAssertion>,
}

impl AuthenticatedClient {
    /// Refuses a client that may not use `grant` (RFC 6749 §5.2). One that is a user's own can do nothing while that
    /// account is shut.
    pub fn require(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.client.owner_is_shut() {
            let description = "The user who owns this client is locked or disabled.";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, description));
        }
        if self.client.may_use(grant) {
            return Ok(());
        }
        Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "The client is not registered for this grant type.",
        ))
    }

    #[must_use]
    pub fn shared(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }
}

impl AuthenticatedClient {
    /// Returns where the request showed what the client authenticates with.
    #[must_use]
    pub const fn place(&self) -> CredentialPlace {
        self.place
    }

    /// Allows the assertion of this request once more in the flow of the device code that the request started, if an
    /// administrator allows the client to repeat it.
    pub async fn repeat_in_flow(&self, app: &App, device_code: SecretHash) -> Result<(), OAuthError> {
        match &self.repeatable {
            Some(assertion) => assertion.bind(app, self.client.tenant_id, device_code).await,
            None => Ok(()),
        }
    }
}

/// A client that has proved who it is. Having one is the proof.
#[derive(Clone, Debug)]
pub struct ConfidentialClient(AuthenticatedClient);

impl Deref for ConfidentialClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Finds the client and checks its proof. A failure changes nothing: neither the client, nor any code, nor which
/// assertions were used.
pub async fn authenticate(
    app: &App,
    tenant: &Tenant,
    presented: PresentedCredentials,
) -> Result<AuthenticatedClient, OAuthError> {
    let outcome = prove(app, tenant, &presented).await;
    if let Err(error) = &outcome {
        refusal_log::log(app, tenant, &presented, error).await;
    }
    if presented.basic.is_some() { outcome.map_err(OAuthError::with_challenge) } else { outcome }
}

async fn prove(
    app: &App,
    tenant: &Tenant,
    presented: &PresentedCredentials,
) -> Result<AuthenticatedClient, OAuthError> {
    let claim = Claim::read(presented)?;
    noted::client(&claim.client_id);
    let place = claim.place;
    let client = app.cached.client(&app.db, tenant.id, &claim.client_id).await?;
    let client = client.filter(|client| client.enabled);
    let mut repeatable = None;
    let proven = match claim.proof {
        Proof::None => client.as_ref().is_some_and(|client| client.is_public()),
        Proof::Secret(given) => {
            secret::proves(client.as_deref(), given)
                && client.as_ref().is_some_and(|client| may_show_secret(app, tenant, client, place))
        }
        Proof::Assertion(jws) => {
            let proven =
                assertion::proves(app, tenant, client.as_deref(), jws, presented.device_code).await?;
            proven.is_some_and(|found| {
                repeatable = found;
                true
            })
        }
    };
    client
        .filter(|_| proven)
        .map(|client| AuthenticatedClient { client, place, repeatable })
        .ok_or_else(unproven)
}

/// Of a client that is unknown, disabled or somebody else (RFC 6749 §5.2).
pub(super) fn unproven() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, "Client authentication failed.")
}

/// Returns `true` if the client may show its secret in this place: in either, unless its policy, or its tenant's,
/// insists on the method that it is registered for.
fn may_show_secret(app: &App, tenant: &Tenant, client: &Client, place: CredentialPlace) -> bool {
    let registered = match client.auth_method {
        AuthMethod::ClientSecretBasic => CredentialPlace::Header,
        _ => CredentialPlace::Body,
    };
    place == registered
        || policies::effective(app, tenant, client).client_authentication.secret_in == SecretIn::Either
}

/// The same for an endpoint that answers only clients which prove who they are; whoever does not even try fails the
/// authentication (RFC 7662 §2.1).
pub async fn authenticate_confidential(
    app: &App,
    tenant: &Tenant,
    presented: PresentedCredentials,
) -> Result<ConfidentialClient, OAuthError> {
    let refuse = || {
        let description = "This endpoint requires client authentication.";
        OAuthError::new(ErrorCode::UnauthenticatedClient, description)
    };
    if presented.are_absent() {
        return Err(refuse());
    }
    let client = authenticate(app, tenant, presented).await.map_err(OAuthError::with_challenge)?;
    if client.is_public() { Err(refuse()) } else { Ok(ConfidentialClient(client)) }
}

/// Who the request says it is from, by exactly one method.
struct Claim<'a> {
    client_id: String,
    place: CredentialPlace,
    proof: Proof<'a>,
}

enum Proof<'a> {
    None,
    Secret(&'a str),
    Assertion(UnverifiedJws<'a>),
}

impl<'a> Claim<'a> {
    /// Refusals are those of RFC 7521 §4.2.1 and RFC 6749 §5.2: `invalid_request` when the request contradicts
    /// itself or is incomplete, `invalid_client` when a proof is there but none.
    fn read(presented: &'a PresentedCredentials) -> Result<Self, OAuthError> {
        let PresentedCredentials { basic, client_id, client_secret, assertion_type, assertion, .. } =
            presented;
        if usize::from(basic.is_some())
            + usize::from(client_secret.is_some())
            + usize::from(assertion.is_some() || assertion_type.is_some())
            > 1
        {
            return Err(OAuthError::invalid_request(
                "Use only one client authentication method per request.",
            ));
        }
        match (assertion_type.as_deref(), assertion) {
            (None, None) => {}
            (Some(JWT_BEARER), Some(assertion)) => {
                return Self::of_assertion(assertion, client_id.as_deref());
            }
            (Some(_), Some(_)) => {
                return Err(OAuthError::new(
                    ErrorCode::InvalidClient,
                    "client_assertion_type is not supported.",
                ));
            }
            _ => {
                return Err(OAuthError::invalid_request(
                    "Send client_assertion and client_assertion_type together.",
                ));
            }
        }
        match (basic, client_id, client_secret) {
            (Some((id, _)), Some(other), _) if id != other => {
                Err(OAuthError::invalid_request("client_id does not match the Authorization header."))
            }
            // Libraries of public clients send their client_id this way too, with nothing behind the colon.
            (Some((client_id, secret)), _, _) => Ok(Self {
                client_id: client_id.clone(),
                place: CredentialPlace::Header,
                proof: if secret.is_empty() { Proof::None } else { Proof::Secret(secret) },
            }),
            (None, Some(client_id), Some(secret)) => Ok(Self {
                client_id: client_id.clone(),
                place: CredentialPlace::Body,
                proof: Proof::Secret(secret),
            }),
            (None, Some(client_id), None) => {
                Ok(Self { client_id: client_id.clone(), place: CredentialPlace::Body, proof: Proof::None })
            }
            (None, None, _) => Err(OAuthError::invalid_request("client_id is required.")),
        }
    }

    /// The assertion names the client; `client_id` may repeat it (RFC 7521 §4.2).
    fn of_assertion(assertion: &'a str, client_id: Option<&str>) -> Result<Self, OAuthError> {
        let jws = assertion::read(assertion)?;
        let subject = jws.unverified_claim("sub").and_then(|subject| subject.as_str());
        // Postgres cannot even be asked for a text with U+0000.
        let subject = subject.filter(|subject| !subject.contains('\0'));
        let subject =
            subject.ok_or(assertion::refusal("sub in the client assertion must be the client_id."))?;
        if client_id.is_some_and(|client_id| client_id != subject) {
            return Err(assertion::refusal("client_id does not match the client assertion."));
        }
        let (client_id, place) = (subject.to_owned(), CredentialPlace::Assertion);
        Ok(Self { client_id, place, proof: Proof::Assertion(jws) })
    }
}
