//! The console: what administrators do with the tenant, as pages. Each page calls what the REST endpoints below
//! `/admin` call, for the same roles.

mod assets;
mod audit;
mod client;
mod client_form;
mod clients;
mod devices;
mod key_drawing;
mod keys;
mod links;
mod people;
mod session;
mod sessions;
mod try_it;
mod views;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};

use super::PageRefusal;
use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::http::Slug;
use crate::http::site::Site;
use visitor::Visitor;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/admin",
            get(async |Slug(slug): Slug, site: Site| super::redirect(&entrance(&site.prefix(&slug)))),
        )
        .route(Section::Sessions.path(), get(sessions::show))
        .route("/console/session", get(session::show))
        .route("/console/session/deny", post(session::deny))
        .route(Section::Clients.path(), get(clients::show))
        .route("/console/clients/new", get(client::show_new).post(client::create))
        .route("/console/client", get(client::show))
        .route("/console/client/change", get(client::show_change).post(client::change))
        .route("/console/client/secret", post(client::rotate_secret))
        .route("/console/client/try", post(try_it::start))
        .route(Section::Devices.path(), get(devices::show))
        .route("/console/devices/lock", post(devices::lock))
        .route("/console/devices/unlock", post(devices::unlock))
        .route("/console/devices/disconnect", post(devices::disconnect))
        .route(Section::Keys.path(), get(keys::show))
        .route("/console/keys/rotate", post(keys::rotate))
        .route(Section::Audit.path(), get(audit::show))
        .route(&assets::STYLESHEET_PATH, get(assets::stylesheet))
        .route(&assets::SCRIPT_PATH, get(assets::script))
}

fn entrance(base: &str) -> String {
    format!("{base}{}", Section::Sessions.path())
}

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Device-authorization sessions.
    Sessions,
    /// Connected devices.
    Devices,
    /// Registered clients.
    Clients,
    /// The keys that sign tokens.
    Keys,
    /// What the audit trail tells.
    Audit,
}

impl Section {
    pub(super) const ALL: [Self; 5] = [Self::Sessions, Self::Devices, Self::Clients, Self::Keys, Self::Audit];

    /// Where it begins.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Sessions => "/console/sessions",
            Self::Devices => "/console/devices",
            Self::Clients => "/console/clients",
            Self::Keys => "/console/keys",
            Self::Audit => "/console/audit",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions",
            Self::Devices => "Devices",
            Self::Clients => "Clients",
            Self::Keys => "Keys",
            Self::Audit => "Audit",
        }
    }

    /// The section that a page belongs to: `/console/client` belongs to `/console/clients`.
    fn of(path: &str) -> Self {
        let of_page = |section: &Self| {
            let rest = path.strip_prefix(section.path().trim_end_matches('s'));
            let rest = rest.map(|rest| rest.strip_prefix('s').unwrap_or(rest));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL.into_iter().find(of_page).unwrap_or(Self::Sessions)
    }
}

/// Nothing but our own stylesheets, forms and the one script, which asks only this server.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
);

/// A page of the console as an answer.
fn answer(visitor: Visitor, status: StatusCode, page: &impl askama::Template) -> Response {
    let mut response = visitor.browser.show(status, page);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// There is no such thing in this tenant.
fn nothing_here() -> PageRefusal {
    PageRefusal::Failed(OAuthError::new(ErrorCode::NotFound, "There is nothing at this address."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_belongs_to_a_section() {
        for section in Section::ALL {
            assert_eq!(Section::of(section.path()), section);
            let one = section.path().trim_end_matches('s');
            assert_eq!(Section::of(one), section, "{one}");
            assert_eq!(Section::of(&format!("{one}/change")), section, "{one}");
            assert_eq!(Section::of(&format!("{}/new", section.path())), section, "{one}");
        }
        assert_eq!(Section::of("/admin"), Section::Sessions);
    }
}
