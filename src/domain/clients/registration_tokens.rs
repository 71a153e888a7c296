//! Tokens that let somebody register clients (RFC 7591 §3, "initial access token"): made and deleted by operators.

use chrono::TimeDelta;
use serde_json::json;

use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::device::displayable;
use crate::model::ids::{RegistrationTokenId, TenantId};
use crate::model::registration_token::RegistrationToken;
use crate::store::{StoreError, registration_tokens};

/// The longest life of such a token.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::days(365);
/// The most clients that one token is good for.
pub const MOST_USES: i32 = 10_000;

/// Why no token is made or deleted.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationTokenError {
    /// The name cannot be shown to people.
    #[error(
        "a label must have 1 to 128 characters, with no control or bidirectional characters and no mixed \
         alphabets in a word"
    )]
    UnfitName,
    /// It would be good for too many or for none.
    #[error("a token must allow 1 to 10000 registrations")]
    UnfitUses,
    /// It would live too long or not at all.
    #[error("a token must expire within 365 days")]
    UnfitLife,
    #[error("registration token not found")]
    NoSuchToken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token that is good for so many clients within `life`. Its secret is shown this once; its hash is all that
/// stays.
pub async fn create(
    app: &App,
    tenant: TenantId,
    name: &str,
    uses: i32,
    life: TimeDelta,
    by: &By<'_>,
) -> Result<(RegistrationToken, BearerSecret), RegistrationTokenError> {
    let name = displayable(name).ok().filter(|name| !name.is_empty());
    if !(1..=MOST_USES).contains(&uses) {
        return Err(RegistrationTokenError::UnfitUses);
    }
    if life <= TimeDelta::zero() || life > LONGEST_LIFE {
        return Err(RegistrationTokenError::UnfitLife);
    }
    let now = app.clock.now();
    let token = RegistrationToken {
        id: RegistrationTokenId(app.random.uuid_v7(now)),
        name: name.ok_or(RegistrationTokenError::UnfitName)?,
        uses_left: uses,
        created_at: now,
        expires_at: now + life,
    };
    let secret = BearerSecret::generate(SecretKind::InitialAccess, &app.random);
    let mut change = Change::begin(app, tenant, by).await?;
    registration_tokens::insert(&mut *change, tenant, &token, secret.hash()).await?;
    let details = json!({"name": token.name, "uses": uses, "expires_at": token.expires_at});
    change.audit(Action::RegistrationTokenCreated, Target::RegistrationToken(token.id), details).await?;
    change.commit().await?;
    Ok((token, secret))
}

/// Deletes a token; the clients that registered with it stay.
pub async fn delete(
    app: &App,
    tenant: TenantId,
    id: RegistrationTokenId,
    by: &By<'_>,
) -> Result<(), RegistrationTokenError> {
    let mut change = Change::begin(app, tenant, by).await?;
    if !registration_tokens::delete(&mut *change, tenant, id).await? {
        return Err(RegistrationTokenError::NoSuchToken);
    }
    change.audit(Action::RegistrationTokenDeleted, Target::RegistrationToken(id), json!({})).await?;
    Ok(change.commit().await?)
}
