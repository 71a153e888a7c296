//! The filters of a list, from the query string. Unreadable values are answered with 400.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::app::App;
use crate::http::parameters::Parameters;
use crate::http::rest::paging::{Cursor, take_number};
use crate::http::rest::problem::Problem;
use crate::model::ids::TenantId;

/// How many items a list shows unless asked otherwise.
const DEFAULT_LIMIT: i64 = 100;
/// How many it shows at most.
const MAX_LIMIT: i64 = 1000;

/// What is in the query string. What nobody takes is ignored.
pub struct Filters {
    parameters: Parameters,
    /// What was taken, to bind a cursor to it.
    taken: String,
}

impl FromRequestParts<Arc<App>> for Filters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        let parameters = Parameters::of_query(parts.uri.query())?;
        Ok(Self { parameters, taken: parts.uri.path().to_owned() })
    }
}

impl Filters {
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.parameters.take(name)?;
        // Lengths first, so that no two sets of filters are written alike.
        let _ = write!(self.taken, "\0{name} {} {value}", value.len());
        Some(value)
    }

    /// A value that `read` understands; `expected` says in words what it is.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| Problem::bad_parameter(name, format!("must be {expected}")))
    }

    pub fn time(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        self.read(name, "a time such as 2026-01-15T10:20:00Z", |text| {
            DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
        })
    }

    pub fn id(&mut self, name: &'static str) -> Result<Option<Uuid>, Problem> {
        self.read(name, "a UUID", |text| Uuid::try_parse(text).ok())
    }

    pub fn number(
        &mut self,
        name: &'static str,
        default: i64,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, Problem> {
        let message = format!("must be a whole number from {} to {}", range.start(), range.end());
        take_number(&mut self.parameters, name, default, range)
            .map_err(|_| Problem::bad_parameter(name, message))
    }

    pub fn limit(&mut self) -> Result<i64, Problem> {
        self.number("limit", DEFAULT_LIMIT, 1..=MAX_LIMIT)
    }

    /// Where to go on. To be asked after all filters: a cursor is good for the filters it was made for.
    pub fn cursor<K: DeserializeOwned>(&mut self, app: &App, tenant: TenantId) -> Result<Option<K>, Problem> {
        let text = self.parameters.take("cursor");
        Ok(Cursor::open(app, tenant, &self.taken, text.as_deref())?)
    }

    /// What this list is called in its cursors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.taken
    }
}
