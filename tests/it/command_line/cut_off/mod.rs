//! Exchanges whose answers are lost, because the server is killed or its database goes dark at any moment: whoever asks
//! again gets the tokens. What is counted are the exchanges that were cut off: a request that was sent and not answered
//! with tokens, because of the kill or the dark.

mod callers;
mod stage;
mod verdict;

use stage::{Fault, Stage};

use crate::support::rounds::times;

/// Exchanges that are cut off in the usual run.
const CUT_OFF: usize = 10;
/// Requests that are under way at a time: so many of each kind of caller.
const OF_EACH_KIND: usize = 6;

/// The time for repeats without a proof is not what helps here: what the server knows of lost answers does.
const NO_TIME_FOR_REPEATS: (&str, &str) = ("LATCHKEY__TOKENS__REFRESH_REPEAT_SECONDS", "0");
/// A second is the shortest.
const IMPATIENT: (&str, &str) = ("LATCHKEY__SERVER__REQUEST_TIMEOUT_SECONDS", "1");

#[tokio::test]
async fn of_refreshes_that_a_kill_cuts_off_each_is_repeated() {
    let stage = Stage::build("killed refreshes", Fault::Kill, &[]).await;
    refreshes(stage).await;
}

#[tokio::test]
async fn of_collections_that_a_kill_cuts_off_each_of_a_proven_caller_is_repeated() {
    let stage = Stage::build("killed collections", Fault::Kill, &[]).await;
    collections(stage).await;
}

#[tokio::test]
async fn of_refreshes_that_the_dark_cuts_off_each_is_repeated_at_any_time() {
    let stage = Stage::build("darkened refreshes", Fault::Dark, &[NO_TIME_FOR_REPEATS, IMPATIENT]).await;
    refreshes(stage).await;
}

#[tokio::test]
async fn of_collections_that_the_dark_cuts_off_each_is_repeated() {
    let stage = Stage::build("darkened collections", Fault::Dark, &[IMPATIENT]).await;
    collections(stage).await;
}

/// Plays until enough refreshes were cut off, always with the same devices.
async fn refreshes(mut stage: Stage) {
    let codes = stage.approved_codes(OF_EACH_KIND).await;
    let mut devices = stage.until_answered(codes).await;
    let connected = devices.len();
    while stage.total() < times(CUT_OFF) {
        devices = stage.play(devices).await;
        assert_eq!(devices.len(), connected, "nobody ends: {:?}", stage.lost);
    }
    stage.must_be_the_newest(&devices).await;
    stage.must_have_no_thefts().await;
    stage.report("token.refreshed").await;
}

/// Plays until enough collections were cut off, with new codes each time. The tokens that each brings are used.
async fn collections(mut stage: Stage) {
    while stage.total() < times(CUT_OFF) {
        let codes = stage.approved_codes(OF_EACH_KIND).await;
        let connected = stage.play(codes).await;
        stage.must_be_the_newest(&connected).await;
        stage.use_once(connected).await;
    }
    stage.must_have_no_thefts().await;
    stage.report("device_authorization.redeemed").await;
}
