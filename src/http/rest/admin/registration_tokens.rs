//! `/admin/registration-tokens`: what lets clients register themselves (RFC 7591 §3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::domain::clients::registration_tokens::{self, RegistrationTokenError};
use crate::http::json::no_store;
use crate::http::rest::admin::deeds::FreshAdmin;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::{BodyProblems, PageProblem};
use crate::model::ids::RegistrationTokenId;
use crate::model::registration_token::RegistrationToken;
use crate::store;

/// A new initial access token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRegistrationToken {
    /// Label, such as the name of a partner.
    #[schema(example = "The partners' televisions")]
    pub name: String,
    /// Number of clients that may register with it (default 1).
    #[serde(default = "once")]
    #[schema(example = 10)]
    pub uses: i32,
    /// Validity in seconds: at most a year (default: one day).
    #[serde(default = "one_day")]
    #[schema(example = 86400)]
    pub expires_in: u32,
}

const fn once() -> i32 {
    1
}

const fn one_day() -> u32 {
    86_400
}

/// An initial access token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistrationToken)]
pub struct RegistrationTokenBody {
    /// ID of the initial access token.
    pub id: Uuid,
    /// Label, such as the name of a partner.
    #[schema(example = "The partners' televisions")]
    pub name: String,
    /// Number of clients that can still register with it.
    #[schema(example = 10)]
    pub uses_left: i32,
    /// Time of creation.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Expiry time.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: DateTime<Utc>,
    /// The token itself; returned only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl From<RegistrationToken> for RegistrationTokenBody {
    fn from(token: RegistrationToken) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            uses_left: token.uses_left,
            created_at: token.created_at,
            expires_at: token.expires_at,
            token: None,
        }
    }
}

/// List initial access tokens
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/admin/registration-tokens",
    operation_id = "v1_admin_registration_tokens_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses(
        (status = 200, description = "The tokens", body = Vec<RegistrationTokenBody>),
        PageProblem,
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    page: Page,
) -> Result<Response, Problem> {
    let found = store::registration_tokens::list(&app.db, caller.tenant.id, page.offset, page.limit).await?;
    let total = store::registration_tokens::count(&app.db, caller.tenant.id).await?;
    let bodies: Vec<_> = found.into_iter().map(RegistrationTokenBody::from).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Create an initial access token
///
/// The token is returned only once. Requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/registration-tokens",
    operation_id = "v1_admin_registration_tokens_create",
    request_body = NewRegistrationToken,
    responses((status = 201, description = "The token", body = RegistrationTokenBody), BodyProblems)
)]
pub async fn create(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    JsonBody(new): JsonBody<NewRegistrationToken>,
) -> Result<Response, Problem> {
    let life = TimeDelta::seconds(new.expires_in.into());
    let (token, secret) =
        registration_tokens::create(&app, caller.tenant.id, &new.name, new.uses, life, &caller.by())
            .await
            .map_err(problem)?;
    let token = RegistrationTokenBody { token: Some(secret.expose().to_owned()), ..token.into() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(token)).into_response())
}

/// Delete an initial access token
///
/// Clients that registered with it are not affected.
#[utoipa::path(
    delete,
    path = "/admin/registration-tokens/{id}",
    operation_id = "v1_admin_registration_tokens_delete",
    params(("id" = Uuid, Path, description = "ID of the initial access token")),
    responses((status = 204, description = "Deleted"))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let id = RegistrationTokenId(id);
    registration_tokens::delete(&app, caller.tenant.id, id, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn problem(error: RegistrationTokenError) -> Problem {
    let said = error.to_string();
    match error {
        RegistrationTokenError::Store(error) => error.into(),
        RegistrationTokenError::UnfitName => Problem::invalid_field("name", said),
        RegistrationTokenError::UnfitUses => Problem::invalid_field("uses", said),
        RegistrationTokenError::UnfitLife => Problem::invalid_field("expires_in", said),
        RegistrationTokenError::NoSuchToken => Problem::new(
            StatusCode::NOT_FOUND,
            "registration_token_not_found",
            "Registration token not found.",
            "List the tokens with GET /admin/registration-tokens.",
        ),
    }
}
