//! Who may see the console, and who may change something there.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::super::browser::Browser;
use super::super::csrf::CsrfChecked;
use super::super::destination::{self, Destination};
use super::super::sign_in::way_to_more;
use super::section::Section;
use super::views::{Navigation, RefusedPage};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::deeds::{Deed, DeedError, must_be_allowed};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::refusals;
use crate::model::ids::TenantId;
use crate::model::user::User;

/// Somebody who may look. Having one is the proof.
pub(super) struct Visitor {
    /// Their browser.
    pub(super) browser: Browser,
    /// Who they are.
    pub(super) user: User,
    section: Section,
}

impl Visitor {
    pub(super) fn tenant(&self) -> TenantId {
        self.browser.tenant.id
    }

    /// The visitor, as the audit trail names them.
    pub(super) fn by(&self) -> By<'_> {
        By::user(self.user.id, &self.browser.origin)
    }

    pub(super) fn navigation(&self) -> Navigation {
        Navigation { section: self.section, may_change: Deed::Change.is_allowed_to(&self.user) }
    }

    /// Insists that they may endanger others, or has them sign in again and come back to `page`.
    pub(super) fn must_be_fresh(self, app: &App, page: String) -> Result<Self, Unwelcome> {
        let Some(session) = &self.browser.session else { return Err(led_to("/sign-in", self.browser, page)) };
        match must_be_allowed(app, Deed::Endanger, &self.user, session) {
            Ok(()) => Ok(self),
            Err(DeedError::Role) => Err(refused(self.browser, Deed::Endanger)),
            Err(DeedError::Proof(shortfall)) => Err(led_to(way_to_more(shortfall), self.browser, page)),
        }
    }
}

/// Why somebody is not let in, as an answer: the way to the sign-in, or that their role does not suffice.
pub(super) struct Unwelcome(Box<Response>);

impl IntoResponse for Unwelcome {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<PageError> for Unwelcome {
    fn from(refusal: PageError) -> Self {
        Self(Box::new(refusal.into_response()))
    }
}

/// Lets in whom the role lets reach so far, signed in as strongly as their roles demand.
fn admit(app: &App, mut browser: Browser, parts: &Parts, needed: Deed) -> Result<Visitor, Unwelcome> {
    let section = Section::of(parts.uri.path());
    let here = match parts.uri.query() {
        _ if !parts.method.is_safe() => section.path().to_owned(),
        Some(query) => format!("{}?{query}", browser.here),
        None => browser.here.clone(),
    };
    let Some(session) = browser.session.clone() else { return Err(led_to("/sign-in", browser, here)) };
    refusals::note(parts, session.user.id);
    match must_be_allowed(app, needed, &session.user, &session) {
        Ok(()) => {}
        Err(DeedError::Role) => return Err(refused(browser, needed)),
        Err(DeedError::Proof(shortfall)) => return Err(led_to(way_to_more(shortfall), browser, here)),
    }
    browser.here = here;
    Ok(Visitor { browser, user: session.user, section })
}

fn refused(browser: Browser, needed: Deed) -> Unwelcome {
    let page = RefusedPage { frame: browser.frame(), needed };
    Unwelcome(Box::new(browser.show(StatusCode::FORBIDDEN, &page)))
}

/// Sends away to prove who they are, and lets the browser remember where they wanted to go.
fn led_to(path: &str, mut browser: Browser, wanted: String) -> Unwelcome {
    destination::remember(&mut browser, Destination::Console(wanted));
    Unwelcome(Box::new(browser.go_to(path)))
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Unwelcome;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Unwelcome> {
        let browser = Browser::from_request_parts(parts, app).await?;
        admit(app, browser, parts, Deed::See)
    }
}

/// An administrator who sends a form of ours. Having one is the proof.
pub(super) struct Administrator {
    /// Who they are.
    pub(super) visitor: Visitor,
    /// What the form says.
    pub(super) form: Parameters,
}

impl FromRequest<Arc<App>> for Administrator {
    type Rejection = Unwelcome;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Unwelcome> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let CsrfChecked { browser, form } = CsrfChecked::from_request(request, app).await?;
        Ok(Self { visitor: admit(app, browser, &parts, Deed::Change)?, form })
    }
}
