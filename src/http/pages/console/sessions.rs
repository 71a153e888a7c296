//! `/console/sessions`: device-authorization sessions, newest first.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::people;
use super::section::Section;
use super::views::{Moment, Navigation};
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::device_authorizations as shown;
use crate::http::rest::paging::Cursor;
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{TenantId, UserId};
use crate::store::device_authorizations::listings::{self, Filter, Listed, Part, Position};
use crate::store::users;

/// How many sessions a page shows.
const PAGE_SIZE: i64 = 50;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/sessions.html", config = ".askama.toml")]
struct SessionsPage {
    frame: PageFrame,
    nav: Navigation,
    wanted: Wanted,
    rows: Vec<SessionRow>,
    /// What is wrong with the filters.
    error: Option<&'static str>,
    /// Where the same is, as it is now.
    here: String,
    /// Where the newest are, on pages further down.
    newest: Option<String>,
    /// Where the list goes on.
    older: Option<String>,
    now: Moment,
}

/// What the filters say, as it was typed.
#[derive(Debug, Default)]
struct Wanted {
    status: Option<DeviceAuthorizationStatus>,
    client: Option<String>,
    user: Option<String>,
}

impl Wanted {
    fn take(parameters: &mut Parameters) -> Result<Self, OAuthError> {
        let status = parameters.take("status").map(|word| {
            DeviceAuthorizationStatus::parse(&word)
                .ok_or_else(|| OAuthError::invalid_request("There is no such status."))
        });
        Ok(Self {
            status: status.transpose()?,
            client: parameters.take("client"),
            user: parameters.take("user"),
        })
    }

    /// The address of a part of the list.
    fn address(&self, base: &str, cursor: Option<&str>) -> String {
        let path = format!("{base}{}", Section::Sessions.path());
        let parameters = [
            ("status", self.status.map(DeviceAuthorizationStatus::as_str)),
            ("client", self.client.as_deref()),
            ("user", self.user.as_deref()),
            ("cursor", cursor),
        ];
        link(&path, &parameters)
    }
}

/// A session in words.
#[derive(Debug)]
struct SessionRow {
    id: String,
    client: String,
    device: Option<String>,
    user_code: Option<String>,
    status: DeviceAuthorizationStatus,
    started: Moment,
    polls: i64,
    decided_by: Option<String>,
}

impl SessionRow {
    fn of(app: &App, listed: &Listed, names: &HashMap<UserId, String>) -> Self {
        let request = &listed.request;
        Self {
            id: request.session.id.to_string(),
            client: request.session.client_id.to_string(),
            device: request.device.name.clone(),
            user_code: shown::user_code(app, listed),
            status: shown::status(app, listed),
            started: Moment::of(request.created_at),
            polls: listed.poll_count,
            decided_by: listed.decided_by.and_then(|id| names.get(&id)).cloned(),
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
    let after: Option<Position> = Cursor::open(&app, tenant, &list, cursor.as_deref())?;
    let (mut found, error) = find(&app, tenant, &wanted, after).await?;
    let older = Cursor::cut(&app, tenant, &list, &mut found, PAGE_SIZE, Listed::position);
    let deciders: Vec<_> = found.iter().filter_map(|listed| listed.decided_by).collect();
    let names = users::names(&app.db, tenant, &deciders).await?;
    let frame = visitor.browser.frame();
    let older = older.map(|cursor| wanted.address(&frame.base, Some(&cursor)));
    let page = SessionsPage {
        nav: visitor.navigation(),
        here: wanted.address(&frame.base, cursor.as_deref()),
        newest: cursor.map(|_| wanted.address(&frame.base, None)),
        older,
        rows: found.iter().map(|listed| SessionRow::of(&app, listed, &names)).collect(),
        error,
        wanted,
        now: Moment::of(app.clock.now()),
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// One session more than are shown, if there are as many; and what is wrong with the filters.
async fn find(
    app: &App,
    tenant: TenantId,
    wanted: &Wanted,
    after: Option<Position>,
) -> Result<(Vec<Listed>, Option<&'static str>), PageError> {
    let user = match people::wanted(app, tenant, wanted.user.as_deref()).await? {
        Ok(user) => user,
        Err(words) => return Ok((Vec::new(), Some(words))),
    };
    let filter = Filter { status: wanted.status, client: wanted.client.clone(), user, ..Filter::default() };
    let part = Part { after, offset: 0, limit: PAGE_SIZE + 1 };
    let lifetime = app.config.device_flow.code_lifetime();
    let found = listings::list(&app.db, tenant, &filter, part, app.clock.now(), lifetime).await?;
    Ok((found, None))
}
