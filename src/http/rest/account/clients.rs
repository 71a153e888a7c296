//! `/account/oauth/clients`: the apps that a person created.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::clients::{self as domain, owned, secrets};
use crate::http::json::no_store;
use crate::http::rest::admin::clients::body::{ClientBody, ClientWithSecret};
use crate::http::rest::admin::clients::fields::ClientFields;
use crate::http::rest::admin::clients::problems::{no_such_client, problem};
use crate::http::rest::admin::clients::{answer, find, with_secret};
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::Caller;
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, PageProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::model::client::Client;
use crate::model::ids::ClientId;
use crate::store::clients;

const IDENTIFIER: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 32¹⁶ = 2⁸⁰: no two are the same.
const IDENTIFIER_CHARS: usize = 16;

/// May make clients, and change those that are their own.
pub struct AppMaker(Caller);

impl FromRequestParts<Arc<App>> for AppMaker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Caller::with_scope(parts, app, &["clients"]).await?;
        if owned::may_make(app, &caller.user) {
            Ok(Self(caller))
        } else {
            Err(Problem::forbidden("You are not allowed to create apps here."))
        }
    }
}

impl AppMaker {
    /// One of the caller's own; anybody else's looks like none.
    async fn own(&self, app: &App, id: &str) -> Result<Client, Problem> {
        let client = find(app, &self.0, id).await?.value;
        if client.owner == Some(self.0.user.id) { Ok(client) } else { Err(no_such_client()) }
    }
}

/// List your apps
///
/// Sorted by client ID.
#[utoipa::path(
    get,
    path = "/account/oauth/clients",
    operation_id = "v1_account_clients_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
    ),
    responses((status = 200, description = "The clients", body = Vec<ClientBody>), PageProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    AppMaker(caller): AppMaker,
    page: Page,
) -> Result<Response, Problem> {
    let own = clients::Filter { owner: Some(caller.user.id), ..clients::Filter::default() };
    let found = clients::list(&app.db, caller.tenant.id, &own, page.offset, page.limit).await?;
    let total = clients::count(&app.db, caller.tenant.id, &own).await?;
    let bodies: Vec<_> =
        found.into_iter().map(|client| ClientBody::of(&app, &caller.tenant, client)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

/// Create an app
///
/// The server assigns the client ID. The secret, if there is one, is returned only once. The app can only
/// have scopes that you can grant.
#[utoipa::path(
    post,
    path = "/account/oauth/clients",
    operation_id = "v1_account_clients_create",
    request_body(content = ClientFields, example = json!({"client_name": "My lamp", "scopes": ["openid"],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]})),
    responses(
        (status = 201, description = "The client", body = ClientWithSecret),
        BodyProblems,
        (status = 409, description = "`too_many_clients`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    AppMaker(caller): AppMaker,
    JsonBody(fields): JsonBody<ClientFields>,
) -> Result<Response, Problem> {
    fields.refuse_privileged()?;
    if fields.client_id.is_some() {
        return Err(Problem::invalid_field("client_id", "is assigned by the server"));
    }
    let id = format!("app-{}", app.random.characters(IDENTIFIER, IDENTIFIER_CHARS));
    let mut client = Client::public(caller.tenant.id, ClientId::from_known(id.clone()));
    client.auth_method = fields.auth_method()?;
    fields.read(&app)?(&mut client);
    let secret = owned::create(&app, &caller.user, client, &caller.by()).await.map_err(problem)?;
    let secret = secret.map(|secret| secret.expose().to_owned());
    with_secret(&app, &caller, &id, StatusCode::CREATED, secret).await
}

/// Get one of your apps
#[utoipa::path(
    get,
    path = "/account/oauth/clients/{id}",
    operation_id = "v1_account_clients_show",
    params(("id" = String, Path, description = "Client ID")),
    responses((status = 200, description = "The client, with its version in `ETag`", body = ClientBody))
)]
pub async fn show(
    State(app): State<Arc<App>>,
    maker: AppMaker,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    maker.own(&app, &id).await?;
    answer(&app, &maker.0, &id).await
}

/// Update one of your apps
#[utoipa::path(
    patch,
    path = "/account/oauth/clients/{id}",
    operation_id = "v1_account_clients_update",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to change"),
    ),
    request_body(content = ClientFields, example = json!({"client_name": "My other lamp"})),
    responses(
        (status = 200, description = "The updated client", body = ClientBody),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    maker: AppMaker,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(fields): JsonBody<ClientFields>,
) -> Result<Response, Problem> {
    fields.refuse_privileged()?;
    fields.refuse_fixed()?;
    let client = maker.own(&app, &id).await?;
    owned::change(&app, &client, &meant_for, &maker.0.by(), fields.read(&app)?).await.map_err(problem)?;
    answer(&app, &maker.0, &id).await
}

/// Delete one of your apps
///
/// Deletes its codes, devices and tokens, too.
#[utoipa::path(
    delete,
    path = "/account/oauth/clients/{id}",
    operation_id = "v1_account_clients_delete",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to delete"),
    ),
    responses((status = 204, description = "Deleted"), StaleProblem)
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    maker: AppMaker,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    let client = maker.own(&app, &id).await?;
    domain::delete(&app, &client, &meant_for, &maker.0.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate the secret of an app
///
/// The new secret is returned only once. The previous one works until the next rotation.
#[utoipa::path(
    post,
    path = "/account/oauth/clients/{id}/secret",
    operation_id = "v1_account_client_secret_rotate",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the client"),
    ),
    responses(
        (status = 200, description = "The client with its new secret", body = ClientWithSecret),
        StaleProblem,
        (status = 409, description = "`client_has_no_secret`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn rotate_secret(
    State(app): State<Arc<App>>,
    maker: AppMaker,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let client = maker.own(&app, &id).await?;
    let secret = secrets::rotate_secret(&app, &client, &meant_for, &maker.0.by()).await.map_err(problem)?;
    with_secret(&app, &maker.0, &id, StatusCode::OK, Some(secret.expose().to_owned())).await
}
