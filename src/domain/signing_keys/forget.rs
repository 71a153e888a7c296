//! Closes the private keys that sign no more.

use std::collections::HashSet;

use crate::app::App;
use crate::store::batches::{OfTenant, by_tenant};
use crate::store::{self, signing_keys};

/// Closes the keys that sign no more: also those that nobody has asked for since. And reads anew what is
/// remembered, so that a server that missed an announcement is wrong for one round at most.
pub async fn forget_retired(app: &App) -> store::Result<()> {
    app.cached.renew();
    let mut signing = HashSet::new();
    for (tenant, keys) in by_tenant(app.key_ring.kids(), OfTenant::tenant) {
        let kids: Vec<_> = keys.into_iter().map(|(_, kid)| kid).collect();
        signing.extend(signing_keys::signing_among(&app.db, tenant, &kids).await?);
    }
    app.key_ring.keep(&signing);
    Ok(())
}
