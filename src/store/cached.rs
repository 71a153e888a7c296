//! What changes rarely and is asked for with every request: tenants, clients, scopes, resources, which key signs,
//! which are published, and which authenticates tokens.
//!
//! Every statement that changes these tables announces it, and each announcement begins a new generation: what was
//! read in an earlier one is read anew. While announcements cannot be heard, everything is. Only when the database
//! cannot be asked, the last known value stands in, at once while the database is known to be away: nothing can be granted without the database, but a device that
//! waits must not stop for our trouble.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{Equivalent, HashMap};

use super::db::Db;
use super::frozen_sources::FrozenSource;
use super::reachability::Reachability;
use super::signing_keys::PublishedKey;
use super::{Result, StoreError, clients, frozen_sources, resources, scopes, signing_keys, tenants};
use crate::model::client::Client;
use crate::model::ids::TenantId;
use crate::model::resource::Resource;
use crate::model::scope::Scope;
use crate::model::signing_key::{SealedSigningKey, SigningAlgorithm};
use crate::model::tenant::{Tenant, TenantSlug};
use crate::model::tenant_host::TenantHost;
use crate::secrets::MacKey;

/// The maximum number of entries of one kind; far above any real deployment.
const CAPACITY: usize = 20_000;

#[derive(Debug, Default)]
pub struct Cached {
    reachability: Arc<Reachability>,
    heard: AtomicBool,
    generation: AtomicU64,
    tenants: Shelf<TenantSlug, Tenant>,
    /// One entry with all of them: a host that is nobody's is not asked for again and again.
    hosts: Shelf<(), std::collections::HashMap<TenantHost, TenantSlug>>,
    clients: Shelf<(TenantId, String), Client>,
    scopes: Shelf<TenantId, Vec<Scope>>,
    resources: Shelf<TenantId, Vec<Resource>>,
    frozen_sources: Shelf<TenantId, Vec<FrozenSource>>,
    signing_keys: Shelf<(TenantId, SigningAlgorithm), SealedSigningKey>,
    published_keys: Shelf<TenantId, Vec<PublishedKey>>,
    token_keys: Shelf<TenantId, MacKey>,
    audit_keys: Shelf<TenantId, MacKey>,
    code_keys: Shelf<TenantId, MacKey>,
}

/// A client's key on its shelf, not copied.
#[derive(Hash)]
struct ClientName<'a>(TenantId, &'a str);

impl Equivalent<(TenantId, String)> for ClientName<'_> {
    fn equivalent(&self, (tenant, id): &(TenantId, String)) -> bool {
        self.0 == *tenant && self.1 == id
    }
}

