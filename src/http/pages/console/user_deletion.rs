//! `/console/user/delete`: an account is deleted, after a page that tells what goes with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::section::Section;
use super::user::{self, HERE, find};
use super::user_changes::{ChosenAccount, settle};
use super::users::DELETED;
use super::views::{Moment, Navigation};
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::users as domain;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::model::version::{MeantFor, Version};
use crate::store::users::Account;

/// The question whether an account is to be deleted.
#[derive(Debug, Template)]
#[template(path = "console/user_deletion.html", config = ".askama.toml")]
struct DeletionPage {
    frame: PageFrame,
    nav: Navigation,
    account: Account,
    is_own: bool,
    roles: String,
    created: Moment,
    devices: String,
    /// Where the account's page is, to leave it as it is.
    back_href: String,
}

/// Asks whether the account is to be deleted.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let account = find(&app, &visitor, &mut parameters).await?;
    let frame = visitor.browser.frame();
    let id = account.user.id;
    let page = DeletionPage {
        nav: visitor.navigation(),
        is_own: visitor.user.id == id,
        roles: user::words(&account.user.roles),
        created: Moment::of(account.created_at),
        devices: user::count_devices(&app, &visitor, id).await?,
        back_href: link(&format!("{}{HERE}", frame.base), &[("id", Some(&id.to_string()))]),
        account,
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}

/// Deletes the account, unless it has changed since the question was shown.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    ChosenAccount { visitor, account, mut form }: ChosenAccount,
) -> Result<Response, PageError> {
    let version: Option<Version> = form.take("version").and_then(|text| text.parse().ok());
    let meant_for = MeantFor::Versions(version.into_iter().collect());
    match domain::delete(&app, visitor.tenant(), account.user.id, &meant_for, &visitor.by()).await {
        Ok(()) => Ok(visitor.browser.go_to(&link(Section::Users.path(), &[("done", Some(DELETED))]))),
        refused => settle(&app, visitor, account, refused, None).await,
    }
}
