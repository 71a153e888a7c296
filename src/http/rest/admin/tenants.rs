//! `/admin/tenants`: for the administrators of the default tenant.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::{ReadRefusals, WriteRefusals};
use super::clients::body::PolicyBody;
use super::clients::policy::problem as policy_problem;
use super::freshness::require_fresh_sign_in;
use crate::app::App;
use crate::domain::policies;
use crate::domain::tenants::{self, TenantChange, TenantError};
use crate::http::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Caller};
use crate::http::rest::etag::{IfMatch, etag};
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::model::change::Change;
use crate::model::policy::PolicyChanges;
use crate::model::stored::Stored;
use crate::model::tenant::{DEFAULT_TENANT, Tenant, TenantSlug, TenantStanding};
use crate::model::tenant_host::TenantHost;
use crate::store;

/// Stands for the default tenant in paths; no slug is spelled so.
const DEFAULT_IN_PATHS: &str = "-";

/// May see and change every tenant: an administrator of the default one.
pub struct TenantsAdmin(Caller);

impl FromRequestParts<Arc<App>> for TenantsAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Admin(caller) = Admin::from_request_parts(parts, app).await?;
        if caller.tenant.id == DEFAULT_TENANT {
            Ok(Self(caller))
        } else {
            Err(Problem::forbidden("Tenants are administered from the default tenant alone."))
        }
    }
}

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name in URLs: it lives under `/t/{slug}`.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name for people; the slug when absent.
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
}

/// What becomes of a tenant; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantChange)]
pub struct TenantFields {
    /// Its name for people.
    #[schema(example = "Acme Ltd")]
    pub name: Option<String>,
    /// A host name of its own, at which it is then, with another issuer; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "login.acme.example")]
    pub host: Change<String>,
    /// Whether it answers at all. While it does not, none of its tokens counts.
    #[schema(example = true)]
    pub enabled: Option<bool>,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantBody {
    /// Its identifier.
    pub id: Uuid,
    /// Its name in URLs; empty for the default tenant, which paths call `-`.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name for people.
    #[schema(example = "Acme Ltd")]
    pub name: String,
    /// The host name that is its own, if it has one.
    #[schema(example = "login.acme.example")]
    pub host: Option<String>,
    /// Its issuer identifier (RFC 8414 §2).
    #[schema(example = "https://login.example.org/t/acme")]
    pub issuer: String,
    /// Whether it answers at all.
    #[schema(example = true)]
    pub enabled: bool,
    /// What was issued before this instant is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tokens_not_before: Option<DateTime<Utc>>,
    /// What devices must pass and what they get.
    pub policy: PolicyBody,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// What its `ETag` names.
    #[schema(example = 1)]
    pub version: i32,
}

impl TenantBody {
    fn of(app: &App, Stored { value: tenant, version, created_at }: Stored<Tenant>) -> Self {
        let effective = app.config.policy.changed_by(&[&tenant.policy]);
        Self {
            id: tenant.id.0,
            slug: tenant.slug.as_str().to_owned(),
            issuer: tenants::issuer(app, &tenant),
            host: tenant.host.map(|host| host.to_string()),
            name: tenant.name,
            enabled: tenant.enabled,
            tokens_not_before: tenant.tokens_not_before,
            policy: PolicyBody {
                changes: tenant.policy,
                effective: effective.unwrap_or_else(|_| app.config.policy.clone()),
            },
            created_at,
            version,
        }
    }
}

/// All tenants, by slug.
#[utoipa::path(
    get,
    path = "/admin/tenants",
    operation_id = "v1_admin_tenants_list",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [])),
    params(
        ("offset" = Option<i64>, Query, description = "How many to leave out; 0 when absent"),
        ("limit" = Option<i64>, Query, description = "How many to show, 1 to 1000; 100 when absent"),
    ),
    responses((status = 200, description = "The tenants", body = Vec<TenantBody>), ReadRefusals)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    TenantsAdmin(_): TenantsAdmin,
    page: Page,
) -> Result<Response, Problem> {
    let found = store::tenants::list(&app.db, page.offset, page.limit).await?;
    let total = store::tenants::count(&app.db).await?;
    let bodies: Vec<_> = found.into_iter().map(|tenant| TenantBody::of(&app, tenant)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Makes a tenant with its standard scopes and signing keys.
#[utoipa::path(
    post,
    path = "/admin/tenants",
    operation_id = "v1_admin_tenants_create",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [], "csrf_token" = [])),
    request_body = NewTenant,
    responses((status = 201, description = "The tenant", body = TenantBody), WriteRefusals)
)]
pub async fn create(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    JsonBody(new): JsonBody<NewTenant>,
) -> Result<Response, Problem> {
    let slug = TenantSlug::parse(&new.slug);
    let slug = slug.map_err(|error| Problem::invalid_field("slug", error.to_string()))?;
    let name = tenants::fit_name(new.name.as_deref().unwrap_or(&new.slug)).map_err(problem)?;
    let made = tenants::create(&app, slug.clone(), &name, &caller.by()).await?;
    made.ok_or_else(|| {
        let detail = "There is a tenant of this slug already.";
        Problem::new(StatusCode::CONFLICT, "tenant_slug_taken", detail, "Choose another slug.")
    })?;
    answer(&app, &slug, StatusCode::CREATED).await
}

