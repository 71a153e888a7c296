//! People's accounts.

use std::io::BufRead;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::confirmation::Confirmation;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::second_factor::remove;
use crate::domain::users::{self, NewUser};
use crate::model::ids::TenantId;
use crate::model::user::{Role, Standing};
use crate::model::version::MeantFor;

#[derive(Debug, Args)]
pub(super) struct CreateUser {
    /// Username.
    name: String,
    /// Role, such as `admin` or `auditor`; can be repeated.
    #[arg(long, value_name = "ROLE")]
    role: Vec<Role>,
    /// Display name.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Verified email address.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, required = true)]
    password_stdin: bool,
    /// What was read.
    #[arg(skip)]
    password: Typed,
}

/// A line that was read. It is not printed.
#[derive(Clone, Default)]
struct Typed(Zeroizing<String>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

impl CreateUser {
    /// Reads the password from the first line of standard input.
    pub(super) fn read_password(&mut self) -> Result<(), super::Error> {
        std::io::stdin().lock().read_line(&mut self.password.0)?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct DeleteUser {
    /// Username.
    pub(super) name: String,
    #[command(flatten)]
    pub(super) sure: Confirmation,
}

#[derive(Debug, Args)]
pub(super) struct SetUser {
    /// Username.
    name: String,
    /// New status.
    #[arg(value_parser = ["enabled", "disabled", "locked"])]
    standing: String,
}

#[derive(Debug, Args)]
pub(super) struct ThatUser {
    /// Username.
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct NamedUser {
    /// Username.
    #[arg(long, value_name = "NAME")]
    username: String,
}

pub(super) async fn create_user(app: &App, tenant: TenantId, new: CreateUser) -> Done {
    let username = new.name.clone();
    let user = NewUser {
        username: new.name,
        display_name: new.display_name,
        email: new.email,
        email_verified: true,
        roles: new.role,
    };
    let password = new.password.0.trim_end_matches(['\r', '\n']);
    let id = users::create(app, tenant, user, password, &By::OPERATOR).await?;
    Ok((format!("Created user {username} ({id})"), json!({"id": id, "username": username})))
}

pub(super) async fn set_user(app: &App, tenant: TenantId, change: &SetUser) -> Done {
    let standing = match change.standing.as_str() {
        "enabled" => Standing::Good,
        "locked" => Standing::Locked,
        _ => Standing::Disabled,
    };
    users::set_standing(app, tenant, change.name.as_str(), standing, &By::OPERATOR).await?;
    let document = json!({"username": change.name, "standing": change.standing});
    Ok((format!("User {} is now {}", change.name, change.standing), document))
}

pub(super) async fn revoke_user(app: &App, tenant: TenantId, that: &ThatUser) -> Done {
    users::sign_out_everywhere(app, tenant, that.name.as_str(), &By::OPERATOR).await?;
    Ok((format!("Signed out user {} everywhere", that.name), json!({"username": that.name})))
}

pub(super) async fn reset_second_factor(app: &App, tenant: TenantId, that: &NamedUser) -> Done {
    let name = &that.username;
    let removed = remove::reset(app, tenant, name.as_str(), &By::OPERATOR).await?;
    let outcome =
        if removed { "no longer uses two-step verification" } else { "did not use two-step verification" };
    Ok((format!("User {name} {outcome}"), json!({"username": name, "removed": removed})))
}

pub(super) async fn delete_user(app: &App, tenant: TenantId, that: &DeleteUser) -> Done {
    users::delete(app, tenant, that.name.as_str(), &MeantFor::Any, &By::OPERATOR).await?;
    Ok((format!("Deleted user {}", that.name), json!({"username": that.name})))
}
