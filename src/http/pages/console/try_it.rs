//! `/console/client/try`: the console asks for codes as a device of a client would.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use zeroize::Zeroizing;

use super::client;
use super::links::link;
use super::visitor::Administrator;
use crate::app::App;
use crate::domain::authenticate_client::{PresentedCredentials, authenticate};
use crate::domain::device_flow::start::{self, StartRequest, Started};
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::http::pages::page_error::PageError;
use crate::model::client::{AuthMethod, Client};
use crate::model::device::DeviceDescription;

/// Starts a code and shows its session. The device code is forgotten at once, so nobody can collect tokens with it.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let stored = client::find(&app, visitor.tenant(), &mut form).await?;
    let tenant = Arc::clone(&visitor.browser.tenant);
    let credentials = credentials(&stored.value, form.take_secret("secret").unwrap_or_default());
    let started = async {
        let client = authenticate(&app, &tenant, credentials).await?;
        let device = DeviceDescription { name: Some("Console test".to_owned()), ..Default::default() };
        let request = StartRequest { scope: None, resources: Vec::new(), nonce: None, proof: None, device };
        start::start(&app, &tenant, &client, request, &visitor.browser.origin).await
    };
    match started.await {
        Ok(Started { session, .. }) => {
            let id = session.to_string();
            let target = link("/console/session", &[("id", Some(&id)), ("tried", Some("yes"))]);
            Ok(visitor.browser.go_to(&target))
        }
        Err(error) if is_our_fault(&error) => Err(error.into()),
        Err(error) => {
            let said = format!("{}: {}", error.code.as_str(), error.description);
            let told = client::Told { error: Some(said), ..client::Told::default() };
            Ok(client::page(visitor, StatusCode::BAD_REQUEST, stored, told))
        }
    }
}

/// What a device of the client would show.
fn credentials(client: &Client, secret: Zeroizing<String>) -> PresentedCredentials {
    let id = client.client_id.to_string();
    match client.auth_method {
        AuthMethod::ClientSecretBasic => {
            PresentedCredentials { basic: Some((id, secret)), ..PresentedCredentials::default() }
        }
        AuthMethod::ClientSecretPost => PresentedCredentials {
            client_id: Some(id),
            client_secret: Some(secret),
            ..PresentedCredentials::default()
        },
        AuthMethod::None | AuthMethod::PrivateKeyJwt => {
            PresentedCredentials { client_id: Some(id), ..PresentedCredentials::default() }
        }
    }
}

fn is_our_fault(error: &OAuthError) -> bool {
    matches!(error.code, ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable)
}
