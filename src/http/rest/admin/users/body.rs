//! Accounts as they are written and told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::rest::admin::user_passwords::SetPasswordLink;
use crate::http::rest::problem::{FieldError, Problem};
use crate::http::rest::time::time;
use crate::model::patch::Patch;
use crate::model::user::{Role, Standing};
use crate::store::users::Account;

/// A user, without password data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// User ID, the `sub` of tokens; never reused.
    id: Uuid,
    /// Username.
    #[schema(example = "ada")]
    username: String,
    /// Display name.
    #[schema(example = "Ada Lovelace")]
    display_name: Option<String>,
    /// Email address.
    email: Option<String>,
    /// Whether the email address is verified.
    email_verified: bool,
    /// Roles: `admin`, `auditor` and other roles of the tenant.
    roles: Vec<String>,
    /// `active`, `locked` or `disabled`.
    #[schema(example = "active")]
    status: &'static str,
    /// Time of creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// Time of the last change.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Users, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserList {
    /// Users.
    pub(super) users: Vec<UserBody>,
    /// Value of `cursor` for the next page; null on the last page.
    pub(super) next_cursor: Option<String>,
}

/// A new user, with a password link.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUser {
    #[serde(flatten)]
    pub(super) user: UserBody,
    /// Password link; returned only once.
    pub(super) set_password: SetPasswordLink,
}

/// A new user, who chooses a password with the link in the response.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 1 to 64 characters; unique, ignoring case.
    #[schema(example = "ada")]
    pub(super) username: String,
    /// 1 to 128 characters.
    pub(super) display_name: Option<String>,
    /// Email address.
    pub(super) email: Option<String>,
    /// Whether the email address is verified.
    #[serde(default)]
    pub(super) email_verified: bool,
    /// `admin`, `auditor` or other roles of the tenant.
    #[serde(default)]
    pub(super) roles: Vec<String>,
}

/// Changes to a user; absent members stay unchanged, null removes a value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// 1 to 128 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) display_name: Patch<String>,
    /// Email address. A new one is unverified unless `email_verified` is true.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) email: Patch<String>,
    /// Whether the email address is verified.
    pub(super) email_verified: Option<bool>,
    /// Roles; replaces all existing ones.
    pub(super) roles: Option<Vec<String>>,
    /// `active`, `locked` or `disabled`. Disabling a user permanently disconnects all devices and ends all
    /// sessions.
    #[schema(example = "disabled")]
    pub(super) status: Option<String>,
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

/// Roles as they are kept: sorted, each once.
pub(super) fn roles(words: &[String]) -> Result<Vec<Role>, Problem> {
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

/// Whether an account may be used.
pub(super) fn standing(word: &str) -> Result<Standing, Problem> {
    Standing::parse(word)
        .ok_or_else(|| Problem::invalid_field("status", "must be active, locked or disabled"))
}
