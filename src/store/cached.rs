//! What changes rarely and is asked for with every request: tenants, clients, scopes and which key signs.
//!
//! The database announces every change of these tables. What was read before an announcement is not kept after
//! it, and while announcements cannot be heard nothing is kept at all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgPool;

use super::{Result, clients, scopes, signing_keys, tenants};
use crate::model::client::Client;
use crate::model::ids::TenantId;
use crate::model::scope::Scope;
use crate::model::signing_key::{SealedSigningKey, SigningAlgorithm};
use crate::model::tenant::{Tenant, TenantSlug};

/// The most entries of one kind; there are never as many in earnest.
const CAPACITY: usize = 20_000;

/// The cache.
#[derive(Debug, Default)]
pub struct Cached {
    heard: AtomicBool,
    announcements: AtomicU64,
    tenants: Shelf<TenantSlug, Tenant>,
    clients: Shelf<(TenantId, String), Client>,
    scopes: Shelf<TenantId, Vec<Scope>>,
    signing_keys: Shelf<(TenantId, SigningAlgorithm), SealedSigningKey>,
}

#[derive(Debug)]
struct Shelf<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl Cached {
    /// Announcements are heard from now on.
    pub fn trust(&self) {
        self.forget();
        self.heard.store(true, Ordering::SeqCst);
    }

    /// Announcements are not heard any more.
    pub fn distrust(&self) {
        self.heard.store(false, Ordering::SeqCst);
        self.forget();
    }

    /// Something changed.
    pub fn forget(&self) {
        self.announcements.fetch_add(1, Ordering::SeqCst);
        self.tenants.clear();
        self.clients.clear();
        self.scopes.clear();
        self.signing_keys.clear();
    }

    /// The tenant with this slug.
    pub async fn tenant(&self, db: &PgPool, slug: &TenantSlug) -> Result<Option<Arc<Tenant>>> {
        self.get(&self.tenants, slug.clone(), tenants::find(db, slug)).await
    }

    /// The client with this identifier.
    pub async fn client(&self, db: &PgPool, tenant: TenantId, id: &str) -> Result<Option<Arc<Client>>> {
        self.get(&self.clients, (tenant, id.to_owned()), clients::find(db, tenant, id)).await
    }

    /// The tenant's scope catalogue.
    pub async fn scopes(&self, db: &PgPool, tenant: TenantId) -> Result<Arc<Vec<Scope>>> {
        let found = self.get(&self.scopes, tenant, async { scopes::all(db, tenant).await.map(Some) }).await?;
        Ok(found.unwrap_or_default())
    }

    /// The key that signs for the tenant with this algorithm.
    pub async fn signing_key(
        &self,
        db: &PgPool,
        tenant: TenantId,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<Arc<SealedSigningKey>>> {
        let load = signing_keys::signing(db, tenant, algorithm);
        self.get(&self.signing_keys, (tenant, algorithm), load).await
    }

    async fn get<K: Eq + Hash, V>(
        &self,
        shelf: &Shelf<K, V>,
        key: K,
        load: impl Future<Output = Result<Option<V>>>,
    ) -> Result<Option<Arc<V>>> {
        if let Some(known) = shelf.read(&key) {
            return Ok(Some(known));
        }
        let before = self.announcements.load(Ordering::SeqCst);
        let Some(value) = load.await?.map(Arc::new) else { return Ok(None) };
        if self.heard.load(Ordering::SeqCst) {
            shelf.put(key, &value, || self.announcements.load(Ordering::SeqCst) == before);
        }
        Ok(Some(value))
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    fn read(&self, key: &K) -> Option<Arc<V>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Keeps the value if it is still current, which is asked under the lock that [`Shelf::clear`] takes after
    /// it has counted the announcement.
    fn put(&self, key: K, value: &Arc<V>, is_current: impl FnOnce() -> bool) {
        let mut shelf = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if is_current() {
            if shelf.len() >= CAPACITY {
                shelf.clear();
            }
            shelf.insert(key, Arc::clone(value));
        }
    }

    fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
