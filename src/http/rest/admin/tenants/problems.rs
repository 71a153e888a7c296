//! Why a tenant cannot be made or changed, as it is told.

use axum::http::StatusCode;

use crate::domain::tenants::{CreateTenantError, TenantError};
use crate::domain::users::UserError;
use crate::http::rest::problem::Problem;

/// Problems of a refused creation.
pub(super) fn not_made(refused: CreateTenantError) -> Problem {
    let field = |name: &str, error: &UserError| {
        Problem::invalid_field(format!("administrator.{name}"), error.to_string())
    };
    match refused {
        CreateTenantError::SlugTaken => slug_taken(),
        CreateTenantError::Failed(error) => error.into(),
        CreateTenantError::Administrator(error) => match error {
            UserError::UnfitUsername => field("username", &error),
            UserError::UnfitDisplayName => field("display_name", &error),
            UserError::UnfitEmail => field("email", &error),
            other => other.into(),
        },
    }
}

pub(super) fn slug_taken() -> Problem {
    let detail = "A tenant with this slug already exists.";
    Problem::new(StatusCode::CONFLICT, "tenant_slug_taken", detail, "Choose another slug.")
}

/// What is told of an error.
pub(super) fn problem(error: TenantError) -> Problem {
    let said = error.to_string();
    let conflict =
        |error, suggested: &'static str| Problem::new(StatusCode::CONFLICT, error, said.clone(), suggested);
    match error {
        TenantError::Store(error) => error.into(),
        TenantError::Stale(stale) => stale.into(),
        TenantError::NoSuchTenant => Problem::new(
            StatusCode::NOT_FOUND,
            "tenant_not_found",
            "Tenant not found.",
            "List the tenants with GET /admin/tenants.",
        ),
        TenantError::IsTheDefault => conflict("tenant_is_default", "Delete its contents instead."),
        TenantError::DefaultStaysEnabled => {
            conflict("tenant_is_default", "Disable its clients or users instead.")
        }
        TenantError::IsEnabled => conflict("tenant_is_enabled", "Disable the tenant first."),
        TenantError::HostIsServers => Problem::invalid_field("host", said),
        TenantError::HostTaken => conflict("tenant_host_taken", "Choose another host."),
        TenantError::UnfitName => Problem::invalid_field("name", said),
    }
}
