//! Waiting for what a server does by itself: never by sleeping, and never for ever, so that a test which would hang
//! fails and says what it waited for.

use std::time::Duration;

/// How long anything may take; only a test that fails anyway comes near.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Looks again and again, until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, looking).await.is_err() {
        panic!("waited in vain until {what}");
    }
}
