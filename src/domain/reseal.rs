//! Everything that is sealed with another master key than the first is sealed with the first, so that the others can be
//! removed. Servers may run meanwhile, if they have the first key.

use std::collections::BTreeMap;

use serde_json::json;

use super::audit::{self, By};
use super::{approval_notices, device_flow, second_factor, signing_keys, webhooks};
use crate::app::App;
use crate::model::audit_event::{Action, AuditEvent, Outcome, Target};
use crate::model::ids::{DeviceAuthorizationId, TenantId, UserId, WebhookId};
use crate::model::mac_key::SealedMacKey;
use crate::model::tenant::DEFAULT_TENANT;
use crate::secrets::{DecryptError, KeyName};
use crate::store;
use crate::store::sealed::{self, Count, Sealed};

/// The most values that are replaced in one transaction.
const BATCH: i64 = 500;

#[derive(Debug)]
pub struct Resealed {
    pub name: KeyName,
    /// The number of values that were sealed anew, by their kind.
    pub values: BTreeMap<&'static str, u64>,
    /// The number of values that have the name of a known key, which does not open them.
    pub damaged: u64,
    /// The number of values that there are now, by the key that sealed them.
    pub left: BTreeMap<KeyName, i64>,
}

/// Reseals the values of one column of a tenant in batches, and counts what there is then.
macro_rules! reseal_column {
    ($app:ident, $tenant:ident, $done:ident, $column:ident, $context:expr) => {
        let mut after = None;
        loop {
            let found = sealed::$column::others(&$app.db, $tenant, $done.name, after, BATCH).await?;
            let Some(last) = found.last() else { break };
            after = Some(last.key.clone());
            let (old, new) = $done.renew($app, found, $context);
            let replaced = sealed::$column::replace(&$app.db, $tenant, &old, &new).await?;
            *$done.values.entry(stringify!($column)).or_default() += replaced;
        }
        $done.count(&sealed::$column::count(&$app.db, $tenant).await?);
    };
}

/// Reseals everything, tenant by tenant. What is sealed with an unknown key stays as it is.
pub async fn reseal(app: &App, by: &By<'_>) -> store::Result<Resealed> {
    let name = app.secrets.sealing_name();
    let mut done = Resealed { name, values: BTreeMap::new(), damaged: 0, left: BTreeMap::new() };
    for tenant in sealed::tenants(&app.db).await? {
        reseal_tenant(app, tenant, &mut done).await?;
    }
    if done.values.values().any(|replaced| *replaced > 0) {
        let event = AuditEvent {
            action: Action::SecretsResealed,
            outcome: Outcome::Success,
            actor: by.actor.clone(),
            target: Target::MasterKey(name.to_string()),
            origin: by.origin,
            details: json!(done.values),
        };
        audit::record(app, DEFAULT_TENANT, event).await?;
    }
    Ok(done)
}

async fn reseal_tenant(app: &App, tenant: TenantId, done: &mut Resealed) -> store::Result<()> {
    reseal_column!(app, tenant, done, signing_keys, |value| signing_keys::sealing_context(&value.key));
    reseal_column!(app, tenant, done, mac_keys, |value| {
        SealedMacKey::context(tenant, &value.detail, value.key)
    });
    reseal_column!(app, tenant, done, totp_secrets, |value| {
        second_factor::sealing_context(tenant, UserId(value.key))
    });
    reseal_column!(app, tenant, done, webhooks, |value| {
        webhooks::sealing_context(tenant, WebhookId(value.key))
    });
    reseal_column!(app, tenant, done, approval_notices, |value| {
        approval_notices::token_context(DeviceAuthorizationId(value.key))
    });
    reseal_column!(app, tenant, done, user_codes, |value| {
        device_flow::user_code_context(DeviceAuthorizationId(value.key))
    });
    Ok(())
}

impl Resealed {
    /// Seals values anew, without those that cannot be opened.
    fn renew<K>(
        &mut self,
        app: &App,
        found: Vec<Sealed<K>>,
        context: impl Fn(&Sealed<K>) -> String,
    ) -> (Vec<Sealed<K>>, Vec<Vec<u8>>) {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for value in found {
            match app.secrets.database.reseal(&value.sealed, &context(&value), &app.random) {
                Ok(sealed) => {
                    old.push(value);
                    new.push(sealed);
                }
                // These are counted by their key at the end.
                Err(DecryptError::UnknownKey(_)) => {}
                Err(DecryptError::Damaged) => self.damaged += 1,
            }
        }
        (old, new)
    }

    fn count(&mut self, counts: &[Count]) {
        for count in counts {
            let name = count.name.as_slice().try_into().unwrap_or_default();
            *self.left.entry(KeyName(name)).or_default() += count.values;
        }
    }

    /// The number of values that a key has sealed and that are still there.
    #[must_use]
    pub fn left_with(&self, name: KeyName) -> i64 {
        self.left.get(&name).copied().unwrap_or_default()
    }
}
