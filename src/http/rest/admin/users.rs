//! `/admin/users`: people's accounts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::query::Filters;
use super::time;
use super::user_passwords::SetPasswordLink;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::users::{NewUser, UserChange, UserError};
use crate::domain::{password_links, users as domain};
use crate::http::no_store;
use crate::http::rest::admin::answers::{ReadRefusals, WriteRefusals};
use crate::http::rest::body::JsonBody;
use crate::http::rest::caller::{Admin, Auditor, Caller};
use crate::http::rest::etag::{IfMatch, etag};
use crate::http::rest::paging::Cursor;
use crate::http::rest::path::Path;
use crate::http::rest::problem::ProblemBody;
use crate::http::rest::problem::described::{BodyProblems, FilterProblem, StaleProblem};
use crate::http::rest::problem::{FieldError, Problem};
use crate::http::site::Site;
use crate::model::change::Change;
use crate::model::ids::UserId;
use crate::model::user::{Role, Standing};
use crate::store::users::{self, Account, Filter};

/// An account. Nothing of its password is ever shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// Its identifier, the `sub` of tokens; never given to anybody else.
    id: Uuid,
    /// What the person types to sign in.
    #[schema(example = "ada")]
    username: String,
    /// The name people know them by.
    #[schema(example = "Ada Lovelace")]
    display_name: Option<String>,
    /// An e-mail address.
    email: Option<String>,
    /// Whether the address is known to be theirs.
    email_verified: bool,
    /// What they may do: `admin`, `auditor`, and the tenant's own words.
    roles: Vec<String>,
    /// `active`, `locked` or `disabled`.
    #[schema(example = "active")]
    status: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Accounts, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserList {
    /// The accounts.
    users: Vec<UserBody>,
    /// Where the list goes on, for `cursor`; null: this was the end.
    next_cursor: Option<String>,
}

/// A new account, with the link for its person.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUser {
    #[serde(flatten)]
    user: UserBody,
    /// Where the person chooses a password; shown this once.
    set_password: SetPasswordLink,
}

/// An account to be made. Its person chooses the password, by the link in the answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 1 to 64 characters; unique, whatever the case.
    #[schema(example = "ada")]
    username: String,
    /// 1 to 128 characters.
    display_name: Option<String>,
    /// An e-mail address.
    email: Option<String>,
    /// Whether the address is known to be theirs.
    #[serde(default)]
    email_verified: bool,
    /// `admin`, `auditor`, or words of the tenant's own.
    #[serde(default)]
    roles: Vec<String>,
}

/// What is to change; what is absent stays, and null takes a value away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// 1 to 128 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    display_name: Change<String>,
    /// An e-mail address. A new one counts as unverified unless `email_verified` says otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    email: Change<String>,
    /// Whether the address is known to be theirs.
    email_verified: Option<bool>,
    /// In place of the roles there are.
    roles: Option<Vec<String>>,
    /// `active`, `locked` or `disabled`. A disabled account loses its devices and sessions for good.
    #[schema(example = "disabled")]
    status: Option<String>,
}

impl From<Account> for UserBody {
    fn from(account: Account) -> Self {
        let Account { user, version: _, created_at, updated_at } = account;
        Self {
            id: user.id.0,
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            email_verified: user.email_verified,
            roles: user.roles.iter().map(ToString::to_string).collect(),
            status: user.standing.as_str(),
            created_at: time(created_at),
            updated_at: time(updated_at),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let conflict = |word, suggested| Self::new(StatusCode::CONFLICT, word, error.to_string(), suggested);
        match error {
            UserError::UnfitUsername => Self::invalid_field("username", error.to_string()),
            UserError::UnfitDisplayName => Self::invalid_field("display_name", error.to_string()),
            UserError::UnfitEmail => Self::invalid_field("email", error.to_string()),
            UserError::Password(error) => Self::invalid_field("password", error.to_string()),
            UserError::UsernameTaken => conflict("username_taken", "Choose another name."),
            UserError::OwnsClients => conflict("owns_clients", "Delete the clients first."),
            UserError::LastAdmin => conflict("last_admin", "Give somebody else the role admin first."),
            UserError::OwnAccount => conflict("own_account", "Ask another administrator."),
            UserError::NoSuchUser => Self::new(
                StatusCode::NOT_FOUND,
                "user_not_found",
                "There is no such user.",
                "List them with GET /admin/users.",
            ),
            UserError::Stale(stale) => stale.into(),
            UserError::Store(error) => error.into(),
        }
    }
}

fn roles(words: &[String]) -> Result<Vec<Role>, Problem> {
    let read = words.iter().enumerate().map(|(index, word)| {
        word.parse::<Role>()
            .map_err(|error| FieldError { field: format!("roles[{index}]"), message: error.to_string() })
    });
    let (roles, errors): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let mut roles: Vec<Role> = roles.into_iter().filter_map(Result::ok).collect();
    roles.sort();
    roles.dedup();
    Ok(roles)
}

fn standing(word: &str) -> Result<Standing, Problem> {
    Standing::parse(word)
        .ok_or_else(|| Problem::invalid_field("status", "must be active, locked or disabled"))
}

fn answer(account: Account) -> Response {
    ([etag(account.version)], no_store(UserBody::from(account))).into_response()
}

async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Account, Problem> {
    let found = users::account(&app.db, caller.tenant.id, UserId(id)).await?;
    found.ok_or_else(|| UserError::NoSuchUser.into())
}

/// Lists accounts, newest first.
#[utoipa::path(
    get,
    path = "/admin/users",
    operation_id = "admin_list_users",
    tag = "Administration",
    security(("access_token" = ["admin:read"]), ("access_token" = ["admin"]), ("browser_session" = [])),
    params(
        ("username" = Option<String>, Query, description = "The one of this name, whatever the case"),
        ("status" = Option<String>, Query, description = "`active`, `locked` or `disabled`"),
        ("role" = Option<String>, Query, description = "Those who have this role"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before, with the same filters"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 by default"),
    ),
    responses((status = 200, description = "A part of the list", body = UserList), ReadRefusals, FilterProblem)
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
    };
    let limit = filters.limit()?;
    let after: Option<UserId> = filters.cursor(&app, tenant)?;
    let mut found = users::list(&app.db, tenant, &filter, after, limit + 1).await?;
    let next_cursor = Cursor::cut(&app, tenant, filters.name(), &mut found, limit, |last| last.user.id);
    Ok(no_store(UserList { users: found.into_iter().map(UserBody::from).collect(), next_cursor }))
}

