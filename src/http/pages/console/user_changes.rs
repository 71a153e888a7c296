//! What administrators do with an account. Each of it can shut somebody out or let somebody in, and so needs a sign-in
//! of a moment ago.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::links::link;
use super::page::nothing_here;
use super::user::{self, HERE, Told, find, page};
use super::visitor::{Administrator, Unwelcome, Visitor};
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::password_links;
use crate::domain::second_factor::remove;
use crate::domain::users::{self as domain, UserError};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::user::Standing;
use crate::store::users::Account;

/// An account that a form names, and the administrator who sends it, signed in a moment ago. Having one is the proof.
pub(super) struct ChosenAccount {
    pub(super) visitor: Visitor,
    pub(super) account: Account,
    /// What else the form says.
    pub(super) form: Parameters,
}

impl FromRequest<Arc<App>> for ChosenAccount {
    type Rejection = Unwelcome;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Unwelcome> {
        let Administrator { visitor, mut form } = Administrator::from_request(request, app).await?;
        let account = find(app, &visitor, &mut form).await?;
        let id = account.user.id.to_string();
        let again = link(HERE, &[("id", Some(&id)), ("done", Some("again"))]);
        Ok(Self { visitor: visitor.must_be_fresh(app, again)?, account, form })
    }
}

/// Lets an account be used, locks it, or disables it.
pub(super) async fn set_standing(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, mut form }: ChosenAccount,
) -> Result<Response, PageError> {
    let standing = form.take("status").as_deref().and_then(Standing::parse);
    let standing = standing.ok_or_else(|| OAuthError::invalid_request("There is no such status."))?;
    let done = domain::set_standing(&app, visitor.tenant(), account.user.id, standing, &visitor.by()).await;
    settle(&app, visitor, account, done, None).await
}

/// Makes a link by which the person chooses a password. It is in this answer and in no other.
pub(super) async fn start_password_link(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, .. }: ChosenAccount,
) -> Result<Response, PageError> {
    let tenant = &visitor.browser.tenant;
    match password_links::start(&app, tenant, account.user.id, &visitor.by()).await {
        Ok(link) => {
            let told = Told { link: Some(link), ..Told::default() };
            page(&app, visitor, StatusCode::OK, account, told).await
        }
        Err(error) => settle(&app, visitor, account, Err(error), None).await,
    }
}

/// Removes the second factor of somebody who has lost it.
pub(super) async fn remove_second_factor(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, .. }: ChosenAccount,
) -> Result<Response, PageError> {
    let removed = remove::reset(&app, visitor.tenant(), account.user.id, &visitor.by()).await;
    let word = if matches!(removed, Ok(false)) { "no-second-factor" } else { "second-factor" };
    settle(&app, visitor, account, removed.map(drop), Some(word)).await
}

/// Ends every device and browser of the person.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, .. }: ChosenAccount,
) -> Result<Response, PageError> {
    let done = domain::sign_out_everywhere(&app, visitor.tenant(), account.user.id, &visitor.by()).await;
    settle(&app, visitor, account, done, Some("signed-out")).await
}

/// Goes back to the account, or tells there what stands against it.
pub(super) async fn settle(
    app: &App,
    visitor: Visitor,
    account: Account,
    done: Result<(), UserError>,
    word: Option<&str>,
) -> Result<Response, PageError> {
    match done {
        Ok(()) => {
            let id = account.user.id.to_string();
            Ok(visitor.browser.go_to(&link(HERE, &[("id", Some(&id)), ("done", word)])))
        }
        Err(UserError::Store(error)) => Err(error.into()),
        Err(UserError::NoSuchUser) => Err(nothing_here()),
        Err(error) => {
            let told = Told { error: Some(error.to_string()), ..Told::default() };
            user::page(app, visitor, StatusCode::CONFLICT, account, told).await
        }
    }
}
