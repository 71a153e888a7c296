//! The secrets of clients: exchanged while both are good, then the older one retired.

use super::{ClientError, rewrite};
use crate::app::App;
use crate::domain::audit::By;
use crate::model::audit_event::Action;
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::client::Client;
use crate::model::version::MeantFor;

/// Gives a client a new secret, which is shown this once. The present one stays good beside it until it is retired,
/// so that no copy of the client stops while the new one is rolled out; one that was left from before is not good
/// any more.
pub async fn rotate_secret(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<BearerSecret, ClientError> {
    let secret = BearerSecret::generate(SecretKind::ClientSecret, &app.random);
    rewrite(app, client, meant_for, Action::ClientSecretRotated, by, |client| {
        let present = client.secret_hash.replace(secret.hash()).ok_or(ClientError::HasNoSecret)?;
        client.previous_secret_hash = Some(present);
        Ok(())
    })
    .await?;
    Ok(secret)
}

/// Ends the life of the secret before the present one.
pub async fn retire_previous_secret(
    app: &App,
    client: &Client,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), ClientError> {
    rewrite(app, client, meant_for, Action::ClientSecretRetired, by, |client| {
        client.previous_secret_hash.take().map(drop).ok_or(ClientError::HasNoPreviousSecret)
    })
    .await
}
