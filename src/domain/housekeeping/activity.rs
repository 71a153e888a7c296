//! Figures over time: minutes for as long as they are shown by minutes, and hours for as long as a month is shown.

use chrono::TimeDelta;

use super::Chore;
use crate::app::App;
use crate::store;
use crate::store::activity::{self, Grain};

pub const CHORE: Chore = Chore { name: "activity", clear_batch: |app| Box::pin(clear(app)) };

const MINUTES_KEPT: TimeDelta = TimeDelta::days(2);
const HOURS_KEPT: TimeDelta = TimeDelta::days(32);

async fn clear(app: &App) -> store::Result<u64> {
    let now = app.clock.now();
    let minutes = activity::delete_old(&app.db, Grain::Minute, now - MINUTES_KEPT).await?;
    Ok(minutes + activity::delete_old(&app.db, Grain::Hour, now - HOURS_KEPT).await?)
}
