//! `/console/devices/disconnect`: a device is disconnected, after a page that asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::views::PageFrame;
use super::devices::{DeviceRow, back, device, device_row, owner};
use super::page::answer;
use super::section::Section;
use super::views::Navigation;
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::devices::revoke;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::version::MeantFor;

/// The question whether a device is to be disconnected.
#[derive(Debug, Template)]
#[template(path = "console/device_disconnection.html", config = ".askama.toml")]
struct DisconnectionPage {
    frame: PageFrame,
    nav: Navigation,
    row: DeviceRow,
    back_href: String,
}

/// Asks whether the device is to be disconnected.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let id = device(&mut Parameters::of_query(query.as_deref())?)?;
    let row = device_row(&app, &visitor, id).await?;
    let frame = visitor.browser.frame();
    let back_href = format!("{}{}", frame.base, Section::Devices.path());
    let page = DisconnectionPage { frame, nav: visitor.navigation(), row, back_href };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// Disconnects the device.
pub(super) async fn disconnect(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let id = device(&mut form)?;
    let done = match owner(&app, &visitor, id).await {
        Ok(owner) => revoke::revoke_own(&app, owner, id, &MeantFor::Any).await,
        Err(error) => Err(error),
    };
    back(visitor, done)
}
