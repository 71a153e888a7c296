//! The public halves of signing keys, ready to verify.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::ids::TenantId;
use crate::model::verifying_key::VerifyingKey;

/// Keys by tenant and `kid`, read once: a `kid` names one key for ever. Whether a key was removed since is asked
/// with the standing of each token (`store/standings.rs`).
#[derive(Debug, Default)]
pub struct VerifyingKeys(RwLock<HashMap<(TenantId, String), Arc<VerifyingKey>>>);

impl VerifyingKeys {
    /// The tenant's key of this name, if it was read before.
    #[must_use]
    pub fn find(&self, name: &(TenantId, String)) -> Option<Arc<VerifyingKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Keeps a key that was read.
    pub fn put(&self, name: (TenantId, String), key: Arc<VerifyingKey>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, key);
    }
}
