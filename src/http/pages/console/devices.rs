//! `/console/devices`: everybody's devices, newest first.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::device_labels;
use super::super::views::PageFrame;
use super::links::link;
use super::page::{answer, nothing_here};
use super::people;
use super::section::Section;
use super::views::{Moment, Navigation};
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::devices::{DeviceError, Owner, find as naming, lock as locking};
use crate::domain::oauth_error::OAuthError;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::paging::Cursor;
use crate::languages::Language;
use crate::model::device::{Device, DeviceStatus};
use crate::model::ids::{DeviceId, TenantId, UserId};
use crate::model::version::MeantFor;
use crate::store::devices::listings::{self, Filter};
use crate::store::users;

/// How many devices a page shows.
const PAGE_SIZE: i64 = 50;
/// Where a connected device can stand.
const STATUSES: [(&str, DeviceStatus); 3] =
    [("active", DeviceStatus::Active), ("locked", DeviceStatus::Locked), ("expired", DeviceStatus::Expired)];

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/devices.html", config = ".askama.toml")]
struct DevicesPage {
    frame: PageFrame,
    nav: Navigation,
    wanted: Wanted,
    rows: Vec<DeviceRow>,
    error: Option<&'static str>,
    newest: Option<String>,
    older: Option<String>,
}

/// What the filters say, as it was typed.
#[derive(Debug)]
struct Wanted {
    status: Option<&'static str>,
    client: Option<String>,
    user: Option<String>,
}

impl Wanted {
    fn take(parameters: &mut Parameters) -> Result<Self, OAuthError> {
        let status = parameters.take("status").map(|word| {
            let known = STATUSES.into_iter().map(|(known, _)| known).find(|known| *known == word);
            known.ok_or_else(|| OAuthError::invalid_request("There is no such status."))
        });
        let status = status.transpose()?;
        Ok(Self { status, client: parameters.take("client"), user: parameters.take("user") })
    }

    fn address(&self, base: &str, cursor: Option<&str>) -> String {
        let parameters = [
            ("status", self.status),
            ("client", self.client.as_deref()),
            ("user", self.user.as_deref()),
            ("cursor", cursor),
        ];
        link(&format!("{base}{}", Section::Devices.path()), &parameters)
    }
}

/// A device in words.
#[derive(Debug)]
pub(super) struct DeviceRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) user: Option<String>,
    pub(super) client: String,
    pub(super) status: &'static str,
    address: Option<String>,
    pub(super) connected: Moment,
    seen: Option<Moment>,
    unusual: Option<Moment>,
}

impl DeviceRow {
    fn of(language: Language, device: &Device, names: &HashMap<UserId, String>) -> Self {
        let known = STATUSES.into_iter().find(|(_, status)| *status == device.status);
        Self {
            id: device.id.to_string(),
            user: device.user_id.and_then(|id| names.get(&id)).cloned(),
            name: device_labels::of(language, device, device.client_id.as_str()),
            client: device.client_id.to_string(),
            status: known.map_or("waiting", |(word, _)| word),
            address: device.ip_address.map(|address| address.to_string()),
            connected: Moment::of(device.created_at),
            seen: device.last_seen_at.map(Moment::of),
            unusual: device.unusual_at.map(Moment::of),
        }
    }
}

/// Shows the list.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = visitor.tenant();
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let wanted = Wanted::take(&mut parameters)?;
    let cursor = parameters.take("cursor");
    let list = wanted.address("", None);
    let after: Option<DeviceId> = Cursor::open(&app, tenant, &list, cursor.as_deref())?;
    let (mut found, error) = find(&app, tenant, &wanted, after).await?;
    let older = Cursor::cut(&app, tenant, &list, &mut found, PAGE_SIZE, |last| DeviceId(last.id));
    let owners: Vec<_> = found.iter().filter_map(|device| device.user_id).collect();
    let names = users::names(&app.db, tenant, &owners).await?;
    let frame = visitor.browser.frame();
    let older = older.map(|cursor| wanted.address(&frame.base, Some(&cursor)));
    let page = DevicesPage {
        nav: visitor.navigation(),
        newest: cursor.map(|_| wanted.address(&frame.base, None)),
        older,
        rows: found.into_iter().map(|device| DeviceRow::of(frame.language, &device, &names)).collect(),
        error,
        wanted,
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// One device more than are shown, if there are as many; and what is wrong with the filters.
async fn find(
    app: &App,
    tenant: TenantId,
    wanted: &Wanted,
    after: Option<DeviceId>,
) -> Result<(Vec<Device>, Option<&'static str>), PageError> {
    let user = match people::wanted(app, tenant, wanted.user.as_deref()).await? {
        Ok(user) => user,
        Err(words) => return Ok((Vec::new(), Some(words))),
    };
    let status = STATUSES.into_iter().find(|(word, _)| wanted.status == Some(*word));
    let filter = Filter {
        user,
        client: wanted.client.clone(),
        status: status.map(|(_, status)| status),
        ..Filter::default()
    };
    let limit = PAGE_SIZE + 1;
    Ok((listings::list(&app.db, tenant, &filter, after, limit, app.clock.now()).await?, None))
}

/// Locks a device, so that its owner does not unlock it.
pub(super) async fn lock(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let id = device(&mut form)?;
    let done = match owner(&app, &visitor, id).await {
        Ok(owner) => locking::lock(&app, owner, id, &MeantFor::Any).await.map(drop),
        Err(error) => Err(error),
    };
    back(visitor, done)
}

/// Unlocks a device.
pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let id = device(&mut form)?;
    let done = match owner(&app, &visitor, id).await {
        Ok(owner) => locking::unlock(&app, owner, id, &MeantFor::Any).await.map(drop),
        Err(error) => Err(error),
    };
    back(visitor, done)
}

/// A device as its row in the list.
pub(super) async fn device_row(app: &App, visitor: &Visitor, id: DeviceId) -> Result<DeviceRow, PageError> {
    let found = match owner(app, visitor, id).await {
        Ok(owner) => naming::by_id(app, owner, id).await,
        Err(error) => Err(error),
    };
    let device = match found {
        Ok(device) => device,
        Err(DeviceError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(nothing_here()),
    };
    let owner: Vec<_> = device.user_id.into_iter().collect();
    let names = users::names(&app.db, visitor.tenant(), &owner).await?;
    Ok(DeviceRow::of(visitor.browser.language, &device, &names))
}

pub(super) fn device(form: &mut Parameters) -> Result<DeviceId, PageError> {
    form.take("device").as_deref().and_then(naming::identifier).ok_or_else(nothing_here)
}

/// The owner of the device, in whose place the visitor acts.
pub(super) async fn owner<'a>(
    app: &App,
    visitor: &'a Visitor,
    id: DeviceId,
) -> Result<Owner<'a>, DeviceError> {
    let browser = &visitor.browser;
    Owner::in_whose_place(app, &browser.tenant, id, visitor.user.id, &browser.origin).await
}

pub(super) fn back(visitor: Visitor, done: Result<(), DeviceError>) -> Result<Response, PageError> {
    match done {
        Ok(()) => Ok(visitor.browser.go_to(Section::Devices.path())),
        Err(DeviceError::NotFound) => Err(nothing_here()),
        Err(DeviceError::Store(error)) => Err(error.into()),
        Err(other) => Err(OAuthError::fault(other).into()),
    }
}
