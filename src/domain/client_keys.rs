//! Which public keys are a client's: those registered with it, or those it publishes (RFC 7591 §2).
//!
//! A published set that cannot be fetched is answered with 503, since a device stops for good when it receives
//! `invalid_client`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::OwnedMutexGuard;
use url::Url;

use super::oauth_error::{ErrorCode, OAuthError};
use crate::app::App;
use crate::model::client::ClientKeys;
use crate::model::key_set::KeySet;
use crate::store::memory::published_keys::{Published, Verdict, Wanted};

/// The client's keys, of which one may be the one that is wanted.
pub async fn find(app: &App, keys: &ClientKeys, wanted: Wanted<'_>) -> Result<Arc<KeySet>, OAuthError> {
    let uri = match keys {
        ClientKeys::Registered(set) => return Ok(Arc::clone(set.usable())),
        ClientKeys::Published(uri) => uri,
    };
    let mut published = app.published_keys.at(uri).lock_owned().await;
    let now = app.clock.now();
    let mut verdict = published.judge(wanted, now);
    if verdict == Verdict::Ask {
        published = ask(app, uri.clone(), published, now).await?;
        verdict = published.judge(wanted, now);
    }
    match &published.seen {
        Some((_, set)) if verdict == Verdict::Known => Ok(Arc::clone(set)),
        _ => Err(unreachable_keys()),
    }
}

/// Asks for a set, to the end even if the caller hangs up: what it cost must be remembered.
async fn ask(
    app: &App,
    uri: Url,
    mut published: OwnedMutexGuard<Published>,
    now: DateTime<Utc>,
) -> Result<OwnedMutexGuard<Published>, OAuthError> {
    let outbound = Arc::clone(&app.outbound);
    let asking = async move {
        let set = match outbound.get(&uri).await {
            Ok(document) => KeySet::read(&document).ok_or("not a JWK Set".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = &set {
            tracing::warn!(host = uri.host_str(), reason, "client keys not fetched");
        }
        published.learn(set.ok(), now);
        published
    };
    #[expect(clippy::disallowed_methods, reason = "it ends within the time of a fetch")]
    tokio::spawn(asking).await.map_err(OAuthError::fault)
}

fn unreachable_keys() -> OAuthError {
    let description = "The keys of the client could not be fetched; try again later.";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}
