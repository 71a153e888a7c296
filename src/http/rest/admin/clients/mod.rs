//! `/admin/oauth/clients`

pub mod body;
pub mod fields;
pub mod policy;
pub mod problems;
pub mod secret;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::domain::clients as domain;
use crate::domain::deeds::of_client_change;
use crate::http::json::no_store;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::deeds::{FreshAdmin, insist};
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor, Caller};
use crate::http::rest::etag::IfMatch;
use crate::http::rest::paging::Page;
use crate::http::rest::path::Path;
use crate::http::rest::problem::described::{BodyProblems, PageProblem, StaleProblem};
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::model::client::Client;
use crate::model::ids::{ClientId, UserId};
use crate::model::stored::Stored;
use crate::store::clients;
use body::{ClientBody, ClientWithSecret};
use fields::ClientFields;
use problems::{no_such_client, problem};

/// List clients
///
/// Sorted by client ID. `X-Total-Count` has the total number, `Link` the other pages.
#[utoipa::path(
    get,
    path = "/admin/oauth/clients",
    operation_id = "v1_admin_clients_list",
    params(
        ("offset" = Option<i64>, Query, description = "Items to skip (default 0)"),
        ("limit" = Option<i64>, Query, description = "Maximum number of items, 1 to 1000 (default 100)"),
        ("q" = Option<String>, Query, description = "Part of the client ID or the name, ignoring case"),
        ("owner" = Option<String>, Query, description = "Clients that this user owns"),
        ("enabled" = Option<bool>, Query, description = "Enabled (`true`) or disabled (`false`) clients only"),
    ),
    responses((status = 200, description = "The clients", body = Vec<ClientBody>), PageProblem)
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    page: Page,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let filter = filter(query.as_deref())?;
    let found = clients::list(&app.db, caller.tenant.id, &filter, page.offset, page.limit).await?;
    let total = clients::count(&app.db, caller.tenant.id, &filter).await?;
    let bodies: Vec<_> =
        found.into_iter().map(|client| ClientBody::of(&app, &caller.tenant, client)).collect();
    Ok((page.headers(total), no_store(bodies)).into_response())
}

fn filter(query: Option<&str>) -> Result<clients::Filter, Problem> {
    let mut parameters = Parameters::of_query(query)?;
    let owner = match parameters.take("owner") {
        Some(id) => {
            let id = id.parse().map_err(|_| Problem::invalid_field("owner", "must be the ID of a user"))?;
            Some(UserId(id))
        }
        None => None,
    };
    let enabled = match parameters.take("enabled").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Problem::invalid_field("enabled", "must be true or false")),
    };
    Ok(clients::Filter { text: parameters.take("q"), owner, enabled })
}

/// Register a client
///
/// The secret, if there is one, is returned only once. Requires a recent sign-in.
#[utoipa::path(
    post,
    path = "/admin/oauth/clients",
    operation_id = "v1_admin_clients_create",
    request_body = ClientFields,
    responses(
        (status = 201, description = "The client", body = ClientWithSecret),
        BodyProblems,
        (status = 409, description = "`client_id_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    JsonBody(fields): JsonBody<ClientFields>,
) -> Result<Response, Problem> {
    let id = fields.client_id.clone().ok_or_else(|| Problem::invalid_field("client_id", "is required"))?;
    let id = ClientId::parse(&id).map_err(|error| Problem::invalid_field("client_id", error.to_string()))?;
    let mut client = Client::public(caller.tenant.id, id.clone());
    client.auth_method = fields.auth_method()?;
    fields.read(&app)?(&mut client);
    let secret = domain::create(&app, client, &caller.by()).await.map_err(problem)?;
    let secret = secret.map(|secret| secret.expose().to_owned());
    with_secret(&app, &caller, id.as_str(), StatusCode::CREATED, secret).await
}

/// Get a client
#[utoipa::path(
    get,
    path = "/admin/oauth/clients/{id}",
    operation_id = "v1_admin_clients_show",
    params(("id" = String, Path, description = "Client ID")),
    responses((status = 200, description = "The client, with its version in `ETag`", body = ClientBody))
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    answer(&app, &caller, &id).await
}

/// Update a client
///
/// Changes apply to future approvals and refreshes. Issued access tokens stay valid until they expire or
/// their signing key is removed. Requires a recent sign-in, unless the change only restricts the client:
/// disables it, removes scopes or grant types, or requires DPoP.
#[utoipa::path(
    patch,
    path = "/admin/oauth/clients/{id}",
    operation_id = "v1_admin_clients_update",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to change"),
    ),
    request_body = ClientFields,
    responses(
        (status = 200, description = "The updated client", body = ClientBody),
        BodyProblems,
        StaleProblem,
    )
)]
pub async fn update(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
    JsonBody(fields): JsonBody<ClientFields>,
) -> Result<Response, Problem> {
    fields.refuse_fixed()?;
    let client = find(&app, &caller, &id).await?.value;
    let mut after = client.clone();
    fields.clone().read(&app)?(&mut after);
    insist(&app, &caller, of_client_change(&client, &after))?;
    domain::change(&app, &client, &meant_for, &caller.by(), fields.read(&app)?).await.map_err(problem)?;
    answer(&app, &caller, &id).await
}

/// Delete a client
///
/// Deletes its codes, devices and tokens, too. Requires a recent sign-in.
#[utoipa::path(
    delete,
    path = "/admin/oauth/clients/{id}",
    operation_id = "v1_admin_clients_delete",
    params(
        ("id" = String, Path, description = "Client ID"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the resource to delete"),
    ),
    responses((status = 204, description = "Deleted"), StaleProblem)
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    FreshAdmin(caller): FreshAdmin,
    Path(id): Path<String>,
    IfMatch(meant_for): IfMatch,
) -> Result<StatusCode, Problem> {
    let client = find(&app, &caller, &id).await?.value;
    domain::delete(&app, &client, &meant_for, &caller.by()).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(in crate::http) async fn find(app: &App, caller: &Caller, id: &str) -> Result<Stored<Client>, Problem> {
    clients::find_stored(&app.db, caller.tenant.id, id).await?.ok_or_else(no_such_client)
}

pub(in crate::http) async fn answer(app: &App, caller: &Caller, id: &str) -> Result<Response, Problem> {
    let found = find(app, caller, id).await?;
    let version = found.version;
    Ok(Versioned { version, body: ClientBody::of(app, &caller.tenant, found) }.into_response())
}

pub(in crate::http) async fn with_secret(
    app: &App,
    caller: &Caller,
    id: &str,
    status: StatusCode,
    client_secret: Option<String>,
) -> Result<Response, Problem> {
    let found = find(app, caller, id).await?;
    let version = found.version;
    let client = ClientBody::of(app, &caller.tenant, found);
    Ok((status, Versioned { version, body: ClientWithSecret { client, client_secret } }).into_response())
}
