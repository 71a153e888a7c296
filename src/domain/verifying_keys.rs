//! The public halves of a tenant's signing keys, to verify what comes back.

use std::sync::Arc;

use crate::app::App;
use crate::model::ids::TenantId;
use crate::model::verifying_key::VerifyingKey;
use crate::store::{self, signing_keys};

/// The longest `kid` that is looked for; ours are thumbprints of 43 characters (RFC 7638).
const MAX_KID_BYTES: usize = 128;

/// The tenant's key of this name, if it has one that was not removed when it was first asked for.
pub async fn find(app: &App, tenant: TenantId, kid: &str) -> store::Result<Option<Arc<VerifyingKey>>> {
    if kid.len() > MAX_KID_BYTES || !kid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(None);
    }
    let name = (tenant, kid.to_owned());
    if let Some(key) = app.verifying_keys.find(&name) {
        return Ok(Some(key));
    }
    let Some(jwk) = signing_keys::public(&app.db, tenant, kid).await? else { return Ok(None) };
    let read = jwk.as_object().and_then(|jwk| VerifyingKey::from_jwk(jwk, None).ok());
    let Some(key) = read.map(Arc::new) else {
        tracing::error!(kid, "verifying key could not be loaded");
        return Ok(None);
    };
    app.verifying_keys.put(name, Arc::clone(&key));
    Ok(Some(key))
}
