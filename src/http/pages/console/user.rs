//! `/console/user`: one account, with all that belongs to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use uuid::Uuid;

use super::super::browser_names;
use super::super::views::PageFrame;
use super::audit::EventRow;
use super::links::link;
use super::page::{answer, nothing_here};
use super::section::Section;
use super::views::{Moment, Navigation, SIGNED_IN_AGAIN};
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::password_links::PasswordLink;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::languages::places::in_words;
use crate::languages::{Language, Phrase};
use crate::model::ids::UserId;
use crate::model::user::{Role, Standing};
use crate::store::audit_events::{self, Filter, StoredEvent};
use crate::store::browser_sessions::{self, ListedSession};
use crate::store::users::{self, Account};
use crate::store::{self, devices, totp_secrets};

/// Where accounts' pages are.
pub(super) const HERE: &str = "/console/user";
/// How many events a page shows.
const RECENT: usize = 10;
/// Nobody counts more devices by hand.
const COUNTED: i64 = 1_000;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/user.html", config = ".askama.toml")]
struct UserPage {
    frame: PageFrame,
    nav: Navigation,
    account: Account,
    is_own: bool,
    roles: String,
    created: Moment,
    changed: Moment,
    has_second_factor: bool,
    devices: String,
    devices_href: String,
    browsers: Vec<BrowserRow>,
    events: Vec<EventRow>,
    /// What they did, and what was done to the account.
    did_href: String,
    done_href: String,
    change_href: String,
    delete_href: String,
    /// The link for choosing a password, shown this once.
    link: Option<ShownLink>,
    note: Option<&'static str>,
    error: Option<String>,
}

/// A link by which a person chooses a password.
struct ShownLink {
    url: String,
    expires: Moment,
}

impl std::fmt::Debug for ShownLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownLink(…)")
    }
}

/// A signed-in browser in words.
#[derive(Debug)]
struct BrowserRow {
    /// As it calls itself, where that is known to be what it writes.
    name: Option<Phrase>,
    user_agent: Option<String>,
    address: Option<String>,
    place: Option<Phrase>,
    signed_in: Moment,
    seen: Moment,
}

impl BrowserRow {
    fn of(session: ListedSession) -> Self {
        Self {
            name: browser_names::in_words(Language::English, session.user_agent.as_deref()),
            user_agent: session.user_agent,
            address: session.ip_address.map(|address| address.to_string()),
            place: session.place.as_ref().and_then(|place| in_words(Language::English, place)),
            signed_in: Moment::of(session.created_at),
            seen: Moment::of(session.last_seen_at),
        }
    }
}

/// What is told on the page beside the account.
#[derive(Default)]
pub(super) struct Told {
    pub(super) link: Option<PasswordLink>,
    pub(super) note: Option<&'static str>,
    pub(super) error: Option<String>,
}

/// Where an account's page is.
pub(super) fn address(id: UserId) -> String {
    link(HERE, &[("id", Some(&id.to_string()))])
}

/// Roles as one reads and types them.
pub(super) fn words(roles: &[Role]) -> String {
    roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Shows the account.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let account = find(&app, &visitor, &mut parameters).await?;
    let note = match parameters.take("done").as_deref() {
        Some("signed-out") => Some("Signed out everywhere."),
        Some("second-factor") => {
            Some("Two-step verification is off: the password alone is enough to sign in.")
        }
        Some("no-second-factor") => Some("Two-step verification was already off."),
        Some("again") => Some(SIGNED_IN_AGAIN),
        _ => None,
    };
    page(&app, visitor, StatusCode::OK, account, Told { note, ..Told::default() }).await
}

/// The account that the request names.
pub(super) async fn find(
    app: &App,
    visitor: &Visitor,
    parameters: &mut Parameters,
) -> Result<Account, PageError> {
    let id = parameters.take("id").and_then(|text| Uuid::try_parse(&text).ok()).map(UserId);
    let id = id.ok_or_else(nothing_here)?;
    users::account(&app.db, visitor.tenant(), id).await?.ok_or_else(nothing_here)
}

/// The page of an account.
pub(super) async fn page(
    app: &App,
    visitor: Visitor,
    status: StatusCode,
    account: Account,
    told: Told,
) -> Result<Response, PageError> {
    let (tenant, now) = (visitor.tenant(), app.clock.now());
    let (id, name) = (account.user.id, account.user.username.clone());
    let idle = TimeDelta::seconds(i64::from(app.config.sign_in.idle_seconds));
    let second_factor = totp_secrets::find(&app.db, tenant, id).await?;
    let browsers = browser_sessions::of_user(&app.db, tenant, id, now, idle).await?;
    let events = recent(app, &visitor, id).await?;
    let frame = visitor.browser.frame();
    let to =
        |path: &str, name: &str, value: &str| link(&format!("{}{path}", frame.base), &[(name, Some(value))]);
    let page = UserPage {
        nav: visitor.navigation(),
        is_own: visitor.user.id == id,
        roles: words(&account.user.roles),
        created: Moment::of(account.created_at),
        changed: Moment::of(account.updated_at),
        has_second_factor: second_factor.is_some_and(|stored| stored.confirmed),
        devices: count_devices(app, &visitor, id).await?,
        devices_href: to(Section::Devices.path(), "user", &name),
        browsers: browsers.into_iter().map(BrowserRow::of).collect(),
        events,
        did_href: to(Section::Audit.path(), "actor", &id.to_string()),
        done_href: to(Section::Audit.path(), "target", &id.to_string()),
        change_href: to("/console/user/change", "id", &id.to_string()),
        delete_href: to("/console/user/delete", "id", &id.to_string()),
        link: told
            .link
            .map(|link| ShownLink { url: link.url.to_string(), expires: Moment::of(link.expires_at) }),
        note: told.note,
        error: told.error,
        account,
        frame,
    };
    Ok(answer(visitor, status, &page))
}

/// How many devices of a person there are, in words.
pub(super) async fn count_devices(app: &App, visitor: &Visitor, id: UserId) -> store::Result<String> {
    let (tenant, now) = (visitor.tenant(), app.clock.now());
    let of_them = devices::listings::Filter { user: Some(id), ..devices::listings::Filter::default() };
    let count = devices::listings::count_up_to(&app.db, tenant, &of_them, COUNTED + 1, now).await?;
    Ok(if count > COUNTED { format!("more than {COUNTED}") } else { count.to_string() })
}

/// What they did and what was done to the account lately, newest first.
async fn recent(app: &App, visitor: &Visitor, id: UserId) -> Result<Vec<EventRow>, PageError> {
    let (tenant, text) = (visitor.tenant(), id.to_string());
    let did = Filter { actor: Some(text.clone()), ..Filter::default() };
    let done = Filter { target_id: Some(text), target_kind: Some("user".to_owned()), ..Filter::default() };
    let limit = i64::try_from(RECENT).unwrap_or_default();
    let mut events = audit_events::list(&app.db, tenant, &did, None, limit).await?;
    events.extend(audit_events::list(&app.db, tenant, &done, None, limit).await?);
    events.sort_by_key(|event| std::cmp::Reverse(event.position()));
    events.dedup_by_key(|event: &mut StoredEvent| event.id);
    events.truncate(RECENT);
    Ok(EventRow::of_all(app, tenant, events).await?)
}
