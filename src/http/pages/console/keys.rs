//! `/console/keys`: the keys that sign the tenant's tokens, with their life drawn.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};

use super::super::views::PageFrame;
use super::key_drawing::{Part, Scale, WIDTH, parts};
use super::links::link;
use super::page::answer;
use super::section::Section;
use super::views::{Moment, Navigation, SIGNED_IN_AGAIN};
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::signing_keys::rotate::{self, TakeOver};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::{KeyLife, KeyState, Prospect, Schedule, Step};
use crate::store::signing_keys;

/// How long a key is shown after it was removed.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/keys.html", config = ".askama.toml")]
struct KeysPage {
    frame: PageFrame,
    nav: Navigation,
    keys: Vec<KeyWords>,
    /// Where now is in the pictures.
    now: i64,
    /// What somebody is told who was asked to sign in again.
    note: Option<&'static str>,
}

/// A key in words, and as a bar.
#[derive(Debug)]
struct KeyWords {
    kid: String,
    algorithm: &'static str,
    state: KeyState,
    since: Moment,
    next: Option<(&'static str, Moment)>,
    parts: Vec<Part>,
}

impl KeyWords {
    fn of(key: &KeyLife, keys: &[KeyLife], schedule: &Schedule, now: DateTime<Utc>, scale: &Scale) -> Self {
        let next = schedule.prospect(key, keys).map(|(prospect, at)| {
            let words = match prospect {
                Prospect::Step(Step::TakeOver) => "starts signing",
                Prospect::Step(Step::Succession) => "will be replaced",
                Prospect::Step(Step::Removal) => "will be removed",
                Prospect::Retirement => "will be replaced by its announced successor",
            };
            (words, Moment::of(at))
        });
        Self {
            parts: parts(key, keys, schedule, now, scale),
            algorithm: key.algorithm.as_str(),
            state: key.state,
            since: Moment::of(key.since()),
            next,
            kid: key.kid.clone(),
        }
    }
}

/// Shows the keys, newest first.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let again = parameters.take("done").is_some_and(|done| done == "again");
    let now = app.clock.now();
    let schedule = app.config.keys.schedule();
    let mut keys = signing_keys::all(&app.db, visitor.tenant()).await?;
    keys.retain(|key| key.removed_at.is_none_or(|at| now - at < REMEMBERED));
    keys.reverse();
    let scale = Scale::of(&keys, &schedule, now);
    let page = KeysPage {
        frame: visitor.browser.frame(),
        nav: visitor.navigation(),
        keys: keys.iter().map(|key| KeyWords::of(key, &keys, &schedule, now, &scale)).collect(),
        now: scale.place(now).min(WIDTH - 4),
        note: again.then_some(SIGNED_IN_AGAIN),
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// Announces a successor of the key that signs.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let algorithm = form.take("algorithm").as_deref().and_then(SigningAlgorithm::parse);
    let take_over = match form.take("when").as_deref() {
        Some("known") => Some(TakeOver::WhenKnown),
        Some("at-once") => Some(TakeOver::AtOnce),
        _ => None,
    };
    let (Some(algorithm), Some(take_over)) = (algorithm, take_over) else {
        return Err(OAuthError::invalid_request("There is no such key or time.").into());
    };
    let visitor = match take_over {
        TakeOver::WhenKnown => visitor,
        TakeOver::AtOnce => {
            let again = link(Section::Keys.path(), &[("done", Some("again"))]);
            match visitor.must_be_fresh(&app, again) {
                Ok(visitor) => visitor,
                Err(unwelcome) => return Ok(unwelcome.into_response()),
            }
        }
    };
    rotate::rotate(&app, visitor.tenant(), algorithm, take_over, &visitor.by()).await?;
    Ok(visitor.browser.go_to(Section::Keys.path()))
}
