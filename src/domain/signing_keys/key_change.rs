//! A change of a tenant's keys: one transaction, in which nobody else changes them, with its audit events.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::sealing_context;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::oauth_error::OAuthError;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::TenantId;
use crate::model::signing_key::{NewKeyPair, SealedSigningKey, SigningAlgorithm};
use crate::model::signing_key_life::{KeyLife, KeyState};
use crate::store::{self, signing_keys};

/// A new key pair and its sealed form, not yet stored.
pub(super) struct NewKey {
    pair: NewKeyPair,
    sealed: SealedSigningKey,
}

impl NewKey {
    /// Creates a key for a tenant. RSA takes about a tenth of a second of a processor: it is made before anybody holds
    /// the tenant's keys, and is sometimes made in vain.
    pub(super) async fn generate(
        app: &App,
        tenant: TenantId,
        algorithm: SigningAlgorithm,
    ) -> Result<Self, OAuthError> {
        let pair = tokio::task::spawn_blocking(move || NewKeyPair::generate(algorithm))
            .await
            .map_err(OAuthError::fault)?
            .map_err(OAuthError::fault)?;
        let context = sealing_context(&pair.kid);
        let private_sealed = app.secrets.database.seal(&pair.private_der, &context, &app.random);
        let sealed = SealedSigningKey { tenant_id: tenant, kid: pair.kid.clone(), algorithm, private_sealed };
        Ok(Self { pair, sealed })
    }
}

/// The change, begun and not yet committed; dropped, nothing has happened.
pub(super) struct KeyChange<'a> {
    tenant: TenantId,
    pub(super) now: DateTime<Utc>,
    change: Change<'a>,
    done: Vec<(Action, SigningAlgorithm, String)>,
}

impl<'a> KeyChange<'a> {
    /// Waits until nobody else changes the tenant's keys.
    pub(super) async fn begin(app: &'a App, tenant: TenantId, by: &By<'a>) -> store::Result<Self> {
        let mut change = Change::begin(app, tenant, by).await?;
        signing_keys::lock(&mut *change, tenant).await?;
        change.renews();
        Ok(Self { tenant, now: app.clock.now(), change, done: Vec::new() })
    }

    /// All keys the tenant has or had.
    pub(super) async fn keys(&mut self) -> store::Result<Vec<KeyLife>> {
        signing_keys::all(&mut *self.change, self.tenant).await
    }

    /// The key with this algorithm in one of the states that only one key at a time is in.
    pub(super) async fn the(
        &mut self,
        algorithm: SigningAlgorithm,
        state: KeyState,
    ) -> store::Result<Option<KeyLife>> {
        let mut keys = self.keys().await?.into_iter();
        Ok(keys.find(|key| key.algorithm == algorithm && key.state == state))
    }

    /// Publishes a new key, to sign later; there must be none that waits already.
    pub(super) async fn announce(&mut self, key: NewKey) -> Result<KeyLife, OAuthError> {
        let NewKey { pair, sealed } = key;
        let algorithm = pair.algorithm;
        signing_keys::insert_announced(&mut self.change, &sealed, &pair.public_jwk, self.now).await?;
        self.note(Action::SigningKeyAnnounced, algorithm, &pair.kid).await?;
        Ok(KeyLife {
            kid: pair.kid,
            algorithm,
            state: KeyState::Announced,
            created_at: self.now,
            signing_since: None,
            retired_at: None,
            removed_at: None,
        })
    }

    /// An announced key signs from now on, and the one that signed retires.
    pub(super) async fn take_over(&mut self, successor: &KeyLife) -> Result<KeyLife, OAuthError> {
        if let Some(key) = self.the(successor.algorithm, KeyState::Signing).await? {
            signing_keys::retire(&mut self.change, self.tenant, &key.kid, self.now).await?;
            self.note(Action::SigningKeyRetired, key.algorithm, &key.kid).await?;
        }
        signing_keys::activate(&mut self.change, self.tenant, &successor.kid, self.now).await?;
        self.note(Action::SigningKeyActivated, successor.algorithm, &successor.kid).await?;
        Ok(KeyLife { state: KeyState::Signing, signing_since: Some(self.now), ..successor.clone() })
    }

    /// Makes sure that a key signs with the algorithm of `spare`, even one that few know yet: the announced one, or
    /// `spare` itself. Returns its identifier.
    pub(super) async fn have_one_sign(&mut self, spare: NewKey) -> Result<String, OAuthError> {
        let NewKey { pair, sealed } = spare;
        let algorithm = pair.algorithm;
        if let Some(signing) = self.the(algorithm, KeyState::Signing).await? {
            return Ok(signing.kid);
        }
        if let Some(announced) = self.the(algorithm, KeyState::Announced).await? {
            return Ok(self.take_over(&announced).await?.kid);
        }
        signing_keys::insert_signing(&mut self.change, &sealed, &pair.public_jwk, self.now).await?;
        self.note(Action::SigningKeyCreated, algorithm, &pair.kid).await?;
        Ok(pair.kid)
    }

    /// Removes a key, wherever in its life it is.
    pub(super) async fn remove(&mut self, key: &KeyLife) -> Result<(), OAuthError> {
        signing_keys::remove(&mut self.change, self.tenant, &key.kid, self.now).await?;
        Ok(self.note(Action::SigningKeyRemoved, key.algorithm, &key.kid).await?)
    }

    /// Makes it so, on every server.
    pub(super) async fn commit(self) -> store::Result<()> {
        self.change.commit().await?;
        for (action, algorithm, kid) in self.done {
            let (step, alg) = (action.as_str(), algorithm.as_str());
            metrics::counter!("latchkey_signing_key_steps_total", "step" => step, "alg" => alg).increment(1);
            let event = step.rsplit('.').next().unwrap_or(step);
            tracing::info!(tenant = %self.tenant, kid, alg, "signing key {event}");
        }
        Ok(())
    }

    async fn note(&mut self, action: Action, algorithm: SigningAlgorithm, kid: &str) -> store::Result<()> {
        let details = json!({"alg": algorithm.as_str()});
        self.change.audit(action, Target::SigningKey(kid.to_owned()), details).await?;
        self.done.push((action, algorithm, kid.to_owned()));
        Ok(())
    }
}
