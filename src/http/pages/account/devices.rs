//! `/account/devices`: the devices a person connected, and the browsers they are signed in with.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::super::PageRefusal;
use super::super::browser::Browser;
use super::super::csrf::CsrfChecked;
use super::super::views::PageFrame;
use crate::app::App;
use crate::domain::devices::change::{self, DeviceChange};
use crate::domain::devices::overview::{self, Overview};
use crate::domain::devices::{DeviceError, Owner, find, lock, revoke};
use crate::domain::oauth_error::OAuthError;
use crate::domain::{browser_sessions, users};
use crate::http::parameters::Parameters;
use crate::model::browser_session::BrowserSession;
use crate::model::change::Change;
use crate::model::client::Client;
use crate::model::device::{Device, DeviceStatus};
use crate::model::ids::{BrowserSessionId, DeviceId};
use crate::model::version::MeantFor;
use crate::store::browser_sessions::ListedSession;

const HERE: &str = "/account/devices";

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(show))
        .route("/account/devices/rename", post(rename))
        .route("/account/devices/lock", post(lock_one))
        .route("/account/devices/unlock", post(unlock_one))
        .route("/account/devices/disconnect", post(disconnect))
        .route("/account/browsers/end", post(end_browser))
        .route("/account/sign-out-everywhere", post(sign_out_everywhere))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "account/devices.html", config = ".askama.toml")]
struct DevicesPage {
    frame: PageFrame,
    devices: Vec<DeviceWords>,
    /// How many devices there are beyond those shown.
    more: i64,
    browsers: Vec<BrowserWords>,
    /// Why a name was not taken.
    error: Option<&'static str>,
}

/// A device in words.
#[derive(Debug)]
struct DeviceWords {
    id: String,
    /// What to call it.
    title: String,
    /// The name it has been given, if any.
    name: String,
    program: String,
    said: Vec<(&'static str, String)>,
    status: DeviceStatus,
    trusted: bool,
    address: Option<String>,
    connected: Moment,
    seen: Option<Moment>,
    ends: Moment,
}

/// A signed-in browser in words.
#[derive(Debug)]
struct BrowserWords {
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    user_agent: Option<String>,
    address: Option<String>,
    signed_in: Moment,
    seen: Moment,
}

/// A moment, for people and for programs.
#[derive(Debug)]
struct Moment {
    words: String,
    rfc3339: String,
}

impl Moment {
    fn of(at: DateTime<Utc>) -> Self {
        let words = at.format("%-d %B %Y, %H:%M UTC").to_string();
        Self { words, rfc3339: at.to_rfc3339_opts(SecondsFormat::Secs, true) }
    }
}

impl DeviceWords {
    fn of(device: Device, client: Option<&Client>) -> Self {
        let program = client.map_or_else(|| device.client_id.to_string(), |client| client.name.clone());
        let description = device.description;
        let said = [
            ("System", description.os),
            ("Host name", description.hostname),
            ("Version", description.client_version),
        ];
        Self {
            id: device.id.to_string(),
            title: description.name.clone().unwrap_or_else(|| program.clone()),
            name: description.name.unwrap_or_default(),
            program,
            said: said.into_iter().filter_map(|(label, value)| Some((label, value?))).collect(),
            status: device.status,
            trusted: device.trusted,
            address: device.ip_address.map(|address| address.to_string()),
            connected: Moment::of(device.created_at),
            seen: device.last_seen_at.map(Moment::of),
            ends: Moment::of(device.expires_at),
        }
    }
}

impl BrowserWords {
    fn of(listed: ListedSession, current: BrowserSessionId) -> Self {
        Self {
            id: listed.id.to_string(),
            current: listed.id == current,
            user_agent: listed.user_agent,
            address: listed.ip_address.map(|address| address.to_string()),
            signed_in: Moment::of(listed.created_at),
            seen: Moment::of(listed.last_seen_at),
        }
    }
}

/// Shows what there is. Nothing is changed by looking.
async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageRefusal> {
    page(&app, browser, None).await
}

async fn page(app: &App, browser: Browser, error: Option<&'static str>) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Overview { devices, total, browsers } = overview::overview(app, owner(&browser, session)).await?;
    let more = total - i64::try_from(devices.len()).unwrap_or(total);
    let current = session.id;
    let page = DevicesPage {
        frame: browser.frame(),
        devices: devices
            .into_iter()
            .map(|(device, client)| DeviceWords::of(device, client.as_deref()))
            .collect(),
        more,
        browsers: browsers.into_iter().map(|listed| BrowserWords::of(listed, current)).collect(),
        error,
    };
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(browser.show(status, &page))
}

async fn rename(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let name = form.take("name").map_or(Change::Clear, Change::Set);
    let wanted = DeviceChange { name, metadata: Change::Leave };
    let done = match device(&mut form) {
        Some(id) => {
            change::change(&app, owner(&browser, session), id, wanted, &MeantFor::Any).await.map(drop)
        }
        None => Ok(()),
    };
    answer(&app, browser, done).await
}

async fn lock_one(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let done = match device(&mut form) {
        Some(id) => lock::lock(&app, owner(&browser, session), id, &MeantFor::Any).await.map(drop),
        None => Ok(()),
    };
    answer(&app, browser, done).await
}

async fn unlock_one(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let done = match device(&mut form) {
        Some(id) => lock::unlock(&app, owner(&browser, session), id, &MeantFor::Any).await.map(drop),
        None => Ok(()),
    };
    answer(&app, browser, done).await
}

async fn disconnect(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let done = match device(&mut form) {
        Some(id) => revoke::revoke_own(&app, owner(&browser, session), id, &MeantFor::Any).await,
        None => Ok(()),
    };
    answer(&app, browser, done).await
}

async fn end_browser(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    if let Some(id) = form.take("browser").and_then(|text| Uuid::try_parse(&text).ok()) {
        browser_sessions::end(&app, owner(&browser, session), BrowserSessionId(id)).await?;
    }
    Ok(browser.go_to(HERE))
}

/// Ends everything, this browser too: whoever has its cookie as well is out.
async fn sign_out_everywhere(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, .. }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    if let Some(session) = &browser.session {
        users::sign_out_oneself_everywhere(&app, &session.user, &browser.origin).await?;
    }
    Ok(browser.go_to("/sign-in"))
}

/// Back to the page. A device that is gone, or another's, is no error: there is nothing to show of it.
async fn answer(app: &App, browser: Browser, done: Result<(), DeviceError>) -> Result<Response, PageRefusal> {
    match done {
        Ok(()) | Err(DeviceError::NotFound) => Ok(browser.go_to(HERE)),
        Err(DeviceError::UnfitName(_)) => {
            let words = "This name cannot be used. Use at most 128 letters, without invisible characters.";
            page(app, browser, Some(words)).await
        }
        Err(DeviceError::Store(error)) => Err(error.into()),
        Err(other) => Err(OAuthError::fault(other).into()),
    }
}

fn owner<'a>(browser: &'a Browser, session: &BrowserSession) -> Owner<'a> {
    Owner { tenant: browser.tenant.id, user: session.user.id, origin: &browser.origin }
}

fn device(form: &mut Parameters) -> Option<DeviceId> {
    find::identifier(&form.take("device")?)
}
