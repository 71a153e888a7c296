//! The clients that have sessions in memory, each once, however many sessions it has.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::memory::Owner;
use crate::model::client::Client;
use crate::model::ids::{ClientId, TenantId};
use crate::store::activity::tallies::Tallies;

#[derive(Debug, Default)]
pub struct Owners {
    known: RwLock<HashMap<TenantId, HashMap<ClientId, Arc<Owner>>>>,
    tallies: Arc<Tallies>,
}

impl Owners {
    /// None yet. Their polls are counted in `tallies`.
    #[must_use]
    pub fn new(tallies: Arc<Tallies>) -> Self {
        Self { known: RwLock::default(), tallies }
    }

    /// The client as an owner of sessions.
    pub fn of(&self, client: &Client) -> Arc<Owner> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = known.get(&client.tenant_id).and_then(|clients| clients.get(&client.client_id)) {
            return Arc::clone(owner);
        }
        drop(known);
        let owner = Owner {
            tenant_id: client.tenant_id,
            client_id: client.client_id.clone(),
            tally: self.tallies.of(client.tenant_id),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let clients = known.entry(client.tenant_id).or_default();
        Arc::clone(clients.entry(client.client_id.clone()).or_insert_with(|| Arc::new(owner)))
    }
}
