//! The console: what administrators do with the tenant, as pages. Each page calls what the REST endpoints below
//! `/admin` call, for the same roles.

mod assets;
mod audit;
mod client;
mod client_form;
mod client_secrets;
mod clients;
mod device_disconnection;
mod devices;
mod key_drawing;
mod keys;
mod links;
mod overview;
mod people;
mod plots;
mod session;
mod sessions;
mod try_it;
mod user;
mod user_changes;
mod user_deletion;
mod user_form;
mod users;
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
        .route(Section::Overview.path(), get(overview::show))
        .route(Section::Sessions.path(), get(sessions::show))
        .route("/console/session", get(session::show))
        .route("/console/session/deny", post(session::deny))
        .route(Section::Clients.path(), get(clients::show))
        .route("/console/clients/new", get(client::show_new).post(client::create))
        .route("/console/client", get(client::show))
        .route("/console/client/change", get(client::show_change).post(client::change))
        .route("/console/client/secret", post(client_secrets::rotate))
        .route("/console/client/secret/retire", post(client_secrets::retire))
        .route("/console/client/try", post(try_it::start))
        .route(Section::Devices.path(), get(devices::show))
        .route("/console/devices/lock", post(devices::lock))
        .route("/console/devices/unlock", post(devices::unlock))
        .route(
            "/console/devices/disconnect",
            get(device_disconnection::show).post(device_disconnection::disconnect),
        )
        .route(Section::Users.path(), get(users::show))
        .route("/console/users/new", get(user_form::show_new).post(user_form::create))
        .route("/console/user", get(user::show))
        .route("/console/user/change", get(user_form::show_change).post(user_form::change))
        .route("/console/user/standing", post(user_changes::set_standing))
        .route("/console/user/password-link", post(user_changes::start_password_link))
        .route("/console/user/second-factor", post(user_changes::remove_second_factor))
        .route("/console/user/sign-out", post(user_changes::sign_out))
        .route("/console/user/delete", get(user_deletion::show).post(user_deletion::delete))
        .route(Section::Keys.path(), get(keys::show))
        .route("/console/keys/rotate", post(keys::rotate))
        .route(Section::Audit.path(), get(audit::show))
        .route(&assets::STYLESHEET_PATH, get(assets::stylesheet))
        .route(&assets::SCRIPT_PATH, get(assets::script))
}

fn entrance(base: &str) -> String {
    format!("{base}{}", Section::Overview.path())
}

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What happens, in figures.
    Overview,
    /// Device-authorization sessions.
    Sessions,
    /// Connected devices.
    Devices,
    /// People's accounts.
    Users,
    /// Registered clients.
    Clients,
    /// The keys that sign tokens.
    Keys,
    /// What the audit trail tells.
    Audit,
}

impl Section {
    pub(super) const ALL: [Self; 7] =
        [Self::Overview, Self::Sessions, Self::Devices, Self::Users, Self::Clients, Self::Keys, Self::Audit];

    /// Where it begins.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/console",
            Self::Sessions => "/console/sessions",
            Self::Devices => "/console/devices",
            Self::Users => "/console/users",
            Self::Clients => "/console/clients",
            Self::Keys => "/console/keys",
            Self::Audit => "/console/audit",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sessions => "Authorizations",
            Self::Devices => "Devices",
            Self::Users => "Users",
            Self::Clients => "Clients",
            Self::Keys => "Signing keys",
            Self::Audit => "Audit log",
        }
    }

    /// The section that a page belongs to: `/console/client` belongs to `/console/clients`. What belongs to none is
    /// the overview's.
    fn of(path: &str) -> Self {
        let of_page = |section: &Self| {
            let rest = path.strip_prefix(section.path().trim_end_matches('s'));
            let rest = rest.map(|rest| rest.strip_prefix('s').unwrap_or(rest));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Self::ALL[1..].iter().copied().find(of_page).unwrap_or(Self::Overview)
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
        }
        for section in &Section::ALL[1..] {
            let one = section.path().trim_end_matches('s');
            assert_eq!(Section::of(one), *section, "{one}");
            assert_eq!(Section::of(&format!("{one}/change")), *section, "{one}");
            assert_eq!(Section::of(&format!("{}/new", section.path())), *section, "{one}");
        }
        assert_eq!(Section::of("/admin"), Section::Overview);
    }
}
