//! `/admin/users`: people's accounts.

pub mod body;
mod problems;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::deeds::FreshAdmin;
use super::query::Filters;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::users as domain;
use crate::domain::users::{NewUser, UserChange, UserError};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Auditor, Caller};
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Cursor;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, FilterProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::http::site::Site;
use crate::model::ids::UserId;
use crate::model::user::Standing;
use crate::store::users::{self, Account, Filter};
use body::{ChangeUser, CreateUser, CreatedUser, UserBody, UserList, roles, standing};

fn answer(account: Account) -> Response {
    Versioned { version: account.version, body: UserBody::from(account) }.into_response()
}

async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Account, Problem> {
    let found = users::account(&app.db, caller.tenant.id, UserId(id)).await?;
    found.ok_or_else(|| UserError::NoSuchUser.into())
}

/// List users
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/admin/users",
    operation_id = "v1_admin_users_list",
    params(
        ("username" = Option<String>, Query, description = "User with this username, ignoring case"),
        ("status" = Option<String>, Query, description = "`active`, `locked` or `disabled`"),
        ("role" = Option<String>, Query, description = "Users with this role"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the previous page, with the same filters"),
        ("limit" = Option<u32>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "One page of results", body = UserList), FilterProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    mut filters: Filters,
) -> Result<Response, Problem> {
    let tenant = caller.tenant.id;
    let filter = Filter {
        username: filters.text("username"),
        standing: filters.read("status", "active, locked or disabled", Standing::parse)?,
        role: filters.read("role", "the word for a role", |word| word.parse().ok())?,
        ..Filter::default()
    };
    let limit = filters.limit()?;
    let after: Option<UserId> = filters.cursor(&app, tenant)?;
    let mut found = users::list(&app.db, tenant, &filter, after, limit + 1).await?;
    let next_cursor = Cursor::cut(&app, tenant, filters.name(), &mut found, limit, |last| last.user.id);
    Ok(no_store(UserList { users: found.into_iter().map(UserBody::from).collect(), next_cursor }))
}

/// Create a user
#[utoipa::path(
    post,
    path = "/admin/users",
    operation_id = "v1_admin_users_create",
    request_body = CreateUser,
    responses(
        (status = 201, description = "The user, with a password link", body = CreatedUser),
        BodyProblems,
        (status = 409, description = "`username_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    site: Site,
    JsonBody(new): JsonBody<CreateUser>,
) -> Result<Response, Problem> {
    let new = NewUser {
        username: new.username,
        display_name: new.display_name,
        email: new.email,
        email_verified: new.email_verified,
        roles: roles(&new.roles)?,
    };
    let by = By::user(caller.user.id, &caller.origin);
    let (id, link) = domain::invite(&app, &caller.tenant, new, &by).await?;
    let account = find(&app, &caller, id.0).await?;
    let location = format!("{}/admin/users/{id}", site.prefix(&caller.tenant.slug));
    let version = account.version;
    let body = CreatedUser { user: account.into(), set_password: link.into() };
    let mut response = (StatusCode::CREATED, Versioned { version, body }).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Get a user
#[utoipa::path(
    get,
    path = "/admin/users/{id}",
    operation_id = "v1_admin_users_show",
    params(("id" = Uuid, Path, description = "User ID")),
    responses((status = 200, description = "The user, with its version in `ETag`", body = UserBody))
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    Ok(answer(find(&app, &caller, id).await?))
}

/// Update a user
#[utoipa::path(
    patch,
    path = "/admin/users/{id}",
    operation_id = "v1_admin_users_update",
    params(
        ("id" = Uuid, Path, description = "User ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user"),
    ),
    request_body = ChangeUser,
    responses(
        (status = 200, description = "The updated user, with its version in `ETag`", body = UserBody),
        BodyProblems,
        StaleProblem,
        (status = 409, description = "`last_admin`, `own_account`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<Uuid>,
    IfMatch(meant_for): IfMatch,
    JsonBody(wanted): JsonBody<ChangeUser>,
) -> Result<Response, Problem> {
    let change = UserChange {
        display_name: wanted.display_name,
        email: wanted.email,
        email_verified: wanted.email_verified,
        roles: wanted.roles.as_deref().map(roles).transpose()?,
        standing: wanted.status.as_deref().map(standing).transpose()?,
    };
    let by = By::user(caller.user.id, &caller.origin);
    let account = domain::change(&app, caller.tenant.id, UserId(id), change, &meant_for, &by).await?;
    Ok(answer(account))
}

/// Delete a user
///
/// Deletes the user's devices, sessions and tokens, too; the audit log is kept.
#[utoipa::path(
    delete,
    path = "/admin/users/{id}",
    operation_id = "v1_admin_users_delete",
    params(
        ("id" = Uuid, Path, description = "User ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        StaleProblem,
        (status = 409, description = "`last_admin`, `own_account`, `owns_clients`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<Uuid>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    domain::delete(&app, caller.tenant.id, UserId(id), &meant_for, &by).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sign a user out everywhere
///
/// Disconnects all devices and ends all browser sessions. The user can sign in again.
#[utoipa::path(
    post,
    path = "/admin/users/{id}/sign-out",
    operation_id = "v1_admin_users_sign_out",
    params(("id" = Uuid, Path, description = "User ID")),
    responses((status = 204, description = "Signed out everywhere"))
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    domain::sign_out_everywhere(&app, caller.tenant.id, UserId(id), &by).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