/// Values of one kind, each with the generation it was read in.
#[derive(Debug)]
struct Shelf<K, V>(RwLock<HashMap<K, (u64, Arc<V>)>>);

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl Cached {
    /// A cache over a database that can be reached or not.
    #[must_use]
    pub fn over(reachability: Arc<Reachability>) -> Self {
        Self { reachability, ..Self::default() }
    }

    /// Announcements are heard from now on.
    pub fn trust(&self) {
        self.renew();
        self.heard.store(true, Ordering::SeqCst);
    }

    /// Announcements are not heard any more.
    pub fn distrust(&self) {
        self.heard.store(false, Ordering::SeqCst);
    }

    /// Something changed: by an announcement, or by our own doing a moment before its announcement.
    pub fn renew(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub async fn tenant(&self, db: &Db, slug: &TenantSlug) -> Result<Option<Arc<Tenant>>> {
        if let Some(known) = self.known(&self.tenants, slug) {
            return Ok(Some(known));
        }
        Box::pin(self.read(&self.tenants, slug.clone(), tenants::find(db, slug))).await
    }

    /// Which tenant is at this host.
    pub async fn tenant_at(&self, db: &Db, host: &TenantHost) -> Result<Option<TenantSlug>> {
        if let Some(known) = self.known(&self.hosts, &()) {
            return Ok(known.get(host).cloned());
        }
        let all = async { tenants::hosts(db).await.map(Some) };
        let all = Box::pin(self.read(&self.hosts, (), all)).await?;
        Ok(all.and_then(|all| all.get(host).cloned()))
    }

    pub async fn client(&self, db: &Db, tenant: TenantId, id: &str) -> Result<Option<Arc<Client>>> {
        if let Some(known) = self.known(&self.clients, &ClientName(tenant, id)) {
            return Ok(Some(known));
        }
        Box::pin(self.read(&self.clients, (tenant, id.to_owned()), clients::find(db, tenant, id))).await
    }

    pub async fn scopes(&self, db: &Db, tenant: TenantId) -> Result<Arc<Vec<Scope>>> {
        if let Some(known) = self.known(&self.scopes, &tenant) {
            return Ok(known);
        }
        let all = async { scopes::all(db, tenant).await.map(Some) };
        Ok(Box::pin(self.read(&self.scopes, tenant, all)).await?.unwrap_or_default())
    }

    /// The services that the tenant knows.
    pub async fn resources(&self, db: &Db, tenant: TenantId) -> Result<Arc<Vec<Resource>>> {
        if let Some(known) = self.known(&self.resources, &tenant) {
            return Ok(known);
        }
        let all = async { resources::all(db, tenant).await.map(Some) };
        Ok(Box::pin(self.read(&self.resources, tenant, all)).await?.unwrap_or_default())
    }

    /// The sources of codes that are frozen in the tenant.
    pub async fn frozen_sources(&self, db: &Db, tenant: TenantId) -> Result<Arc<Vec<FrozenSource>>> {
        if let Some(known) = self.known(&self.frozen_sources, &tenant) {
            return Ok(known);
        }
        let all = async { frozen_sources::all(db, tenant).await.map(Some) };
        Ok(Box::pin(self.read(&self.frozen_sources, tenant, all)).await?.unwrap_or_default())
    }

    /// The key that signs for the tenant with this algorithm.
    pub async fn signing_key(
        &self,
        db: &Db,
        tenant: TenantId,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<Arc<SealedSigningKey>>> {
        let key = (tenant, algorithm);
        if let Some(known) = self.known(&self.signing_keys, &key) {
            return Ok(Some(known));
        }
        Box::pin(self.read(&self.signing_keys, key, signing_keys::signing(db, tenant, algorithm))).await
    }

    /// The public keys that verify the tenant's tokens, oldest first.
    pub async fn published_keys(&self, db: &Db, tenant: TenantId) -> Result<Arc<Vec<PublishedKey>>> {
        if let Some(known) = self.known(&self.published_keys, &tenant) {
            return Ok(known);
        }
        let load = async { signing_keys::published(db, tenant).await.map(Some) };
        Ok(Box::pin(self.read(&self.published_keys, tenant, load)).await?.unwrap_or_default())
    }

    /// The key that authenticates the tenant's tokens. `load` reads and opens it.
    pub async fn token_key(
        &self,
        tenant: TenantId,
        load: impl AsyncFnOnce() -> Result<MacKey>,
    ) -> Result<Arc<MacKey>> {
        if let Some(known) = self.known(&self.token_keys, &tenant) {
            return Ok(known);
        }
        let load = async { load().await.map(Some) };
        let key = Box::pin(self.read(&self.token_keys, tenant, load)).await?;
        Ok(key.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The key that authenticates new audit events of the tenant. `load` reads and opens it. It is valid for a while
    /// after its replacement, so it is trusted until the next generation even while announcements cannot be heard.
    pub async fn audit_key(
        &self,
        tenant: TenantId,
        load: impl AsyncFnOnce() -> Result<MacKey>,
    ) -> Result<Arc<MacKey>> {
        let current = self.generation.load(Ordering::SeqCst);
        if let Some((_, known)) = self.audit_keys.get(&tenant).filter(|(read_in, _)| *read_in == current) {
            return Ok(known);
        }
        let load = async { load().await.map(Some) };
        let key = Box::pin(self.read(&self.audit_keys, tenant, load)).await?;
        Ok(key.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The same key, as far as it was ever read. A transaction takes it: reading would need a second connection, for
    /// which many transactions could wait at a time.
    #[must_use]
    pub fn audit_key_at_hand(&self, tenant: TenantId) -> Option<Arc<MacKey>> {
        self.audit_keys.get(&tenant).map(|(_, key)| key)
    }

    /// The key of the codes that people of the tenant type. It is never replaced. `load` reads and opens it.
    pub async fn code_key(
        &self,
        tenant: TenantId,
        load: impl AsyncFnOnce() -> Result<MacKey>,
    ) -> Result<Arc<MacKey>> {
        if let Some((_, known)) = self.code_keys.get(&tenant) {
            return Ok(known);
        }
        let load = async { load().await.map(Some) };
        let key = Box::pin(self.read(&self.code_keys, tenant, load)).await?;
        Ok(key.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// What is known and can be trusted.
    fn known<K: Eq + Hash, V>(
        &self,
        kind: &Shelf<K, V>,
        key: &(impl Hash + Equivalent<K>),
    ) -> Option<Arc<V>> {
        let (read_in, value) = kind.get(key)?;
        let current = self.generation.load(Ordering::SeqCst);
        (read_in == current && self.heard.load(Ordering::SeqCst)).then_some(value)
    }

    /// Asks the database. What was known before is not asked for while the database is away.
    async fn read<K: Eq + Hash, V>(
        &self,
        kind: &Shelf<K, V>,
        key: K,
        load: impl Future<Output = Result<Option<V>>>,
    ) -> Result<Option<Arc<V>>> {
        let generation = self.generation.load(Ordering::SeqCst);
        let loaded = if kind.get(&key).is_some() {
            self.reachability.unless_doubted(load).await
        } else {
            self.reachability.observe(load.await)
        };
        match loaded {
            Ok(Some(value)) => {
                let value = Arc::new(value);
                kind.put(key, generation, &value);
                Ok(Some(value))
            }
            Ok(None) => {
                kind.remove(&key);
                Ok(None)
            }
            // The last known value does not stand in for one that was read but cannot be opened: it is outdated.
            Err(error @ StoreError::UnknownMasterKey(_)) => Err(error),
            Err(error) if error.is_passing() => kind.get(&key).map(|(_, value)| Some(value)).ok_or(error),
            Err(error) => Err(error),
        }
    }
}

impl<K: Eq + Hash, V> Shelf<K, V> {
    fn get(&self, key: &(impl Hash + Equivalent<K>)) -> Option<(u64, Arc<V>)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn put(&self, key: K, generation: u64, value: &Arc<V>) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= CAPACITY {
            values.clear();
        }
        // Of two who read at once, the one who began later knows more.
        let entry = values.entry(key).or_insert_with(|| (generation, Arc::clone(value)));
        if entry.0 <= generation {
            *entry = (generation, Arc::clone(value));
        }
    }

    fn remove(&self, key: &K) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
