//! `/console/clients`: the registered clients, by identifier.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::views::PageFrame;
use super::links::link;
use super::page::answer;
use super::section::Section;
use super::views::Navigation;
use super::visitor::Visitor;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::store::clients;

/// How many clients a page shows.
const PAGE_SIZE: i64 = 50;
/// What lies before a page has to be passed over; nobody turns so many pages.
const DEEPEST_PAGE: i64 = 10_000;

/// The page.
#[derive(Debug, Template)]
#[template(path = "console/clients.html", config = ".askama.toml")]
struct ClientsPage {
    frame: PageFrame,
    nav: Navigation,
    text: String,
    rows: Vec<ClientRow>,
    total: i64,
    previous: Option<String>,
    next: Option<String>,
}

/// A client in words.
#[derive(Debug)]
struct ClientRow {
    id: String,
    name: String,
    href: String,
    auth_method: &'static str,
    grants: usize,
    enabled: bool,
}

/// Shows the list.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let text = parameters.take("q");
    let page = match parameters.take("page") {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|page| (1..=DEEPEST_PAGE).contains(page))
            .ok_or_else(|| OAuthError::invalid_request("There is no such page."))?,
    };
    let filter = clients::Filter { text, ..clients::Filter::default() };
    let tenant = visitor.tenant();
    let found = clients::list(&app.db, tenant, &filter, (page - 1) * PAGE_SIZE, PAGE_SIZE).await?;
    let total = clients::count(&app.db, tenant, &filter).await?;
    let frame = visitor.browser.frame();
    let address = |page: i64| {
        let path = format!("{}{}", frame.base, Section::Clients.path());
        link(&path, &[("q", filter.text.as_deref()), ("page", Some(&page.to_string()))])
    };
    let page = ClientsPage {
        nav: visitor.navigation(),
        previous: (page > 1).then(|| address(page - 1)),
        next: (page * PAGE_SIZE < total).then(|| address(page + 1)),
        rows: found
            .into_iter()
            .map(|stored| ClientRow {
                href: link(
                    &format!("{}/console/client", frame.base),
                    &[("id", Some(stored.value.client_id.as_str()))],
                ),
                id: stored.value.client_id.to_string(),
                name: stored.value.name,
                auth_method: stored.value.auth_method.as_str(),
                grants: stored.value.grant_types.len(),
                enabled: stored.value.enabled,
            })
            .collect(),
        total,
        text: filter.text.clone().unwrap_or_default(),
        frame,
    };
    Ok(answer(visitor, StatusCode::OK, &page))
}
