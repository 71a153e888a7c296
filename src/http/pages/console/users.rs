//! `/console/users`: people's accounts, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::section::Section;
use super::user;
use super::views::{Moment, Navigation};
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::paging::Cursor;
use crate::model::ids::UserId;
use crate::model::user::{Role, Standing};
use crate::store::users::{self, Account, Filter};

/// How many accounts a page shows.
const PAGE_SIZE: i64 = 50;
/// What the address of the list says to somebody who has just deleted an account.
pub(super) const DELETED: &str = "deleted";

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/users.html", config = ".askama.toml")]
struct UsersPage {
    frame: PageFrame,
    nav: Navigation,
    wanted: Wanted,
    rows: Vec<UserRow>,
    note: Option<&'static str>,
    error: Option<String>,
    newest: Option<String>,
    older: Option<String>,
}

/// What the filters say, as it was typed.
#[derive(Debug)]
struct Wanted {
    text: Option<String>,
    status: Option<Standing>,
    role: Option<String>,
}

impl Wanted {
    fn take(parameters: &mut Parameters) -> Result<Self, OAuthError> {
        let status = parameters.take("status").map(|word| {
            Standing::parse(&word).ok_or_else(|| OAuthError::invalid_request("There is no such status."))
        });
        let status = status.transpose()?;
        Ok(Self { text: parameters.take("q"), status, role: parameters.take("role") })
    }

    fn address(&self, base: &str, cursor: Option<&str>) -> String {
        let parameters = [
            ("q", self.text.as_deref()),
            ("status", self.status.map(Standing::as_str)),
            ("role", self.role.as_deref()),
            ("cursor", cursor),
        ];
        link(&format!("{base}{}", Section::Users.path()), &parameters)
    }

    /// What is looked for, or what is wrong with it.
    fn read(&self) -> Result<Filter, String> {
        let role =
            self.role.as_deref().map(str::parse::<Role>).transpose().map_err(|error| error.to_string())?;
        Ok(Filter { text: self.text.clone(), standing: self.status, role, ..Filter::default() })
    }
}

/// An account in words.
#[derive(Debug)]
struct UserRow {
    href: String,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    roles: String,
    standing: Standing,
    created: Moment,
}

impl UserRow {
    fn of(account: Account, base: &str) -> Self {
        let user = account.user;
        Self {
            href: format!("{base}{}", user::address(user.id)),
            roles: user::words(&user.roles),
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            standing: user.standing,
            created: Moment::of(account.created_at),
        }
    }
}

/// Shows the list.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let tenant = visitor.tenant();
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let wanted = Wanted::take(&mut parameters)?;
    let done = parameters.take("done");
    let note = (done.as_deref() == Some(DELETED)).then_some("User deleted.");
    let cursor = parameters.take("cursor");
    let list = wanted.address("", None);
    let after: Option<UserId> = Cursor::open(&app, tenant, &list, cursor.as_deref())?;
    let (mut found, error) = match wanted.read() {
        Ok(filter) => (users::list(&app.db, tenant, &filter, after, PAGE_SIZE + 1).await?, None),
        Err(words) => (Vec::new(), Some(words)),
    };
    let older = Cursor::cut(&app, tenant, &list, &mut found, PAGE_SIZE, |last| last.user.id);
    let frame = visitor.browser.frame();
    let older = older.map(|cursor| wanted.address(&frame.base, Some(&cursor)));
    let page = UsersPage {
        nav: visitor.navigation(),
        newest: cursor.map(|_| wanted.address(&frame.base, None)),
        older,
        rows: found.into_iter().map(|account| UserRow::of(account, &frame.base)).collect(),
        note,
        error,
        wanted,
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}
