//! `/console/user/change` and `/console/users/new`: who somebody is, and what they may do.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::views::PageFrame;
use super::page::{answer, nothing_here};
use super::section::Section;
use super::user::{self, Told};
use super::user_changes::ChosenAccount;
use super::views::Navigation;
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::users::{self as domain, NewUser, UserChange, UserError};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::patch::Patch;
use crate::model::user::{InvalidRoleError, Role};
use crate::model::version::{MeantFor, Version};
use crate::store::users::{self, Account};

/// The form for a new account, or for changes of one.
#[derive(Debug, Template)]
#[template(path = "console/user_form.html", config = ".askama.toml")]
struct UserFormPage {
    frame: PageFrame,
    nav: Navigation,
    form: UserForm,
    /// Which version of which account is changed; none: a new account.
    changed: Option<(String, Version)>,
    error: Option<String>,
}

/// What the form holds, as it was typed.
#[derive(Debug, Default)]
struct UserForm {
    username: String,
    display_name: String,
    email: String,
    email_verified: bool,
    roles: String,
}

impl UserForm {
    fn of(account: &Account) -> Self {
        let user = &account.user;
        Self {
            username: user.username.clone(),
            display_name: user.display_name.clone().unwrap_or_default(),
            email: user.email.clone().unwrap_or_default(),
            email_verified: user.email_verified,
            roles: user::words(&user.roles),
        }
    }

    fn take(form: &mut Parameters) -> Self {
        let mut text = |name| form.take(name).unwrap_or_default();
        let (username, display_name) = (text("username"), text("display_name"));
        let (email, roles) = (text("email"), text("roles"));
        let email_verified = form.take("email_verified").is_some();
        Self { username, display_name, email, email_verified, roles }
    }

    fn roles(&self) -> Result<Vec<Role>, InvalidRoleError> {
        let mut roles = self.roles.split_whitespace().map(str::parse).collect::<Result<Vec<Role>, _>>()?;
        roles.sort();
        roles.dedup();
        Ok(roles)
    }

    fn new_user(&self) -> Result<NewUser, InvalidRoleError> {
        Ok(NewUser {
            username: self.username.clone(),
            display_name: filled(&self.display_name),
            email: filled(&self.email),
            email_verified: self.email_verified,
            roles: self.roles()?,
        })
    }

    fn change(&self) -> Result<UserChange, InvalidRoleError> {
        let to = |text: &String| filled(text).map_or(Patch::Clear, Patch::Set);
        Ok(UserChange {
            display_name: to(&self.display_name),
            email: to(&self.email),
            email_verified: Some(self.email_verified),
            roles: Some(self.roles()?),
            standing: None,
        })
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Shows an empty form.
pub(super) async fn show_new(visitor: Visitor) -> Response {
    form_page(visitor, StatusCode::OK, UserForm::default(), None, None)
}

/// Makes an account. The link for its person is in this answer and in no other.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let wanted = UserForm::take(&mut form);
    let visitor = match visitor.must_be_fresh(&app, format!("{}/new", Section::Users.path())) {
        Ok(visitor) => visitor,
        Err(unwelcome) => return Ok(unwelcome.into_response()),
    };
    let new = match wanted.new_user() {
        Ok(new) => new,
        Err(error) => return Ok(ask_again(visitor, wanted, None, error.to_string())),
    };
    let tenant = Arc::clone(&visitor.browser.tenant);
    let (id, link) = match domain::invite(&app, &tenant, new, &visitor.by()).await {
        Ok(invited) => invited,
        Err(UserError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(ask_again(visitor, wanted, None, error.to_string())),
    };
    let account = users::account(&app.db, tenant.id, id).await?.ok_or_else(nothing_here)?;
    let told = Told { link: Some(link), ..Told::default() };
    user::page(&app, visitor, StatusCode::OK, account, told).await
}

/// Shows the form as the account is.
pub(super) async fn show_change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let account = user::find(&app, &visitor, &mut parameters).await?;
    let changed = Some((account.user.id.to_string(), account.version));
    Ok(form_page(visitor, StatusCode::OK, UserForm::of(&account), changed, None))
}

/// Changes an account, unless it has changed since the form was shown.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, mut form }: ChosenAccount,
) -> Result<Response, PageError> {
    let version: Option<Version> = form.take("version").and_then(|text| text.parse().ok());
    let id = account.user.id;
    let wanted = UserForm { username: account.user.username, ..UserForm::take(&mut form) };
    let changed = Some((id.to_string(), version.unwrap_or(account.version)));
    let change = match wanted.change() {
        Ok(change) => change,
        Err(error) => return Ok(ask_again(visitor, wanted, changed, error.to_string())),
    };
    let meant_for = MeantFor::Versions(version.into_iter().collect());
    match domain::change(&app, visitor.tenant(), id, change, &meant_for, &visitor.by()).await {
        Ok(_) => Ok(visitor.browser.go_to(&user::address(id))),
        Err(UserError::Store(error)) => Err(error.into()),
        Err(UserError::NoSuchUser) => Err(nothing_here()),
        Err(error) => Ok(ask_again(visitor, wanted, changed, error.to_string())),
    }
}

fn ask_again(
    visitor: Visitor,
    form: UserForm,
    changed: Option<(String, Version)>,
    error: String,
) -> Response {
    form_page(visitor, StatusCode::BAD_REQUEST, form, changed, Some(error))
}

fn form_page(
    visitor: Visitor,
    status: StatusCode,
    form: UserForm,
    changed: Option<(String, Version)>,
    error: Option<String>,
) -> Response {
    let page =
        UserFormPage { frame: visitor.browser.frame(), nav: visitor.navigation(), form, changed, error };
    answer(visitor, status, &page)
}
