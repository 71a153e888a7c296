//! Waiting for what a server does by itself: never for a time that is hoped to be long enough, and never for ever, so
//! that a test which would hang fails and says what it waited for.

use std::time::Duration;

/// How long anything may take; only a test that fails anyway comes near.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The pause between two looks, in which the processor is free for what is waited for.
const PAUSE: Duration = Duration::from_millis(1);

/// Looks again and again, until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    in_time(what, looking).await;
}

/// Waits for what somebody else does, such as a browser.
pub async fn in_time<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, doing).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
