//! `/admin/resources`: the services that tokens are for (RFC 8707). A URI does not fit into a path, so each has an id.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::domain::resources::{self, ResourceError};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, PageProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::model::ids::ResourceId;
use crate::model::resource::Resource;
use crate::model::stored::Stored;
use crate::store;

/// A new resource.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResource {
    /// Resource URI, used as `resource` and `aud`: absolute, without fragment.
    #[schema(example = "https://api.example.org/videos")]
    pub uri: String,
    /// Name shown to people (default: the URI).
    #[schema(example = "Your videos")]
    pub name: Option<String>,
}

/// New name of a resource.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceChange {
    /// Name shown to people.
    #[schema(example = "Your videos")]
    pub name: String,
}

/// A resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resource)]
pub struct ResourceBody {
    /// ID used in paths.
    pub id: Uuid,
    /// Value of `aud`.
    #[schema(example = "https://api.example.org/videos")]
    pub uri: String,
    /// Name shown to people.
    #[schema(example = "Your videos")]
    pub name: String,
    /// Time of creation.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Version, as in `ETag`.
    #[schema(example = 1)]
    pub version: i32,
}

impl ResourceBody {
    fn of(id: ResourceId, Stored { value, version, created_at }: Stored<Resource>) -> Self {
        Self { id: id.0, uri: value.uri, name: value.name, created_at, version }
    }
}

/// List resources
///
/// Sorted by URI.
#[utoipa::path(
    get,
    path = "/admin/resources",
    operation_id = "v1_admin_resources_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "The resources", body = Vec<ResourceBody>), PageProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    page: Page,
) -> Result<Response, Problem> {
    let found = store::resources::list(&app.db, caller.tenant.id, page.offset, page.limit).await?;
    let total = store::resources::count(&app.db, caller.tenant.id).await?;
    let bodies: Vec<_> = found.into_iter().map(|(id, stored)| ResourceBody::of(id, stored)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Create a resource
///
/// Clients can then request tokens for it.
#[utoipa::path(
    post,
    path = "/admin/resources",
    operation_id = "v1_admin_resources_create",
    request_body = NewResource,
    responses(
        (status = 201, description = "The resource", body = ResourceBody),
        BodyProblems,
        (status = 409, description = "`resource_uri_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    JsonBody(new): JsonBody<NewResource>,
) -> Result<Response, Problem> {
    let uri = Resource::parse_uri(&new.uri);
    let uri = uri.map_err(|error| Problem::invalid_field("uri", error.to_string()))?;
    let name = new.name.unwrap_or_else(|| uri.chars().take(128).collect());
    let resource = Resource { uri, name };
    let (id, created) =
        resources::create(&app, &caller.tenant, resource, &caller.by()).await.map_err(problem)?;
    Ok((StatusCode::CREATED, answer(id, created)).into_response())
}

/// Rename a resource
#[utoipa::path(
    patch,
    path = "/admin/resources/{id}",
    operation_id = "v1_admin_resources_update",
    params(
        ("id" = Uuid, Path, description = "The resource"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to change"),
    ),
    request_body = ResourceChange,
    responses(
        (status = 200, description = "The updated resource", body = ResourceBody),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
    IfMatch(meant_for): IfMatch,
    JsonBody(change): JsonBody<ResourceChange>,
) -> Result<Response, Problem> {
    let id = ResourceId(id);
    let renamed = resources::rename(&app, caller.tenant.id, id, &change.name, &meant_for, &caller.by())
        .await
        .map_err(problem)?;
    Ok(answer(id, renamed).into_response())
}

/// Delete a resource
///
/// No new tokens can be requested for it. Existing grants are not affected.
#[utoipa::path(
    delete,
    path = "/admin/resources/{id}",
    operation_id = "v1_admin_resources_delete",
    params(
        ("id" = Uuid, Path, description = "The resource"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to delete"),
    ),
    responses((status = 204, description = "Deleted"), StaleProblem)
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    resources::delete(&app, caller.tenant.id, ResourceId(id), &meant_for, &caller.by())
        .await
        .map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(id: ResourceId, resource: Stored<Resource>) -> Versioned<ResourceBody> {
    Versioned { version: resource.version, body: ResourceBody::of(id, resource) }
}

fn problem(error: ResourceError) -> Problem {
    let said = error.to_string();
    match error {
        ResourceError::Store(error) => error.into(),
        ResourceError::Stale(stale) => stale.into(),
        ResourceError::NoSuchResource => Problem::new(
            StatusCode::NOT_FOUND,
            "resource_not_found",
            "Resource not found.",
            "List the resources with GET /admin/resources.",
        ),
        ResourceError::UriTaken => Problem::new(
            StatusCode::CONFLICT,
            "resource_uri_taken",
            said,
            "Change the existing resource instead.",
        ),
        ResourceError::IssuerOrClient | ResourceError::OwnApi => Problem::invalid_field("uri", said),
        ResourceError::UnfitName => Problem::invalid_field("name", said),
    }
}
