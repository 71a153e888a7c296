//! `/admin/scopes`: the catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::deeds::Deed;
use crate::domain::scopes::{self, ScopeError};
use crate::http::json::no_store;
use crate::http::rest::admin::deeds::insist;
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor};
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, PageProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::model::patch::Patch;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::scope_translations::Translations;
use crate::model::stored::Stored;
use crate::model::user::Role;
use crate::store;

/// A new scope.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScope {
    /// Scope name.
    #[schema(example = "videos")]
    pub name: String,
    /// Description shown to people.
    #[schema(example = "See your videos")]
    pub description: String,
    /// Translated descriptions, by language tag (RFC 5646).
    #[serde(default)]
    #[schema(example = json!({"de": "Ihre Videos sehen"}))]
    pub translations: BTreeMap<String, String>,
    /// Role that a user needs to grant the scope (default: none).
    #[schema(example = "editor")]
    pub required_role: Option<String>,
    /// Whether to grant the scope only to DPoP-bound tokens (RFC 9449).
    #[serde(default)]
    pub requires_dpop: bool,
    /// Maximum time a device keeps access with this scope, from 60 seconds to ten years (default: no extra
    /// limit).
    #[schema(example = 86400, minimum = 60, maximum = 315_360_000)]
    pub max_lifetime_seconds: Option<u32>,
}

/// Changes to a scope; absent members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeChange {
    /// Description shown to people.
    #[schema(example = "See your videos")]
    pub description: Option<String>,
    /// Translated descriptions; replaces all existing ones. If absent, a new description drops them.
    #[schema(example = json!({"de": "Ihre Videos sehen"}))]
    pub translations: Option<BTreeMap<String, String>>,
    /// Role that a user needs to grant the scope; `null`: none.
    #[schema(value_type = Option<String>, example = "editor")]
    #[serde(default)]
    pub required_role: Patch<String>,
    /// Whether to grant the scope only to DPoP-bound tokens (RFC 9449).
    pub requires_dpop: Option<bool>,
    /// Maximum time a device keeps access with this scope; `null`: no extra limit.
    #[schema(value_type = Option<u32>, example = 86400, minimum = 60, maximum = 315_360_000)]
    #[serde(default)]
    pub max_lifetime_seconds: Patch<u32>,
}

/// A scope.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Scope)]
pub struct ScopeBody {
    /// Scope name.
    #[schema(example = "videos")]
    pub name: String,
    /// Description shown to people.
    #[schema(example = "See your videos")]
    pub description: String,
    /// Translated descriptions, by language tag (RFC 5646).
    #[schema(example = json!({"de": "Ihre Videos sehen"}))]
    pub translations: BTreeMap<String, String>,
    /// Role that a user needs to grant the scope; `null`: none.
    #[schema(example = "editor")]
    pub required_role: Option<String>,
    /// Whether to grant the scope only to DPoP-bound tokens (RFC 9449).
    #[schema(example = false)]
    pub requires_dpop: bool,
    /// Maximum time a device keeps access with this scope; `null`: no extra limit.
    #[schema(example = 86400)]
    pub max_lifetime_seconds: Option<u32>,
    /// Time of creation.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: DateTime<Utc>,
    /// Version, as in `ETag`.
    #[schema(example = 1)]
    pub version: i32,
}

impl From<Stored<Scope>> for ScopeBody {
    fn from(Stored { value, version, created_at }: Stored<Scope>) -> Self {
        Self {
            name: value.name,
            description: value.description,
            translations: value.translations.iter().map(|(tag, words)| (tag.into(), words.into())).collect(),
            required_role: value.required_role.map(|role| role.to_string()),
            requires_dpop: value.requires_dpop,
            max_lifetime_seconds: value.max_lifetime_seconds,
            created_at,
            version,
        }
    }
}

