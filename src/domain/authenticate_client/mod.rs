//! Who is the client? (RFC 6749 §2.3, RFC 7521 §4.2, RFC 7523, RFC 8628 §3.1)

mod assertion;
mod refusal_log;
mod secret;

use std::ops::Deref;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::oauth_error::{ErrorCode, OAuthError};
use crate::app::App;
use crate::model::client::{AuthMethod, Client, GrantType};
use crate::model::jws::UnverifiedJws;
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
}

impl PresentedCredentials {
    /// Whether the request does not say who sends it at all.
    fn are_absent(&self) -> bool {
        let Self { basic, client_id, client_secret, assertion_type, assertion } = self;
        basic.is_none()
            && client_id.is_none()
            && client_secret.is_none()
            && assertion_type.is_none()
            && assertion.is_none()
    }
}

/// A client that is who it says, as far as its registration asks for proof. Having one is the proof.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    /// Refuses a client that may not use `grant` (RFC 6749 §5.2). One that is a user's own can do nothing while that
    /// account is shut.
    pub fn require(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.0.owner_is_shut() {
            let description = "The account that the client belongs to cannot be used.";
            return Err(OAuthError::new(ErrorCode::UnauthorizedClient, description));
        }
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
        &self.0
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
    outcome
}

async fn prove(
    app: &App,
    tenant: &Tenant,
    presented: &PresentedCredentials,
) -> Result<AuthenticatedClient, OAuthError> {
    let claim = Claim::read(presented)?;
    noted::client(&claim.client_id);
    let client = app.cached.client(&app.db, tenant.id, &claim.client_id).await?;
    let client = client.filter(|client| client.enabled);
    let proven = match claim.proof {
        Proof::None => client.as_ref().is_some_and(|client| client.is_public()),
        Proof::Secret(method, given) => secret::proves(client.as_deref(), method, given),
        Proof::Assertion(jws) => assertion::proves(app, tenant, client.as_deref(), jws).await?,
    };
    client.filter(|_| proven).map(AuthenticatedClient).ok_or(OAuthError::new(
        ErrorCode::InvalidClient,
        "The client is unknown or its authentication failed.",
    ))
}

/// The same for an endpoint that answers only clients which prove who they are; whoever does not even try fails the
/// authentication (RFC 7662 §2.1).
pub async fn authenticate_confidential(
    app: &App,
    tenant: &Tenant,
    presented: PresentedCredentials,
) -> Result<ConfidentialClient, OAuthError> {
    let refuse = || {
        let description = "Only clients that prove who they are may ask here.";
        OAuthError::new(ErrorCode::InvalidClient, description)
    };
    if presented.are_absent() {
        return Err(refuse());
    }
    let client = authenticate(app, tenant, presented).await?;
    if client.is_public() { Err(refuse()) } else { Ok(ConfidentialClient(client)) }
}

/// Who the request says it is from, by exactly one method.
struct Claim<'a> {
    client_id: String,
    proof: Proof<'a>,
}

/// What is to prove it.
enum Proof<'a> {
    None,
    Secret(AuthMethod, &'a str),
    Assertion(UnverifiedJws<'a>),
}

impl<'a> Claim<'a> {
    /// Refusals are those of RFC 7521 §4.2.1 and RFC 6749 §5.2: `invalid_request` when the request contradicts
    /// itself or is incomplete, `invalid_client` when a proof is there but none.
    fn read(presented: &'a PresentedCredentials) -> Result<Self, OAuthError> {
        let PresentedCredentials { basic, client_id, client_secret, assertion_type, assertion } = presented;
        if usize::from(basic.is_some())
            + usize::from(client_secret.is_some())
            + usize::from(assertion.is_some() || assertion_type.is_some())
            > 1
        {
            return Err(OAuthError::invalid_request(
                "Only one way of client authentication may be used at once.",
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
                    "The type of client assertion is not supported.",
                ));
            }
            _ => {
                return Err(OAuthError::invalid_request(
                    "client_assertion and client_assertion_type belong together.",
                ));
            }
        }
        match (basic, client_id, client_secret) {
            (Some((id, _)), Some(other), _) if id != other => Err(OAuthError::invalid_request(
                "client_id differs from the client of the Authorization header.",
            )),
            (Some((client_id, secret)), _, _) => Ok(Self {
                client_id: client_id.clone(),
                proof: Proof::Secret(AuthMethod::ClientSecretBasic, secret),
            }),
            (None, Some(client_id), Some(secret)) => Ok(Self {
                client_id: client_id.clone(),
                proof: Proof::Secret(AuthMethod::ClientSecretPost, secret),
            }),
            (None, Some(client_id), None) => Ok(Self { client_id: client_id.clone(), proof: Proof::None }),
            (None, None, _) => Err(OAuthError::invalid_request("client_id is required.")),
        }
    }

    /// The assertion names the client; `client_id` may repeat it (RFC 7521 §4.2).
    fn of_assertion(assertion: &'a str, client_id: Option<&str>) -> Result<Self, OAuthError> {
        let jws = assertion::read(assertion)?;
        let subject = jws.unverified_claim("sub").and_then(|subject| subject.as_str());
        // Postgres cannot even be asked for a text with U+0000.
        let subject = subject.filter(|subject| !subject.contains('\0'));
        let subject = subject.ok_or(assertion::refusal("The client assertion names no client in sub."))?;
        if client_id.is_some_and(|client_id| client_id != subject) {
            return Err(assertion::refusal("client_id differs from the client of the assertion."));
        }
        Ok(Self { client_id: subject.to_owned(), proof: Proof::Assertion(jws) })
    }
}
