//! DPoP (RFC 9449): a client proves with each request that it holds a key, and only that key can go on.
//!
//! A proof is used in three steps, each in its place:
//!
//! 1. [`prove`] and its sisters check it by the rule in [`proof`] (§4.3), and that this server has not seen it
//!    before. The request is then known to come from the holder of a key.
//! 2. What the request is about may be bound to a key: whoever reads it compares the two ([`Proof::key`]).
//! 3. [`Proof::spend`] uses the proof up on all servers, immediately before something is issued or shown.
//!
//! A poll that finds nobody decided stops before step 3, so that it needs no database. The same poll is refused
//! when it comes to this server again. Another server would take it once more within [`proof::WINDOW`], and that
//! gains nothing: while nobody has decided, the answer is `authorization_pending` or `slow_down`. Should somebody
//! have decided in between, the tokens are bound to the key that signed the proof, which the proof does not
//! contain; whoever repeats the poll can use none of them, and all the device loses is this one login. Whoever can
//! repeat a poll has read it inside TLS, together with its device code and whatever else the client said to prove
//! who it is, and could as well have read or held back the answer. A proof that was answered with tokens is used
//! up everywhere, and brings no second ones.

pub mod nonce;
pub mod proof;
pub mod refusal;
pub mod target;

use chrono::{DateTime, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::TenantId;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::tenant::Tenant;
use crate::store::recent_proofs::Noted;
use crate::store::used_jtis;
use proof::Expected;
use refusal::ProofError;
use target::Target;

/// A proof as a request carries it, and the request as the proof must name it.
#[derive(Debug)]
pub struct Presented {
    /// The `DPoP` header.
    pub jwt: String,
    pub method: String,
    /// Scheme, host and port under which the public reaches it, by the settings and never by the request alone.
    pub origin: String,
    /// Every path under which the public reaches the endpoint.
    pub paths: Vec<String>,
}

/// A proof that holds: the request comes from whoever has the key. Having one is the proof.
#[derive(Debug)]
pub struct Proof {
    key: KeyThumbprint,
    tenant: TenantId,
    jti: SecretHash,
    expires_at: DateTime<Utc>,
    spending: Spending,
}

/// Whether the other servers know already that a proof was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spending {
    Due,
    Done,
}

impl Proof {
    #[must_use]
    pub const fn key(&self) -> KeyThumbprint {
        self.key
    }

    /// Marks the proof as used on all instances. Fails if it was used before (§11.1).
    pub async fn spend(&self, app: &App) -> Result<(), OAuthError> {
        match self.spending {
            Spending::Done => Ok(()),
            Spending::Due if used_jtis::spend(&app.db, self.tenant, self.jti, self.expires_at).await? => {
                Ok(())
            }
            Spending::Due => Err(ProofError::Replayed.into()),
        }
    }
}

/// Checks the proof of a request that may come without one.
pub async fn prove(
    app: &App,
    tenant: &Tenant,
    presented: Option<&Presented>,
) -> Result<Option<Proof>, OAuthError> {
    match presented {
        Some(presented) => check(app, tenant, presented, None).await.map(Some),
        None => Ok(None),
    }
}

/// Checks the proof of a token request; a client that was registered for bound tokens must bring one (§5.2).
pub async fn prove_for_tokens(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    presented: Option<&Presented>,
) -> Result<Option<Proof>, OAuthError> {
    if presented.is_none() && client.dpop_bound_access_tokens {
        return Err(ProofError::Missing.into());
    }
    prove(app, tenant, presented).await
}

/// Checks the proof that comes with an access token (§7): it must be for that token. Whether its key is the token's
/// is for the caller to compare; then the proof is to be spent.
pub async fn prove_with_access_token(
    app: &App,
    tenant: &Tenant,
    presented: Option<&Presented>,
    access_token: &str,
) -> Result<Proof, OAuthError> {
    check(app, tenant, presented.ok_or(ProofError::Missing)?, Some(access_token)).await
}

async fn check(
    app: &App,
    tenant: &Tenant,
    presented: &Presented,
    access_token: Option<&str>,
) -> Result<Proof, OAuthError> {
    let (now, own_now) = (app.clock.now(), app.clock.own_now());
    let nonces = app.config.dpop.require_nonce.then(|| nonce::accepted(app, &tenant.slug));
    let expected = Expected {
        method: &presented.method,
        target: Target { origin: &presented.origin, paths: &presented.paths },
        access_token,
        nonces: nonces.as_deref(),
    };
    let proof::Checked { key, jti, expires_at } = proof::check(&presented.jwt, &expected, &[own_now, now])?;
    let expires_at = app.clock.over_by_both(expires_at);
    let proof = Proof { key, tenant: tenant.id, jti, expires_at, spending: Spending::Due };
    match app.recent_proofs.note(jti, expires_at, now) {
        Noted::New => Ok(proof),
        Noted::Known => Err(ProofError::Replayed.into()),
        // What cannot be remembered here is remembered by all.
        Noted::Full => {
            proof.spend(app).await?;
            Ok(Proof { spending: Spending::Done, ..proof })
        }
    }
}
