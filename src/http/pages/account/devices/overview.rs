//! What people see of their devices and browsers, and do with them.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::views::DevicesPage;
use crate::app::App;
use crate::domain::devices::change::{self, DeviceChange};
use crate::domain::devices::overview::{self, AT_ONCE};
use crate::domain::devices::{DeviceError, Owner, find, lock, revoke};
use crate::domain::oauth_error::OAuthError;
use crate::domain::{browser_sessions, users};
use crate::http::pages::browser::Browser;
use crate::http::pages::csrf::CsrfChecked;
use crate::http::pages::destination::{self, Destination};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::browser_session::BrowserSession;
use crate::model::ids::{BrowserSessionId, DeviceId};
use crate::model::patch::Patch;
use crate::model::version::MeantFor;

pub(super) const HERE: &str = "/account/devices";

/// Shows what there is. Nothing is changed by looking.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let Some(session) = browser.session.clone() else { return Ok(sign_in_first(browser)) };
    let offset = offset(&mut Parameters::of_query(query.as_deref())?);
    let page = page(&app, &mut browser, &session, offset).await?;
    // The last of a part may have gone a moment ago.
    if let Some(part) = page.part.as_ref().filter(|_| page.devices.is_empty()) {
        return Ok(browser.go_to(&here((part.total - 1).max(0) / AT_ONCE * AT_ONCE)));
    }
    Ok(browser.show(StatusCode::OK, &page))
}

async fn page(
    app: &App,
    browser: &mut Browser,
    session: &BrowserSession,
    offset: i64,
) -> Result<DevicesPage, PageError> {
    browser.here = here(offset);
    let overview = overview::overview(app, owner(browser, session), offset).await?;
    Ok(DevicesPage::of(browser.frame(), overview, (offset, AT_ONCE), session.id, app.clock.now()))
}

pub(super) async fn rename(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = browser.session.clone() else { return Ok(sign_in_first(browser)) };
    let typed = form.take("name");
    let name = typed.clone().map_or(Patch::Clear, Patch::Set);
    let wanted = DeviceChange { name, ..DeviceChange::default() };
    let (device, offset) = (device(&mut form), offset(&mut form));
    let done = changed(&app, &browser, &session, device, wanted).await;
    if !matches!(done, Err(DeviceError::UnfitName(_))) {
        return answer(browser, offset, done);
    }
    let mut page = page(&app, &mut browser, &session, offset).await?;
    let id = device.map(|device| device.to_string());
    if let Some(shown) = page.devices.iter_mut().find(|shown| Some(&shown.id) == id.as_ref()) {
        shown.name = typed.unwrap_or_default();
        shown.name_error = Some(browser.language.t("consent-name-error"));
    }
    Ok(browser.show(StatusCode::BAD_REQUEST, &page))
}

pub(super) async fn distrust(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = browser.session.clone() else { return Ok(sign_in_first(browser)) };
    let wanted = DeviceChange { trusted: Patch::Set(false), ..DeviceChange::default() };
    let done = changed(&app, &browser, &session, device(&mut form), wanted).await;
    answer(browser, offset(&mut form), done)
}

async fn changed(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    device: Option<DeviceId>,
    wanted: DeviceChange,
) -> Result<(), DeviceError> {
    let id = device.ok_or(DeviceError::NotFound)?;
    change::change(app, owner(browser, session), id, wanted, &MeantFor::Any).await.map(drop)
}

pub(super) async fn lock_one(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(sign_in_first(browser)) };
    let done = match device(&mut form) {
        Some(id) => lock::lock(&app, owner(&browser, session), id, &MeantFor::Any).await.map(drop),
        None => Ok(()),
    };
    answer(browser, offset(&mut form), done)
}

pub(super) async fn unlock_one(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(sign_in_first(browser)) };
    let done = match device(&mut form) {
        Some(id) => lock::unlock(&app, owner(&browser, session), id, &MeantFor::Any).await.map(drop),
        None => Ok(()),
    };
    answer(browser, offset(&mut form), done)
}

pub(super) async fn disconnect(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(sign_in_first(browser)) };
    let done = match device(&mut form) {
        Some(id) => revoke::revoke_own(&app, owner(&browser, session), id, &MeantFor::Any).await,
        None => Ok(()),
    };
    answer(browser, offset(&mut form), done)
}

pub(super) async fn end_browser(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(sign_in_first(browser)) };
    if let Some(id) = form.take("browser").and_then(|text| Uuid::try_parse(&text).ok()) {
        browser_sessions::end(&app, owner(&browser, session), BrowserSessionId(id)).await?;
    }
    Ok(browser.go_to(&here(offset(&mut form))))
}

/// Ends everything, this browser too: whoever has its cookie as well is out.
pub(super) async fn sign_out_everywhere(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, .. }: CsrfChecked,
) -> Result<Response, PageError> {
    if let Some(session) = &browser.session {
        users::sign_out_oneself_everywhere(&app, &session.user, &browser.origin).await?;
    }
    Ok(browser.go_to("/sign-in"))
}

/// Back to the page. A device that is gone, or another's, is no error: there is nothing to show of it; and of one that
/// an administrator locked, the page says so.
fn answer(browser: Browser, offset: i64, done: Result<(), DeviceError>) -> Result<Response, PageError> {
    match done {
        Ok(()) | Err(DeviceError::NotFound | DeviceError::LockedByAdministrator(_)) => {
            Ok(browser.go_to(&here(offset)))
        }
        Err(DeviceError::Store(error)) => Err(error.into()),
        Err(other) => Err(OAuthError::fault(other).into()),
    }
}

fn sign_in_first(mut browser: Browser) -> Response {
    destination::remember(&mut browser, Destination::Devices);
    browser.go_to("/sign-in")
}

fn owner<'a>(browser: &'a Browser, session: &BrowserSession) -> Owner<'a> {
    Owner {
        tenant: &browser.tenant,
        user: session.user.id,
        device: None,
        administrator: None,
        origin: &browser.origin,
    }
}

fn device(form: &mut Parameters) -> Option<DeviceId> {
    find::identifier(&form.take("device")?)
}

/// How many devices to leave out; whatever is no such number leaves out none.
fn offset(parameters: &mut Parameters) -> i64 {
    let given = parameters.take("offset").and_then(|text| text.parse().ok());
    given.filter(|offset| (0..=i64::from(i32::MAX)).contains(offset)).unwrap_or(0)
}

/// The page from the `offset`th device on.
fn here(offset: i64) -> String {
    if offset == 0 { HERE.to_owned() } else { format!("{HERE}?offset={offset}") }
}
