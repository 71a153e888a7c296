//! A device exchanges its refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14).

mod asked;

use chrono::TimeDelta;

use asked::Asked;

use super::audit::By;
use super::authenticate_client::{AuthenticatedClient, unproven};
use super::dpop::Proof;
use super::oauth_error::{ErrorCode, OAuthError};
use super::tokens::IssuedTokens;
use super::{granting, mac_keys, token_families};
use crate::app::App;
use crate::model::client::{AuthMethod, Client, GrantType};
use crate::model::ids::ClientId;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::refresh_rule::{self, Presented};
use crate::model::refresh_token::RefreshToken;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::{HeldToken, RevocationReason, TokenFamily};
use crate::model::user::Standing;

/// What a client sends (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshRequest {
    pub refresh_token: BearerSecretText,
    /// `scope`, to narrow what the access token allows.
    pub scope: Option<String>,
    /// `resource` (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The proof of a key (RFC 9449).
    pub proof: Option<Proof>,
}

impl RefreshRequest {
    fn dpop_key(&self) -> Option<KeyThumbprint> {
        self.proof.as_ref().map(Proof::key)
    }
}

/// A secret as it was sent, not yet read.
pub type BearerSecretText = zeroize::Zeroizing<String>;

/// What becomes of a presented token.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Exchange,
    /// The same successor is issued again.
    Repeat {
        foreign: bool,
    },
    /// Someone has a copy of the token. The device ends.
    Reused,
    /// It is expired, revoked or superseded.
    Dead,
    /// Its device or account is locked, and may be unlocked: the token stays as it is.
    Locked,
}

/// Whether this client, and where a key is needed this key, may use the token; anybody else finds it as unknown, and
/// its own finds it untouched.
fn belongs_to(family: &TokenFamily, client: &ClientId, dpop_key: Option<KeyThumbprint>) -> bool {
    family.client_id == *client && family.dpop_key.is_none_or(|key| key.is(dpop_key))
}

/// The rule of generations ([`refresh_rule`]), for a device that may be locked or have ended.
fn judge(held: &HeldToken, presented: &Presented, window: TimeDelta) -> Verdict {
    let family = &held.family;
    let locked = match held.user.standing {
        Standing::Good => held.device_locked,
        Standing::Locked => true,
        // That is not undone by unlocking a device.
        Standing::Disabled => false,
    };
    if family.revoked_at.is_some() || presented.at >= family.expires_at {
        return Verdict::Dead;
    }
    match refresh_rule::judge(presented, &held.stored, window) {
        refresh_rule::Verdict::Theft => Verdict::Reused,
        refresh_rule::Verdict::Unknown => Verdict::Dead,
        _ if presented.at >= held.idle_expires_at => Verdict::Dead,
        _ if locked => Verdict::Locked,
        refresh_rule::Verdict::Exchange { .. } => Verdict::Exchange,
        refresh_rule::Verdict::Repeat { foreign } => Verdict::Repeat { foreign },
    }
}

/// Whether the caller proves that it is the installation that the tokens were issued to. A secret that many
/// installations share proves nothing of the kind.
pub(super) fn is_proven(client: &Client, dpop_key: Option<KeyThumbprint>) -> bool {
    dpop_key.is_some()
        || client.auth_method == AuthMethod::PrivateKeyJwt
        || client.credentials_per_installation
}

/// How often one request reads its row when others keep changing it.
const MOST_READINGS: usize = 16;

/// Exchanges a refresh token for the next generation and an access token, or repeats an exchange whose answer was lost.
///
/// Nearly always there is nothing to judge, and one statement does it. Where it finds anything else, it changes
/// nothing; then the token is looked up, and the rule says what becomes of it.
pub async fn refresh(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &RefreshRequest,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    client.require(GrantType::RefreshToken)?;
    let key = mac_keys::tokens(app, tenant.id).await?;
    let token = RefreshToken::read(tenant.id, &key, &request.refresh_token).ok_or_else(dead)?;
    let asked = Asked { app, tenant, client, request, origin, key, token, arrived_at: app.clock.now() };
    if let Some(tokens) = asked.exchange_unseen().await? {
        return Ok(tokens);
    }
    let mut proof = request.proof.as_ref();
    for _ in 0..MOST_READINGS {
        let held = asked.held().await?;
        if !held.client_enabled {
            return Err(unproven());
        }
        if !belongs_to(&held.family, &client.client_id, request.dpop_key()) {
            return Err(dead());
        }
        // Before the token is judged: a whole request that is sent again is no theft of the token.
        if let Some(proof) = proof.take() {
            proof.spend(app).await?;
        }
        let window = TimeDelta::seconds(i64::from(app.config.tokens.refresh_repeat_seconds));
        let done = match judge(&held, &asked.presented(&held), window) {
            Verdict::Exchange => asked.exchange(&held).await?,
            Verdict::Repeat { foreign } => asked.repeat(&held, foreign).await?,
            Verdict::Dead => return Err(dead()),
            Verdict::Locked if is_void(tenant, client, &held) => return Err(dead()),
            Verdict::Locked => return Err(locked()),
            Verdict::Reused if asked.may_be_unanswered(&held) => return Err(unsettled()),
            Verdict::Reused => {
                let (reason, by) =
                    (RevocationReason::RefreshTokenReused, By::client(&client.client_id, origin));
                token_families::revoke_stolen(app, tenant.id, held.family.device_id, reason, &by).await?;
                return Err(dead());
            }
        };
        if let Some(tokens) = done {
            metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
            return Ok(tokens);
        }
        // The row has changed since it was read. What is true now?
    }
    Err(unsettled())
}

/// Clients throw their tokens away on `invalid_grant`; they keep them on this.
const fn locked() -> OAuthError {
    OAuthError::new(
        ErrorCode::Locked,
        "The device or its user is locked; keep the token and try again later.",
    )
}

/// Refuses without ending the device's access: the database cannot yet tell a lost answer from theft.
fn unsettled() -> OAuthError {
    let description = "The database was not available a moment ago; try again later.";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}

/// Returns `true` if the family began before an instant that ended it.
fn is_void(tenant: &Tenant, client: &AuthenticatedClient, held: &HeldToken) -> bool {
    granting::is_void(held.family.created_at, tenant, &held.user, client)
}

fn dead() -> OAuthError {
    OAuthError::invalid_grant("The refresh token is invalid, expired, revoked or already used.")
}
