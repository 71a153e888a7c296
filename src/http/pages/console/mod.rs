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
mod page;
mod people;
mod plots;
mod section;
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
use axum::routing::{get, post};

use super::page::redirect;
use crate::app::App;
use crate::http::asked::Slug;
use crate::http::site::Site;
use section::{Section, entrance};

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/admin", get(async |Slug(slug): Slug, site: Site| redirect(&entrance(&site.prefix(&slug)))))
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
