//! All that a person has connected or signed in, in one view.

use std::sync::Arc;

use super::{Owner, list};
use crate::app::App;
use crate::domain::sign_in;
use crate::model::client::Client;
use crate::model::device::Device;
use crate::model::scope::Scope;
use crate::store;
use crate::store::browser_sessions::{self, ListedSession};
use crate::store::devices::endings;

/// How many devices are shown at once.
pub const AT_ONCE: i64 = 100;

#[derive(Debug)]
pub struct Overview {
    /// A part of the devices, newest first.
    pub devices: Vec<ListedDevice>,
    /// How many devices there are in all.
    pub total: i64,
    /// The signed-in browsers, newest first.
    pub browsers: Vec<ListedSession>,
}

/// A device with what belongs to it.
#[derive(Debug)]
pub struct ListedDevice {
    pub device: Device,
    pub client: Option<Arc<Client>>,
    /// What it may do: as much of what it was granted as the catalogue still has.
    pub scopes: Vec<Scope>,
}

/// What the owner has connected, from the `offset`th device on, and where they are signed in.
pub async fn overview(app: &App, owner: Owner<'_>, offset: i64) -> store::Result<Overview> {
    let tenant = owner.tenant.id;
    let (page, total) = list::list(app, owner, offset, AT_ONCE).await?;
    let ids: Vec<_> = page.iter().map(|device| device.id).collect();
    let granted = endings::scopes_of_devices(&app.db, tenant, &ids).await?;
    let catalogue = app.cached.scopes(&app.db, tenant).await?;
    let mut devices = Vec::with_capacity(page.len());
    for device in page {
        let client = app.cached.client(&app.db, tenant, device.client_id.as_str()).await?;
        let granted = granted.get(&device.id).map(Vec::as_slice).unwrap_or_default();
        let scopes = catalogue.iter().filter(|scope| granted.contains(&scope.name)).cloned().collect();
        devices.push(ListedDevice { device, client, scopes });
    }
    let (now, idle) = (app.clock.now(), sign_in::idle_limit(app));
    let browsers = browser_sessions::of_user(&app.db, tenant, owner.user, now, idle).await?;
    Ok(Overview { devices, total, browsers })
}
