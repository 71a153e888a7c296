//! Administration: everything of a tenant, for its administrators, and to look only for its auditors.

pub mod activity;
pub mod answers;
pub mod audit_log;
pub mod clients;
pub mod deeds;
pub mod device_authorization_pages;
pub mod device_authorizations;
pub mod device_revocation;
pub mod devices;
pub mod query;
pub mod refusals;
pub mod registration_tokens;
pub mod resources;
pub mod scopes;
pub mod signing_keys;
pub mod tenants;
pub mod user_passwords;
pub mod user_second_factors;
pub mod users;
pub mod webhooks;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(device_authorizations::list))
        .routes(routes!(device_authorization_pages::list))
        .routes(routes!(device_authorizations::deny))
        .routes(routes!(activity::show))
        .routes(routes!(devices::list))
        .routes(routes!(devices::show, devices::update, devices::delete))
        .routes(routes!(devices::lock))
        .routes(routes!(devices::unlock))
        .routes(routes!(device_revocation::revoke))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::update, users::delete))
        .routes(routes!(users::sign_out))
        .routes(routes!(user_passwords::reset))
        .routes(routes!(user_second_factors::delete))
        .routes(routes!(audit_log::list))
        .routes(routes!(clients::list, clients::create))
        .routes(routes!(clients::show, clients::update, clients::delete))
        .routes(routes!(clients::secret::rotate))
        .routes(routes!(clients::secret::retire))
        .routes(routes!(clients::policy::replace))
        .routes(routes!(scopes::list, scopes::create))
        .routes(routes!(scopes::update, scopes::delete))
        .routes(routes!(resources::list, resources::create))
        .routes(routes!(resources::update, resources::delete))
        .routes(routes!(signing_keys::list))
        .routes(routes!(signing_keys::rotate))
        .routes(routes!(signing_keys::delete))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::show, tenants::update, tenants::delete))
        .routes(routes!(tenants::replace_policy))
        .routes(routes!(registration_tokens::list, registration_tokens::create))
        .routes(routes!(registration_tokens::delete))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::delete))
}
