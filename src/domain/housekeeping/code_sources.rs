//! Which accounts had to do with which sources of codes, and sources that thawed long ago.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::{frozen_sources, source_accounts};

pub const CHORE: Chore = Chore { name: "code_sources", clear_batch: |app| Box::pin(clear(app)) };

/// How long they are kept: as long as it should be known who had to do with a source before.
const KEPT_DAYS: u32 = 90;

async fn clear(app: &App) -> store::Result<u64> {
    let before = days_ago(app, KEPT_DAYS);
    let accounts = source_accounts::delete_old(&app.db, before).await?;
    Ok(accounts + frozen_sources::delete_old(&app.db, before).await?)
}
