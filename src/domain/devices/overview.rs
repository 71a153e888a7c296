//! All that a person has connected or signed in, in one view.

use std::sync::Arc;

use super::{Owner, list};
use crate::app::App;
use crate::domain::sign_in;
use crate::model::client::Client;
use crate::model::device::Device;
use crate::store;
use crate::store::browser_sessions::{self, ListedSession};

/// How many devices are shown at once.
const LIMIT: i64 = 100;

/// What is there.
#[derive(Debug)]
pub struct Overview {
    /// The newest devices, each with the client it runs.
    pub devices: Vec<(Device, Option<Arc<Client>>)>,
    /// How many devices there are in all.
    pub total: i64,
    /// The signed-in browsers, newest first.
    pub browsers: Vec<ListedSession>,
}

/// What the owner has connected and where they are signed in.
pub async fn overview(app: &App, owner: Owner<'_>) -> store::Result<Overview> {
    let (page, total) = list::list(app, owner, 0, LIMIT).await?;
    let mut devices = Vec::with_capacity(page.len());
    for device in page {
        let client = app.cached.client(&app.db, owner.tenant, device.client_id.as_str()).await?;
        devices.push((device, client));
    }
    let (now, idle) = (app.clock.now(), sign_in::idle_limit(app));
    let browsers = browser_sessions::of_user(&app.db, owner.tenant, owner.user, now, idle).await?;
    Ok(Overview { devices, total, browsers })
}
