//! `/console/client`: one client, how it is registered and changed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::views::PageFrame;
use super::client_form::ClientForm;
use super::links::link;
use super::page::{answer, nothing_here};
use super::section::Section;
use super::views::{Moment, Navigation, SIGNED_IN_AGAIN};
use super::visitor::{Administrator, Unwelcome, Visitor};
use crate::app::App;
use crate::domain::clients::{self as domain, ClientError};
use crate::domain::deeds::{Deed, of_client_change};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::clients::problems::problem;
use crate::http::rest::problem::Problem;
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::ids::{ClientId, TenantId};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::stored::Stored;
use crate::model::version::{MeantFor, Version};
use crate::store::clients;

const HERE: &str = "/console/client";

/// One client.
#[derive(Debug, Template)]
#[template(path = "console/client.html", config = ".askama.toml")]
struct ClientPage {
    frame: PageFrame,
    nav: Navigation,
    client: Client,
    change_href: String,
    sessions_href: String,
    created: Moment,
    version: Version,
    /// Its public keys, if it has any.
    keys: Option<Keys>,
    told: Told,
}

/// What is told of a client beside how it is.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The secret it just got, shown this once.
    pub(super) secret: Option<String>,
    pub(super) error: Option<String>,
    pub(super) note: Option<&'static str>,
}

/// Where the public keys of a client are, in words.
#[derive(Debug)]
enum Keys {
    /// With it: their thumbprints (RFC 7638).
    Registered(Vec<String>),
    /// Where it publishes them.
    Published(String),
}

impl Keys {
    fn of(keys: &ClientKeys) -> Self {
        match keys {
            ClientKeys::Registered(set) => {
                Self::Registered(set.usable().keys().map(|key| key.thumbprint().to_string()).collect())
            }
            ClientKeys::Published(uri) => Self::Published(uri.to_string()),
        }
    }
}

impl ClientPage {
    fn can_be_tried(&self) -> bool {
        let provable = self.client.auth_method != AuthMethod::PrivateKeyJwt;
        self.client.enabled && provable && self.client.may_use(GrantType::DeviceCode)
    }
}

/// The form for a new client, or for changes of one.
#[derive(Debug, Template)]
#[template(path = "console/client_form.html", config = ".askama.toml")]
struct ClientFormPage {
    frame: PageFrame,
    nav: Navigation,
    form: ClientForm,
    /// Which version is changed; none: a new client.
    version: Option<Version>,
    error: Option<String>,
}

/// Shows a client.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let stored = find(&app, visitor.tenant(), &mut parameters).await?;
    let again = parameters.take("done").is_some_and(|done| done == "again");
    let told = Told { note: again.then_some(SIGNED_IN_AGAIN), ..Told::default() };
    Ok(page(visitor, StatusCode::OK, stored, told))
}

/// Shows an empty form.
pub(super) async fn show_new(visitor: Visitor) -> Response {
    form_page(visitor, StatusCode::OK, ClientForm::blank(), None, None)
}

/// Shows the form as the client is.
pub(super) async fn show_change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let mut parameters = Parameters::of_query(query.as_deref())?;
    let stored = find(&app, visitor.tenant(), &mut parameters).await?;
    Ok(form_page(visitor, StatusCode::OK, ClientForm::of(&stored.value), Some(stored.version), None))
}

/// Registers a client. Its secret, if it has one, is in this answer and in no other.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let wanted = ClientForm::take(&mut form);
    let visitor = match visitor.must_be_fresh(&app, format!("{}/new", Section::Clients.path())) {
        Ok(visitor) => visitor,
        Err(unwelcome) => return Ok(unwelcome.into_response()),
    };
    let client = match read_new(&app, visitor.tenant(), &wanted) {
        Ok(client) => client,
        Err(problem) => return Ok(ask_again(visitor, wanted, None, &problem)),
    };
    let id = client.client_id.clone();
    match domain::create(&app, client, &visitor.by()).await {
        Ok(None) => Ok(go_to(visitor, id.as_str())),
        Ok(Some(secret)) => {
            let stored = stored(&app, visitor.tenant(), id.as_str()).await?;
            let told = Told { secret: Some(secret.expose().to_owned()), ..Told::default() };
            Ok(page(visitor, StatusCode::OK, stored, told))
        }
        Err(ClientError::Store(error)) => Err(error.into()),
        Err(error) => Ok(ask_again(visitor, wanted, None, &problem(error))),
    }
}

