//! Administration: everything of a tenant, for its administrators, and to look only for its auditors.

pub mod audit_log;
pub mod query;
pub mod refusals;
pub mod session_pages;
pub mod sessions;
pub mod user_passwords;
pub mod users;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes, with their descriptions.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::list))
        .routes(routes!(session_pages::list))
        .routes(routes!(sessions::deny))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::change, users::delete))
        .routes(routes!(users::sign_out))
        .routes(routes!(user_passwords::reset))
        .routes(routes!(audit_log::list))
}

/// A time, as RFC 3339 writes it.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
