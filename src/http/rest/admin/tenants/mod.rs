//! `/admin/tenants`: for the administrators of the default tenant.

pub mod body;
pub mod permits;
mod problems;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::clients::policy::problem as policy_problem;
use super::deeds::insist;
use crate::app::App;
use crate::domain::deeds::Deed;
use crate::domain::policies;
use crate::domain::tenants::{self, TenantChange, TenantError};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, PageProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::model::patch::Patch;
use crate::model::policy::PolicyChanges;
use crate::model::stored::Stored;
use crate::model::tenant::{Tenant, TenantSlug, TenantStanding};
use crate::model::tenant_host::TenantHost;
use crate::store;
use body::{CreatedTenant, NewTenant, TenantBody, TenantFields};
use permits::{TenantsAdmin, TenantsReader};
use problems::{not_made, problem, slug_taken};

/// Stands for the default tenant in paths; no slug is spelled so.
const DEFAULT_IN_PATHS: &str = "-";

/// List tenants
///
/// Sorted by slug.
#[utoipa::path(
    get,
    path = "/admin/tenants",
    operation_id = "v1_admin_tenants_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "The tenants", body = Vec<TenantBody>), PageProblem)
)]
pub async fn list(State(app): State<Arc<App>>, _: TenantsReader, page: Page) -> Result<Response, Problem> {
    let found = store::tenants::list(&app.db, page.offset, page.limit).await?;
    let total = store::tenants::count(&app.db).await?;
    let bodies: Vec<_> = found.into_iter().map(|tenant| TenantBody::of(&app, tenant)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Create a tenant, optionally with a first administrator
///
/// Creates its standard scopes and signing keys, too. A first administrator requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/tenants",
    operation_id = "v1_admin_tenants_create",
    request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant", body = CreatedTenant),
        BodyProblems,
        (status = 409, description = "`tenant_slug_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    JsonBody(new): JsonBody<NewTenant>,
) -> Result<Response, Problem> {
    if new.administrator.is_some() {
        // It lets somebody in, as the creation of any user does.
        insist(&app, &caller, Deed::Endanger)?;
    }
    let slug = TenantSlug::parse(&new.slug);
    let slug = slug.map_err(|error| Problem::invalid_field("slug", error.to_string()))?;
    let name = tenants::fit_name(new.name.as_deref().unwrap_or(&new.slug)).map_err(problem)?;
    let by = caller.by();
    let administrator = if let Some(first) = new.administrator {
        let made = tenants::create_with_administrator(&app, slug.clone(), &name, first.into(), &by).await;
        Some(made.map_err(not_made)?.into())
    } else {
        tenants::create(&app, slug.clone(), &name, &by).await?.ok_or_else(slug_taken)?;
        None
    };
    let made = find(&app, &slug).await?;
    let version = made.version;
    let body = CreatedTenant { tenant: TenantBody::of(&app, made), administrator };
    Ok((StatusCode::CREATED, Versioned { version, body }).into_response())
}

/// Get a tenant
#[utoipa::path(
    get,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_show",
    params(("slug" = String, Path, description = "Tenant slug; `-` for the default tenant")),
    responses((status = 200, description = "The tenant, with its version in `ETag`", body = TenantBody))
)]
pub async fn show(
    State(app): State<Arc<App>>,
    _: TenantsReader,
    Path(slug): Path<String>,
) -> Result<Response, Problem> {
    answer(&app, &named(&slug)?).await
}

/// Update a tenant
///
/// Changes its name, host or status.
#[utoipa::path(
    patch,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_update",
    params(
        ("slug" = String, Path, description = "Tenant slug; `-` for the default tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to change"),
    ),
    request_body = TenantFields,
    responses(
        (status = 200, description = "The updated tenant", body = TenantBody),
        BodyProblems,
        StaleProblem,
        (status = 409, description = "`tenant_is_default`, `tenant_host_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    Path(slug): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(fields): JsonBody<TenantFields>,
) -> Result<Response, Problem> {
    let slug = named(&slug)?;
    let standing = fields
        .enabled
        .map(|enabled| if enabled { TenantStanding::Enabled } else { TenantStanding::Suspended });
    let host = match fields.host {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(host) => {
            let host = TenantHost::parse(&host);
            Patch::Set(host.map_err(|error| Problem::invalid_field("host", error.to_string()))?)
        }
    };
    let change = TenantChange { name: fields.name, host, standing };
    tenants::change(&app, &slug, change, &meant_for, &caller.by()).await.map_err(problem)?;
    answer(&app, &slug).await
}

/// Delete a disabled tenant
///
/// Deletes all its data; the audit log is kept. Requires a recent sign-in.
#[utoipa::path(
    delete,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_delete",
    params(
        ("slug" = String, Path, description = "The tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to delete"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        StaleProblem,
        (status = 409, description = "`tenant_is_default`, `tenant_is_enabled`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    Path(slug): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    insist(&app, &caller, Deed::Endanger)?;
    tenants::delete(&app, &named(&slug)?, &meant_for, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the policy overrides of a tenant
///
/// `{}` removes them. Requires a recent sign-in.
#[utoipa::path(
    put,
    path = "/admin/tenants/{slug}/policy",
    operation_id = "v1_admin_tenant_policy_replace",
    params(
        ("slug" = String, Path, description = "Tenant slug; `-` for the default tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the tenant"),
    ),
    request_body(content = Object, description = "JSON Merge Patch for the settings under [policy]",
        example = json!({"trust": {"allowed": "never"}})),
    responses(
        (status = 200, description = "The tenant with its policy", body = TenantBody),
        BodyProblems,
        StaleProblem,
        (status = 409, description = "`policy_does_not_fit_client`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn replace_policy(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    Path(slug): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(changes): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    insist(&app, &caller, Deed::Endanger)?;
    let slug = named(&slug)?;
    let tenant = store::tenants::find(&app.db, &slug).await?;
    let tenant = tenant.ok_or_else(|| problem(TenantError::NoSuchTenant))?;
    policies::change_for_tenant(&app, &tenant, PolicyChanges(changes), &meant_for, &caller.by())
        .await
        .map_err(policy_problem)?;
    answer(&app, &slug).await
}

fn named(slug: &str) -> Result<TenantSlug, Problem> {
    if slug == DEFAULT_IN_PATHS {
        return Ok(TenantSlug::root());
    }
    TenantSlug::parse(slug).map_err(|_| problem(TenantError::NoSuchTenant))
}

async fn find(app: &App, slug: &TenantSlug) -> Result<Stored<Tenant>, Problem> {
    let found = store::tenants::find_stored(&app.db, slug).await?;
    found.ok_or_else(|| problem(TenantError::NoSuchTenant))
}

async fn answer(app: &App, slug: &TenantSlug) -> Result<Response, Problem> {
    let found = find(app, slug).await?;
    Ok(Versioned { version: found.version, body: TenantBody::of(app, found) }.into_response())
}
