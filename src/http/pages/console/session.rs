//! `/console/session`: one session, with all that happened to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::browser_names;
use super::super::views::PageFrame;
use super::audit::person;
use super::links::link;
use super::page::{answer, nothing_here};
use super::views::{Moment, Navigation};
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::device_flow::end::{self, DenyError};
use crate::domain::tenants;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::device_authorizations as shown;
use crate::languages::{Language, Phrase};
use crate::model::device_authorization::State as SessionState;
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::device_authorizations::listings::{self, Listed};
use crate::store::{audit_events, users};

const HERE: &str = "/console/session";
/// More than this happens to no honest session.
const MOST_EVENTS: i64 = 200;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/session.html", config = ".askama.toml")]
struct SessionPage {
    frame: PageFrame,
    nav: Navigation,
    id: String,
    status: DeviceAuthorizationStatus,
    client: String,
    user_code: Option<String>,
    scope: Option<String>,
    resources: Vec<String>,
    polls: i64,
    said: Vec<(&'static str, String)>,
    came_from: Option<String>,
    named_browser: Option<Phrase>,
    user_agent: Option<String>,
    timeline: Vec<Entry>,
    /// Where a person connects the device that the console plays, if it does.
    verification_uri: Option<String>,
    /// What came of the last attempt to deny it.
    note: Option<&'static str>,
}

/// Something that happened, or will.
#[derive(Debug)]
struct Entry {
    at: DateTime<Utc>,
    moment: Moment,
    words: String,
    who: Option<String>,
    refused: bool,
    request: Option<String>,
}

impl Entry {
    fn of(at: DateTime<Utc>, words: impl Into<String>) -> Self {
        Self { at, moment: Moment::of(at), words: words.into(), who: None, refused: false, request: None }
    }
}

/// Shows the session.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let tenant = visitor.tenant();
    let id = identifier(&mut parameters).ok_or_else(nothing_here)?;
    let listed = listings::find(&app.db, tenant, id).await?.ok_or_else(nothing_here)?;
    let note = parameters.take("denied").map(|denied| match denied.as_str() {
        "yes" => "Denied. The device receives access_denied.",
        _ => "Nothing was changed: the authorization is no longer pending.",
    });
    let tried = parameters.take("tried").is_some();
    let request = &listed.request;
    let device = &request.device;
    let said = [
        ("Name", &device.name),
        ("Operating system", &device.os),
        ("Hostname", &device.hostname),
        ("Version", &device.client_version),
    ];
    let page = SessionPage {
        frame: visitor.browser.frame(),
        nav: visitor.navigation(),
        id: id.to_string(),
        status: shown::status(&app, &listed),
        client: request.session.client_id.to_string(),
        user_code: shown::user_code(&app, &listed),
        scope: shown::scope(&listed),
        resources: request.resources.clone(),
        polls: listed.poll_count,
        said: said.into_iter().filter_map(|(label, value)| Some((label, value.clone()?))).collect(),
        came_from: request.ip_address.map(|address| address.to_string()),
        named_browser: browser_names::in_words(Language::English, request.user_agent.as_deref()),
        user_agent: request.user_agent.clone(),
        timeline: timeline(&app, tenant, &listed).await?,
        verification_uri: tried.then(|| format!("{}/device", tenants::issuer(&app, &visitor.browser.tenant))),
        note,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

fn identifier(parameters: &mut Parameters) -> Option<DeviceAuthorizationId> {
    Uuid::try_parse(&parameters.take("id")?).ok().map(DeviceAuthorizationId)
}

/// What the audit trail tells of the session, between what the session itself knows: its beginning, its last poll and
/// its end.
async fn timeline(app: &App, tenant: TenantId, listed: &Listed) -> Result<Vec<Entry>, PageError> {
    let session = &listed.request.session;
    let filter = audit_events::Filter {
        target_kind: Some("device_authorization".to_owned()),
        target_id: Some(session.id.to_string()),
        ..audit_events::Filter::default()
    };
    let events = audit_events::list(&app.db, tenant, &filter, None, MOST_EVENTS).await?;
    let people: Vec<_> = events.iter().filter_map(person).collect();
    let names = users::names(&app.db, tenant, &people).await?;
    let mut entries: Vec<_> = events
        .into_iter()
        .map(|event| {
            let name = person(&event).and_then(|id| names.get(&id)).cloned();
            Entry {
                who: name.or(event.actor_id).or((event.actor_kind != "anyone").then_some(event.actor_kind)),
                refused: event.outcome == "refused",
                request: event.request_id.map(|id| id.to_string()),
                ..Entry::of(event.at, event.action)
            }
        })
        .collect();
    entries.push(Entry::of(listed.request.created_at, "Device requested codes"));
    entries.extend(
        listed
            .polling
            .last_polled_at
            .map(|at| Entry::of(at, format!("Last poll, {} in total", listed.poll_count))),
    );
    if let SessionState::Consumed(consumption) = &session.state {
        entries.push(Entry::of(consumption.at, "Device received its tokens"));
    }
    let over = session.expires_at <= app.clock.now();
    let end = if over { "Codes expired" } else { "Codes expire" };
    entries.push(Entry::of(session.expires_at, end));
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// Ends a pending session.
pub(super) async fn deny(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let id = identifier(&mut form).ok_or_else(nothing_here)?;
    let denied = match end::end(&app, visitor.tenant(), id, &visitor.by()).await {
        Ok(_) => "yes",
        Err(DenyError::NotPending(_)) => "no",
        Err(DenyError::NoSuchSession) => return Err(nothing_here()),
        Err(DenyError::Store(error)) => return Err(error.into()),
    };
    let target = link(HERE, &[("id", Some(&id.to_string())), ("denied", Some(denied))]);
    Ok(visitor.browser.go_to(&target))
}