/// List scopes
///
/// Sorted by name.
#[utoipa::path(
    get,
    path = "/admin/scopes",
    operation_id = "v1_admin_scopes_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "The scopes", body = Vec<ScopeBody>), PageProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    page: Page,
) -> Result<Response, Problem> {
    let found = store::scopes::list(&app.db, caller.tenant.id, page.offset, page.limit).await?;
    let total = store::scopes::count(&app.db, caller.tenant.id).await?;
    let bodies: Vec<_> = found.into_iter().map(ScopeBody::from).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Create a scope
#[utoipa::path(
    post,
    path = "/admin/scopes",
    operation_id = "v1_admin_scopes_create",
    request_body = NewScope,
    responses(
        (status = 201, description = "The scope", body = ScopeBody),
        BodyProblems,
        (status = 409, description = "`scope_name_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    JsonBody(new): JsonBody<NewScope>,
) -> Result<Response, Problem> {
    let name = ScopeSet::parse_name(&new.name);
    let name = name.map_err(|error| Problem::invalid_field("name", error.to_string()))?;
    let required_role = new.required_role.as_deref().map(role).transpose()?;
    let translations = translations(new.translations)?;
    let scope = Scope {
        translations,
        required_role,
        requires_dpop: new.requires_dpop,
        max_lifetime_seconds: new.max_lifetime_seconds,
        ..Scope::unconditional(&name, &new.description)
    };
    let created = scopes::create(&app, caller.tenant.id, scope, &caller.by()).await.map_err(problem)?;
    Ok((StatusCode::CREATED, answer(created)).into_response())
}

/// Update a scope
///
/// Changes its descriptions, who can grant it and what it requires of devices. Devices that no longer meet
/// the requirements lose it at the next refresh. Changes other than to the descriptions require a recent
/// sign-in.
#[utoipa::path(
    patch,
    path = "/admin/scopes/{name}",
    operation_id = "v1_admin_scopes_update",
    params(
        ("name" = String, Path, description = "Scope name, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to change"),
    ),
    request_body = ScopeChange,
    responses(
        (status = 200, description = "The updated scope", body = ScopeBody),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(change): JsonBody<ScopeChange>,
) -> Result<Response, Problem> {
    let changes_conditions = change.required_role.is_change()
        || change.requires_dpop.is_some()
        || change.max_lifetime_seconds.is_change();
    if changes_conditions {
        insist(&app, &caller, Deed::Endanger)?;
    }
    let required_role = match change.required_role {
        Patch::Set(name) => Patch::Set(role(&name)?),
        Patch::Clear => Patch::Clear,
        Patch::Keep => Patch::Keep,
    };
    let translations = change.translations.map(translations).transpose()?;
    let changed = scopes::change(&app, caller.tenant.id, &name, &meant_for, &caller.by(), |scope| {
        if let Some(translations) = translations {
            scope.translations = translations;
        }
        if let Some(description) = change.description {
            scope.description = description;
        }
        scope.required_role = required_role.apply(scope.required_role.take());
        scope.requires_dpop = change.requires_dpop.unwrap_or(scope.requires_dpop);
        scope.max_lifetime_seconds = change.max_lifetime_seconds.apply(scope.max_lifetime_seconds);
    })
    .await
    .map_err(problem)?;
    Ok(answer(changed).into_response())
}

/// Delete a scope
///
/// Removes it from every client that is registered for it. Devices lose it at the next refresh; issued access
/// tokens keep it until they expire.
#[utoipa::path(
    delete,
    path = "/admin/scopes/{name}",
    operation_id = "v1_admin_scopes_delete",
    params(
        ("name" = String, Path, description = "Scope name, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to delete"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        StaleProblem,
        (status = 409, description = "`scope_is_standard`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    scopes::delete(&app, caller.tenant.id, &name, &meant_for, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(scope: Stored<Scope>) -> Versioned<ScopeBody> {
    Versioned { version: scope.version, body: ScopeBody::from(scope) }
}

fn translations(words: BTreeMap<String, String>) -> Result<Translations, Problem> {
    Translations::of(words).map_err(|unfit| Problem::invalid_field("translations", unfit.to_string()))
}

fn role(name: &str) -> Result<Role, Problem> {
    name.parse().map_err(|_| Problem::invalid_field("required_role", "must be a role"))
}

fn problem(error: ScopeError) -> Problem {
    let said = error.to_string();
    match error {
        ScopeError::Store(error) => error.into(),
        ScopeError::Stale(stale) => stale.into(),
        ScopeError::NoSuchScope => Problem::new(
            StatusCode::NOT_FOUND,
            "scope_not_found",
            "Scope not found.",
            "List the scopes with GET /admin/scopes.",
        ),
        ScopeError::NameTaken => Problem::new(
            StatusCode::CONFLICT,
            "scope_name_taken",
            said,
            "Choose another name or change the existing scope.",
        ),
        ScopeError::IsStandard => Problem::new(
            StatusCode::CONFLICT,
            "scope_is_standard",
            said,
            "Remove it from the clients that should not have it.",
        ),
        ScopeError::NeedsItsRole | ScopeError::MisspelledRole { .. } => {
            Problem::invalid_field("required_role", said)
        }
        ScopeError::UnfitLifetime => Problem::invalid_field("max_lifetime_seconds", said),
        ScopeError::UnfitDescription => Problem::invalid_field("description", said),
    }
}
