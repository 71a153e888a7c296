//! `/console/audit`: who did what, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, NaiveDateTime, Utc};
use uuid::Uuid;

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::people::named;
use super::section::Section;
use super::views::{Moment, Navigation};
use super::visitor::Visitor;
use crate::app::App;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::paging::Cursor;
use crate::model::audit_action::Action;
use crate::model::ids::{TenantId, UserId};
use crate::store::audit_events::{self, Filter, Position, StoredEvent};
use crate::store::{self, users};

/// How many events a page shows.
const PAGE_SIZE: i64 = 50;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/audit.html", config = ".askama.toml")]
struct AuditPage {
    frame: PageFrame,
    nav: Navigation,
    wanted: Wanted,
    rows: Vec<EventRow>,
    error: Option<&'static str>,
    newest: Option<String>,
    older: Option<String>,
}

/// What the filters say, as it was typed.
#[derive(Debug, Default)]
struct Wanted {
    action: Option<String>,
    actor: Option<String>,
    target: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl Wanted {
    fn take(parameters: &mut Parameters) -> Self {
        Self {
            action: parameters.take("action"),
            actor: parameters.take("actor"),
            target: parameters.take("target"),
            from: parameters.take("from"),
            to: parameters.take("to"),
        }
    }

    fn address(&self, base: &str, cursor: Option<&str>) -> String {
        let parameters = [
            ("action", self.action.as_deref()),
            ("actor", self.actor.as_deref()),
            ("target", self.target.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("cursor", cursor),
        ];
        link(&format!("{base}{}", Section::Audit.path()), &parameters)
    }

    /// What is looked for, or what is wrong with it.
    async fn read(&self, app: &App, tenant: TenantId) -> Result<Result<Filter, &'static str>, PageError> {
        const UNREADABLE: &str = "Enter times in UTC, such as 2026-01-15T10:20.";
        let (Ok(from), Ok(to)) = (time(self.from.as_deref()), time(self.to.as_deref())) else {
            return Ok(Err(UNREADABLE));
        };
        let actor = match self.actor.as_deref() {
            // Whoever is gone is still found by identifier, and so are clients.
            Some(name) => {
                Some(named(app, tenant, name).await?.map_or_else(|| name.to_owned(), |id| id.to_string()))
            }
            None => None,
        };
        let (action, target_id) = (self.action.clone(), self.target.clone());
        Ok(Ok(Filter { actor, action, target_id, from, to, ..Filter::default() }))
    }
}

/// A time in UTC, as ISO 8601 writes it without a zone.
fn time(text: Option<&str>) -> Result<Option<DateTime<Utc>>, chrono::ParseError> {
    let read = |text: &str| {
        let minutes = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
        minutes.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
    };
    text.map(|text| read(text).map(|time| time.and_utc())).transpose()
}

/// An event in words.
#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) at: Moment,
    pub(super) action: String,
    pub(super) refused: bool,
    pub(super) actor: String,
    target: String,
    pub(super) address: Option<String>,
    details: String,
}

impl EventRow {
    /// Events, with the names of the people who acted.
    pub(super) async fn of_all(
        app: &App,
        tenant: TenantId,
        events: Vec<StoredEvent>,
    ) -> store::Result<Vec<Self>> {
        let people: Vec<_> = events.iter().filter_map(person).collect();
        let names = users::names(&app.db, tenant, &people).await?;
        let row = |event| {
            let name = person(&event).and_then(|id| names.get(&id));
            Self::of(event, name)
        };
        Ok(events.into_iter().map(row).collect())
    }

    fn of(event: StoredEvent, name: Option<&String>) -> Self {
        Self {
            at: Moment::of(event.at),
            action: event.action,
            refused: event.outcome == "refused",
            actor: name.cloned().or(event.actor_id).unwrap_or(event.actor_kind),
            target: match event.target_id {
                Some(id) => format!("{} {id}", event.target_kind),
                None => event.target_kind,
            },
            address: event.ip_address,
            details: event.details,
        }
    }
}

/// The person who acted, if it was one.
pub(super) fn person(event: &StoredEvent) -> Option<UserId> {
    let id = event.actor_id.as_deref().filter(|_| event.actor_kind == "user")?;
    Uuid::try_parse(id).ok().map(UserId)
}

/// Shows the list.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = visitor.tenant();
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let wanted = Wanted::take(&mut parameters);
    let cursor = parameters.take("cursor");
    let list = wanted.address("", None);
    let after: Option<Position> = Cursor::open(&app, tenant, &list, cursor.as_deref())?;
    let limit = PAGE_SIZE + 1;
    let (mut found, error) = match wanted.read(&app, tenant).await? {
        Ok(filter) => (audit_events::list(&app.db, tenant, &filter, after, limit).await?, None),
        Err(words) => (Vec::new(), Some(words)),
    };
    let older = Cursor::cut(&app, tenant, &list, &mut found, PAGE_SIZE, StoredEvent::position);
    let rows = EventRow::of_all(&app, tenant, found).await?;
    let frame = visitor.browser.frame();
    let older = older.map(|cursor| wanted.address(&frame.base, Some(&cursor)));
    let page = AuditPage {
        nav: visitor.navigation(),
        newest: cursor.map(|_| wanted.address(&frame.base, None)),
        older,
        rows,
        error,
        wanted,
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_minute_or_the_second() {
        let read = |text| time(Some(text)).map(|time| time.unwrap().to_rfc3339());
        assert_eq!(read("2026-01-15T10:20").as_deref(), Ok("2026-01-15T10:20:00+00:00"));
        assert_eq!(read("2026-01-15T10:20:30").as_deref(), Ok("2026-01-15T10:20:30+00:00"));
        assert!(read("yesterday").is_err() && read("2026-13-01T00:00").is_err());
        assert_eq!(time(None), Ok(None));
    }
}
