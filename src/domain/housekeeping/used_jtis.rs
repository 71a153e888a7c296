//! Names of proofs that are too old to come again (RFC 7523 §3, RFC 9449 §11.1).

use chrono::TimeDelta;

use super::Chore;
use crate::app::App;
use crate::store::{self, used_jtis};

/// How far the computers' own clocks may be apart, by which proofs and assertions are judged: one that is too old for this
/// server may be fresh for another.
const OWN_CLOCKS_DIFFERENCE: TimeDelta = TimeDelta::minutes(10);

pub const CHORE: Chore = Chore { name: "used_jtis", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    used_jtis::delete_expired(&app.db, app.clock.now() - OWN_CLOCKS_DIFFERENCE).await
}
