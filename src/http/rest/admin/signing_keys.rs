//! `/admin/signing-keys`: announced → signing → retired → removed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deeds::{FreshAdmin, insist};
use crate::app::App;
use crate::domain::deeds::Deed;
use crate::domain::signing_keys::remove;
use crate::domain::signing_keys::rotate::{self, TakeOver};
use crate::http::json::no_store;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::path::Path;
use crate::http::rest::problem::Problem;
use crate::http::rest::problem::described::BodyProblems;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::KeyLife;
use crate::store;

/// Signing keys to rotate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// ES256, RS256 or EdDSA (default: all).
    #[schema(example = "ES256")]
    pub algorithm: Option<String>,
    /// Whether the successor signs immediately. Services that cache the published keys may reject its tokens
    /// for a while.
    pub at_once: bool,
}

/// A signing key, without its private key.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningKey {
    /// Key ID.
    #[schema(example = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    pub kid: String,
    /// Signature algorithm.
    #[schema(example = "ES256")]
    pub alg: &'static str,
    /// `announced`, `signing`, `retired` or `removed`.
    #[schema(example = "signing")]
    pub state: &'static str,
    /// Time of creation and publication.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Time when it started signing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signing_since: Option<DateTime<Utc>>,
    /// Time when it stopped signing.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<DateTime<Utc>>,
    /// Time of removal.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed_at: Option<DateTime<Utc>>,
    /// Next automatic transition; `null`: none.
    pub next: Option<NextStep>,
}

/// An automatic transition of a signing key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKeyStep)]
pub struct NextStep {
    /// `take_over`, `succession`, `retirement` (its announced successor takes over) or `removal`.
    #[schema(example = "succession")]
    pub step: &'static str,
    /// Time of the transition.
    #[schema(value_type = String, format = DateTime)]
    pub at: DateTime<Utc>,
}

impl SigningKey {
    fn of(app: &App, key: &KeyLife, keys: &[KeyLife]) -> Self {
        let next = app.config.keys.schedule().prospect(key, keys);
        Self {
            kid: key.kid.clone(),
            alg: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: key.created_at,
            signing_since: key.signing_since,
            retired_at: key.retired_at,
            removed_at: key.removed_at,
            next: next.map(|(step, at)| NextStep { step: step.as_str(), at }),
        }
    }
}

/// List signing keys with their next transition
#[utoipa::path(
    get,
    path = "/admin/signing-keys",
    operation_id = "v1_admin_signing_keys_list",
    responses((status = 200, description = "The keys", body = Vec<SigningKey>))
)]
pub async fn list(State(app): State<Arc<App>>, Auditor(caller): Auditor) -> Result<Response, Problem> {
    let keys = store::signing_keys::all(&app.db, caller.tenant.id).await?;
    Ok(no_store(keys.iter().map(|key| SigningKey::of(&app, key, &keys)).collect::<Vec<_>>()))
}

/// Rotate signing keys
///
/// Announces successors, or returns those already announced. They sign after the announcement period unless
/// `at_once` is set, which requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/signing-keys/rotate",
    operation_id = "v1_admin_signing_keys_rotate",
    request_body = Rotation,
    responses((status = 200, description = "The successors", body = Vec<SigningKey>), BodyProblems)
)]
pub async fn rotate(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<Response, Problem> {
    let algorithms = match rotation.algorithm.as_deref().map(SigningAlgorithm::parse) {
        None => SigningAlgorithm::ALL.to_vec(),
        Some(Some(algorithm)) => vec![algorithm],
        Some(None) => return Err(Problem::invalid_field("algorithm", "must be ES256, RS256 or EdDSA")),
    };
    if rotation.at_once {
        insist(&app, &caller, Deed::Endanger)?;
    }
    let take_over = if rotation.at_once { TakeOver::AtOnce } else { TakeOver::WhenKnown };
    let mut successors = Vec::new();
    for algorithm in algorithms {
        let key = rotate::rotate(&app, caller.tenant.id, algorithm, take_over, &caller.by()).await?;
        successors.push(key);
    }
    let described = successors.iter().map(|key| SigningKey::of(&app, key, &successors));
    Ok(no_store(described.collect::<Vec<_>>()))
}

/// Remove a signing key
///
/// For emergencies: every token it signed becomes invalid. If it was the signing key, another one replaces
/// it. Requires a recent sign-in.
#[utoipa::path(
    delete,
    path = "/admin/signing-keys/{kid}",
    operation_id = "v1_admin_signing_keys_delete",
    params(("kid" = String, Path, description = "Key ID")),
    responses((status = 204, description = "Removed"))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(kid): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = remove::remove(&app, caller.tenant.id, &kid, &caller.by()).await?;
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "signing_key_not_found",
            "Signing key not found or already removed.",
            "List the keys with GET /admin/signing-keys.",
        )
    })
}
