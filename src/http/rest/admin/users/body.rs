//! Accounts as they are written and told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::rest::admin::time;
use crate::http::rest::admin::user_passwords::SetPasswordLink;
use crate::http::rest::problem::{FieldError, Problem};
use crate::model::patch::Patch;
use crate::model::user::{Role, Standing};
use crate::store::users::Account;

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
    pub(super) users: Vec<UserBody>,
    /// Where the list goes on, for `cursor`; null: this was the end.
    pub(super) next_cursor: Option<String>,
}

/// A new account, with the link for its person.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUser {
    #[serde(flatten)]
    pub(super) user: UserBody,
    /// Where the person chooses a password; shown this once.
    pub(super) set_password: SetPasswordLink,
}

/// An account to be made. Its person chooses the password, by the link in the answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 1 to 64 characters; unique, whatever the case.
    #[schema(example = "ada")]
    pub(super) username: String,
    /// 1 to 128 characters.
    pub(super) display_name: Option<String>,
    /// An e-mail address.
    pub(super) email: Option<String>,
    /// Whether the address is known to be theirs.
    #[serde(default)]
    pub(super) email_verified: bool,
    /// `admin`, `auditor`, or words of the tenant's own.
    #[serde(default)]
    pub(super) roles: Vec<String>,
}

/// What is to change; what is absent stays, and null takes a value away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// 1 to 128 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) display_name: Patch<String>,
    /// An e-mail address. A new one counts as unverified unless `email_verified` says otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) email: Patch<String>,
    /// Whether the address is known to be theirs.
    pub(super) email_verified: Option<bool>,
    /// In place of the roles there are.
    pub(super) roles: Option<Vec<String>>,
    /// `active`, `locked` or `disabled`. A disabled account loses its devices and sessions for good.
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
