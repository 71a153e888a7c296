//! `/console`: what happens now, and what happened in the last hour, day or month.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::plots::{HEIGHT, KINDS, Plot, WIDTH, grouped, moment, plots};
use super::section::Section;
use super::views::{Moment, Navigation};
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::activity;
use crate::domain::oauth_error::OAuthError;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::activity::{Figures, Span};
use crate::model::device::DeviceStatus;
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::TenantId;
use crate::model::signing_key_life::{Prospect, Step};
use crate::store::{self, device_authorizations, devices, signing_keys};

/// Nobody reads larger numbers off a page to the last digit, and to count further would take its time.
const COUNTED: i64 = 10_000;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/overview.html", config = ".askama.toml")]
struct OverviewPage {
    frame: PageFrame,
    nav: Navigation,
    span: Span,
    parts: Vec<(DateTime<Utc>, Figures)>,
    plots: Vec<Plot>,
    pending: String,
    pending_href: String,
    active: String,
    active_href: String,
    rotation: Option<(String, Moment)>,
    here: String,
    now: Moment,
}

impl OverviewPage {
    fn href(&self, span: Span) -> String {
        address(&self.frame.base, span)
    }

    fn title(span: Span) -> &'static str {
        match span {
            Span::Hour => "Last hour",
            Span::Day => "Last 24 hours",
            Span::Month => "Last 30 days",
        }
    }

    fn by(&self) -> &'static str {
        match self.span {
            Span::Hour => "minute",
            Span::Day => "half hour",
            Span::Month => "day",
        }
    }

    /// The picture in words.
    fn told(&self, plot: &Plot) -> String {
        match plot.peak {
            None => "None.".to_owned(),
            Some(at) => {
                let at = self.when(&at);
                format!(
                    "{} in total, {} at most per {}, first at {at} UTC.",
                    grouped(plot.total),
                    grouped(plot.most),
                    self.by()
                )
            }
        }
    }

    fn number(count: u64) -> String {
        grouped(count)
    }

    fn when(&self, at: &DateTime<Utc>) -> String {
        moment(self.span, *at)
    }

    fn first(&self) -> String {
        self.parts.first().map(|(at, _)| self.when(at)).unwrap_or_default()
    }
}

fn address(base: &str, span: Span) -> String {
    link(&format!("{base}{}", Section::Overview.path()), &[("span", Some(span.as_str()))])
}

/// Shows the page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let span = match parameters.take("span") {
        None => Span::default(),
        Some(word) => {
            Span::parse(&word).ok_or_else(|| OAuthError::invalid_request("There is no such span."))?
        }
    };
    let tenant = visitor.tenant();
    let parts = activity::read(&app, tenant, span).await?;
    let frame = visitor.browser.frame();
    let filtered = |section: Section, status| {
        link(&format!("{}{}", frame.base, section.path()), &[("status", Some(status))])
    };
    let page = OverviewPage {
        nav: visitor.navigation(),
        plots: plots(&parts),
        parts,
        pending: pending(&app, tenant).await?,
        pending_href: filtered(Section::Sessions, DeviceAuthorizationStatus::Pending.as_str()),
        active: active(&app, tenant).await?,
        active_href: filtered(Section::Devices, "active"),
        rotation: rotation(&app, tenant).await?,
        here: address(&frame.base, span),
        now: Moment::of(app.clock.now()),
        span,
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// How many codes wait.
async fn pending(app: &App, tenant: TenantId) -> store::Result<String> {
    use device_authorizations::listings::{Filter, count};
    let filter = Filter { status: Some(DeviceAuthorizationStatus::Pending), ..Filter::default() };
    let lifetime = app.config.device_flow.code_lifetime();
    Ok(counted(count(&app.db, tenant, &filter, COUNTED + 1, app.clock.now(), lifetime).await?))
}

/// How many devices can use their tokens.
async fn active(app: &App, tenant: TenantId) -> store::Result<String> {
    use devices::listings::{Filter, count_up_to};
    let filter = Filter { status: Some(DeviceStatus::Active), ..Filter::default() };
    Ok(counted(count_up_to(&app.db, tenant, &filter, COUNTED + 1, app.clock.now()).await?))
}

fn counted(count: i64) -> String {
    let text = grouped(u64::try_from(count.min(COUNTED)).unwrap_or_default());
    if count > COUNTED { format!("more than {text}") } else { text }
}

/// Which key is the next to be exchanged or to sign, and when.
async fn rotation(app: &App, tenant: TenantId) -> store::Result<Option<(String, Moment)>> {
    let schedule = app.config.keys.schedule();
    let keys = signing_keys::all(&app.db, tenant).await?;
    let steps = keys.iter().filter_map(|key| {
        let (prospect, at) = schedule.prospect(key, &keys)?;
        let words = match prospect {
            Prospect::Step(Step::Succession) => "will be replaced",
            Prospect::Retirement => "will be replaced by its announced successor",
            // Its predecessor's prospect says the same.
            Prospect::Step(Step::TakeOver | Step::Removal) => return None,
        };
        Some((at, format!("The {} key {words}", key.algorithm.as_str())))
    });
    Ok(steps.min().map(|(at, words)| (words, Moment::of(at))))
}
