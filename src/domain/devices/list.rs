//! An owner looks over their devices.

use super::Owner;
use crate::app::App;
use crate::model::device::Device;
use crate::store::{self, devices};

/// A part of the owner's devices, newest first, and how many there are in all.
pub async fn list(app: &App, owner: Owner<'_>, offset: i64, limit: i64) -> store::Result<(Vec<Device>, i64)> {
    let total = devices::count_of_user(&app.db, owner.tenant.id, owner.user).await?;
    let now = app.clock.now();
    let page = devices::page_of_user(&app.db, owner.tenant.id, owner.user, offset, limit, now).await?;
    Ok((page, total))
}