/// One tenant.
#[utoipa::path(
    get,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_show",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [])),
    params(("slug" = String, Path, description = "The tenant; `-` for the default one")),
    responses((status = 200, description = "The tenant; its version is in `ETag`", body = TenantBody), ReadRefusals)
)]
pub async fn show(
    State(app): State<Arc<App>>,
    TenantsAdmin(_): TenantsAdmin,
    Path(slug): Path<String>,
) -> Result<Response, Problem> {
    answer(&app, &named(&slug)?, StatusCode::OK).await
}

/// Renames a tenant, gives it a host of its own, suspends it, or lets it go on.
#[utoipa::path(
    patch,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_update",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("slug" = String, Path, description = "The tenant; `-` for the default one"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what is to be changed"),
    ),
    request_body = TenantFields,
    responses((status = 200, description = "The tenant as it is now", body = TenantBody), WriteRefusals)
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
        Change::Leave => Change::Leave,
        Change::Clear => Change::Clear,
        Change::Set(host) => {
            let host = TenantHost::parse(&host);
            Change::Set(host.map_err(|error| Problem::invalid_field("host", error.to_string()))?)
        }
    };
    let change = TenantChange { name: fields.name, host, standing };
    tenants::change(&app, &slug, change, &meant_for, &caller.by()).await.map_err(problem)?;
    answer(&app, &slug, StatusCode::OK).await
}

/// Erases a suspended tenant with everything that is its own; its audit trail stays. A browser needs a fresh sign-in
/// for it.
#[utoipa::path(
    delete,
    path = "/admin/tenants/{slug}",
    operation_id = "v1_admin_tenants_delete",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("slug" = String, Path, description = "The tenant"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what is to be deleted"),
    ),
    responses((status = 204, description = "It is gone"), WriteRefusals)
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    Path(slug): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    require_fresh_sign_in(&app, &caller)?;
    tenants::delete(&app, &named(&slug)?, &meant_for, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces what a tenant's devices have otherwise than the settings say; `{}` goes back to them.
#[utoipa::path(
    put,
    path = "/admin/tenants/{slug}/policy",
    operation_id = "v1_admin_tenant_policy_replace",
    tag = "Administration",
    security(("access_token" = []), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("slug" = String, Path, description = "The tenant; `-` for the default one"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the tenant"),
    ),
    request_body(content = Object, description = "A JSON Merge Patch over the settings under [policy]",
        example = json!({"trust": {"allowed": "never"}})),
    responses((status = 200, description = "The tenant with its policy", body = TenantBody), WriteRefusals)
)]
pub async fn replace_policy(
    State(app): State<Arc<App>>,
    TenantsAdmin(caller): TenantsAdmin,
    Path(slug): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(changes): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    let slug = named(&slug)?;
    let tenant = store::tenants::find(&app.db, &slug).await?;
    let tenant = tenant.ok_or_else(|| problem(TenantError::NoSuchTenant))?;
    policies::change_for_tenant(&app, &tenant, PolicyChanges(changes), &meant_for, &caller.by())
        .await
        .map_err(policy_problem)?;
    answer(&app, &slug, StatusCode::OK).await
}

fn named(slug: &str) -> Result<TenantSlug, Problem> {
    if slug == DEFAULT_IN_PATHS {
        return Ok(TenantSlug::root());
    }
    TenantSlug::parse(slug).map_err(|_| problem(TenantError::NoSuchTenant))
}

async fn answer(app: &App, slug: &TenantSlug, status: StatusCode) -> Result<Response, Problem> {
    let found = store::tenants::hold(&app.db, slug).await?;
    let found = found.ok_or_else(|| problem(TenantError::NoSuchTenant))?;
    Ok((status, [etag(found.version)], no_store(TenantBody::of(app, found))).into_response())
}

fn problem(error: TenantError) -> Problem {
    let said = error.to_string();
    let conflict =
        |error, suggested: &'static str| Problem::new(StatusCode::CONFLICT, error, said.clone(), suggested);
    match error {
        TenantError::Store(error) => error.into(),
        TenantError::Stale(stale) => stale.into(),
        TenantError::NoSuchTenant => Problem::new(
            StatusCode::NOT_FOUND,
            "tenant_not_found",
            "There is no such tenant.",
            "List the tenants with GET /admin/tenants.",
        ),
        TenantError::IsTheDefault => conflict("tenant_is_default", "Delete what is in it instead."),
        TenantError::DefaultStaysEnabled => {
            conflict("tenant_is_default", "Disable its clients or users instead.")
        }
        TenantError::IsEnabled => conflict("tenant_is_enabled", "Disable it first."),
        TenantError::HostIsServers => Problem::invalid_field("host", said),
        TenantError::HostTaken => conflict("tenant_host_taken", "Choose another host."),
        TenantError::UnfitName => Problem::invalid_field("name", said),
    }
}
