//! `/admin/oauth/clients/{id}/policy`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::body::ClientBody;
use super::problems::no_such_client;
use super::{answer, find};
use crate::app::App;
use crate::domain::policies::{self, PolicyError};
use crate::http::rest::admin::deeds::FreshAdmin;
use crate::http::rest::body::JsonBody;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::{BodyProblems, StaleProblem};
use crate::model::policy::PolicyChanges;

/// Replace the policy overrides of a client
///
/// `{}` removes them. Requires a recent sign-in.
#[utoipa::path(
    put,
    path = "/admin/oauth/clients/{id}/policy",
    operation_id = "v1_admin_client_policy_replace",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the client"),
    ),
    request_body(content = Object, description = "JSON Merge Patch for the policy of the tenant",
        example = json!({"trust": {"allowed": "key_bound"}})),
    responses(
        (status = 200, description = "The client with its policy", body = ClientBody),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn replace(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(changes): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    let client = find(&app, &caller, &id).await?.value;
    let changes = PolicyChanges(changes);
    policies::change_for_client(&app, &caller.tenant, &client, changes, &meant_for, &caller.by())
        .await
        .map_err(problem)?;
    answer(&app, &caller, &id).await
}

/// What is told of a policy that is not changed.
pub(in crate::http) fn problem(error: PolicyError) -> Problem {
    match error {
        PolicyError::Store(error) => error.into(),
        PolicyError::Stale(stale) => stale.into(),
        PolicyError::NotFound => no_such_client(),
        PolicyError::Invalid(invalid) => Problem::invalid_field("", invalid.to_string()),
        PolicyError::DoesNotFitClient { .. } => Problem::new(
            StatusCode::CONFLICT,
            "policy_does_not_fit_client",
            error.to_string(),
            "Change the policy of that client first.",
        ),
    }
}