/// Makes an account.
#[utoipa::path(
    post,
    path = "/admin/users",
    operation_id = "admin_create_user",
    tag = "Administration",
    security(("access_token" = ["admin"]), ("browser_session" = [], "csrf_token" = [])),
    request_body = CreateUser,
    responses(
        (status = 201, description = "The account, and the link for its person", body = CreatedUser),
        WriteRefusals,
        BodyProblems,
        (status = 409, description = "`username_taken`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
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
    let password = password_links::unknown_password(&app);
    let id = domain::create(&app, caller.tenant.id, new, password.expose(), &by).await?;
    let link = password_links::start(&app, &caller.tenant, id, &by).await?;
    let account = find(&app, &caller, id.0).await?;
    let location = format!("{}/admin/users/{id}", site.prefix(&caller.tenant.slug));
    let tag = etag(account.version);
    let created = CreatedUser { user: account.into(), set_password: link.into() };
    let mut response = (StatusCode::CREATED, [tag], no_store(created)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Shows an account.
#[utoipa::path(
    get,
    path = "/admin/users/{id}",
    operation_id = "admin_show_user",
    tag = "Administration",
    security(("access_token" = ["admin:read"]), ("access_token" = ["admin"]), ("browser_session" = [])),
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 200, description = "The account, with its `ETag`", body = UserBody), ReadRefusals)
)]
pub async fn show(
    State(app): State<Arc<App>>,
    Auditor(caller): Auditor,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    Ok(answer(find(&app, &caller, id).await?))
}

/// Changes an account.
#[utoipa::path(
    patch,
    path = "/admin/users/{id}",
    operation_id = "admin_change_user",
    tag = "Administration",
    security(("access_token" = ["admin"]), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("id" = Uuid, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the account as it was seen"),
    ),
    request_body = ChangeUser,
    responses(
        (status = 200, description = "The account as it is now, with its `ETag`", body = UserBody),
        WriteRefusals,
        BodyProblems,
        StaleProblem,
        (status = 409, description = "`last_admin`, `own_account`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn change(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
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

/// Deletes an account with its devices, sessions and tokens. The audit trail stays.
#[utoipa::path(
    delete,
    path = "/admin/users/{id}",
    operation_id = "admin_delete_user",
    tag = "Administration",
    security(("access_token" = ["admin"]), ("browser_session" = [], "csrf_token" = [])),
    params(
        ("id" = Uuid, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the account as it was seen"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        WriteRefusals,
        StaleProblem,
        (status = 409, description = "`last_admin`, `own_account`, `owns_clients`", body = ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
    IfMatch(meant_for): IfMatch,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    domain::delete(&app, caller.tenant.id, UserId(id), &meant_for, &by).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all of a person's devices and browser sessions; the account stays, and its person may sign in again.
#[utoipa::path(
    post,
    path = "/admin/users/{id}/sign-out",
    operation_id = "admin_sign_out_user",
    tag = "Administration",
    security(("access_token" = ["admin"]), ("browser_session" = [], "csrf_token" = [])),
    params(("id" = Uuid, Path, description = "The account")),
    responses((status = 204, description = "Nothing of theirs is connected any more"), WriteRefusals)
)]
pub async fn sign_out(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let by = By::user(caller.user.id, &caller.origin);
    domain::sign_out_everywhere(&app, caller.tenant.id, UserId(id), &by).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