fn read_new(app: &App, tenant: TenantId, wanted: &ClientForm) -> Result<Client, Problem> {
    let id = ClientId::parse(&wanted.id)
        .map_err(|error| Problem::invalid_field("client_id", error.to_string()))?;
    let fields = wanted.fields()?;
    let mut client = Client::public(tenant, id);
    client.auth_method = fields.auth_method()?;
    fields.read(app)?(&mut client);
    Ok(client)
}

/// Changes a client, unless it has changed since the form was shown.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let version: Option<Version> = form.take("version").and_then(|text| text.parse().ok());
    let mut wanted = ClientForm::take(&mut form);
    let stored = stored(&app, visitor.tenant(), &wanted.id).await?;
    stored.value.auth_method.as_str().clone_into(&mut wanted.auth_method);
    let read = || wanted.changes().and_then(|fields| fields.read(&app));
    let (trial, change) = match read().and_then(|trial| Ok((trial, read()?))) {
        Ok(both) => both,
        Err(problem) => return Ok(ask_again(visitor, wanted, version, &problem)),
    };
    let mut after = stored.value.clone();
    trial(&mut after);
    let visitor = if of_client_change(&stored.value, &after) == Deed::Endanger {
        let again = link(&format!("{HERE}/change"), &[("id", Some(&wanted.id))]);
        match visitor.must_be_fresh(&app, again) {
            Ok(visitor) => visitor,
            Err(unwelcome) => return Ok(unwelcome.into_response()),
        }
    } else {
        visitor
    };
    let meant_for = MeantFor::Versions(version.into_iter().collect());
    match domain::change(&app, &stored.value, &meant_for, &visitor.by(), change).await {
        Ok(()) => Ok(go_to(visitor, &wanted.id)),
        Err(ClientError::Store(error)) => Err(error.into()),
        Err(error) => Ok(ask_again(visitor, wanted, version, &problem(error))),
    }
}

/// The client that the request names.
pub(super) async fn find(
    app: &App,
    tenant: TenantId,
    parameters: &mut Parameters,
) -> Result<Stored<Client>, PageError> {
    stored(app, tenant, &parameters.take("id").unwrap_or_default()).await
}

/// The client of this identifier.
pub(super) async fn stored(app: &App, tenant: TenantId, id: &str) -> Result<Stored<Client>, PageError> {
    clients::find_stored(&app.db, tenant, id).await?.ok_or_else(nothing_here)
}

/// Insists on a recent sign-in, after which the browser comes back to the client.
pub(super) fn must_be_fresh(app: &App, visitor: Visitor, id: &str) -> Result<Visitor, Unwelcome> {
    visitor.must_be_fresh(app, link(HERE, &[("id", Some(id)), ("done", Some("again"))]))
}

/// The page of one client.
pub(super) fn page(visitor: Visitor, status: StatusCode, stored: Stored<Client>, told: Told) -> Response {
    let frame = visitor.browser.frame();
    let id = stored.value.client_id.to_string();
    let page = ClientPage {
        nav: visitor.navigation(),
        change_href: link(&format!("{}{HERE}/change", frame.base), &[("id", Some(&id))]),
        sessions_href: link(&format!("{}/console/sessions", frame.base), &[("client", Some(&id))]),
        created: Moment::of(stored.created_at),
        version: stored.version,
        keys: stored.value.keys.as_ref().map(Keys::of),
        client: stored.value,
        told,
        frame,
    };
    answer(visitor, status, &page)
}

fn ask_again(visitor: Visitor, form: ClientForm, version: Option<Version>, problem: &Problem) -> Response {
    form_page(visitor, StatusCode::BAD_REQUEST, form, version, Some(problem.detail().to_owned()))
}

fn form_page(
    visitor: Visitor,
    status: StatusCode,
    form: ClientForm,
    version: Option<Version>,
    error: Option<String>,
) -> Response {
    let page =
        ClientFormPage { frame: visitor.browser.frame(), nav: visitor.navigation(), form, version, error };
    answer(visitor, status, &page)
}

fn go_to(visitor: Visitor, id: &str) -> Response {
    visitor.browser.go_to(&link(HERE, &[("id", Some(id))]))
}
