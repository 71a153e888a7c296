//! Administration: everything of a tenant, for those who run it.

pub mod clients;
pub mod freshness;
pub mod refusals;
pub mod registration_tokens;
pub mod resources;
pub mod scopes;
pub mod signing_keys;
pub mod tenants;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rest::caller::Caller;
use crate::app::App;
use crate::domain::audit::By;
use crate::model::audit_event::Actor;

/// The routes, with their descriptions.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
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
        .routes(routes!(signing_keys::remove))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::show, tenants::update, tenants::delete))
        .routes(routes!(tenants::replace_policy))
        .routes(routes!(registration_tokens::list, registration_tokens::create))
        .routes(routes!(registration_tokens::delete))
}

impl Caller {
    /// The caller, as the audit trail names them.
    #[must_use]
    pub fn by(&self) -> By<'_> {
        By { actor: Actor::User(self.user.id), origin: Some(&self.origin) }
    }
}
