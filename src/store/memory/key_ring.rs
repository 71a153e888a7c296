//! Private halves, opened and ready to sign, for as long as they may.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::ids::TenantId;
use crate::model::signing_key::{SigningAlgorithm, SigningPair};

pub struct SigningKey {
    pub kid: String,
    pub pair: SigningPair,
}

/// The opened key of each tenant and algorithm. Which key signs, the database says: a key of another name is not
/// found here, and makes room for the one that does.
#[derive(Default)]
pub struct KeyRing(RwLock<HashMap<(TenantId, SigningAlgorithm), Arc<SigningKey>>>);

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

impl KeyRing {
    /// The opened key, if it is the one of this name.
    #[must_use]
    pub fn find(&self, tenant: TenantId, algorithm: SigningAlgorithm, kid: &str) -> Option<Arc<SigningKey>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&(tenant, algorithm)).filter(|key| key.kid == kid).cloned()
    }

    /// Keeps an opened key, in place of the one before it.
    pub fn put(&self, tenant: TenantId, key: Arc<SigningKey>) {
        let name = (tenant, key.pair.algorithm());
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, key);
    }

    /// The opened keys, with their tenants.
    #[must_use]
    pub fn kids(&self) -> Vec<(TenantId, String)> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|((tenant, _), key)| (*tenant, key.kid.clone())).collect()
    }

    /// Closes all keys but these.
    pub fn keep(&self, kids: &HashSet<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, key| kids.contains(&key.kid));
    }
}
