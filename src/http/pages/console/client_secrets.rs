//! `/console/client/secret`: a client's secrets are exchanged without a break.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::client::{Told, find, must_be_fresh, page, stored};
use super::visitor::{Administrator, Visitor};
use crate::app::App;
use crate::domain::clients::{ClientError, secrets};
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::rest::admin::clients::problems::problem;
use crate::model::client::Client;
use crate::model::stored::Stored;
use crate::model::version::MeantFor;

/// The version of the client that the form was shown for.
fn seen(form: &mut Parameters) -> MeantFor {
    MeantFor::Versions(form.take("version").and_then(|text| text.parse().ok()).into_iter().collect())
}

/// Gives a client a new secret, which is in this answer and in no other.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let client = find(&app, visitor.tenant(), &mut form).await?.value;
    let visitor = match must_be_fresh(&app, visitor, client.client_id.as_str()) {
        Ok(visitor) => visitor,
        Err(unwelcome) => return Ok(unwelcome.into_response()),
    };
    let rotated = secrets::rotate_secret(&app, &client, &seen(&mut form), &visitor.by()).await;
    let found = stored(&app, visitor.tenant(), client.client_id.as_str()).await?;
    match rotated {
        Ok(secret) => {
            let told = Told { secret: Some(secret.expose().to_owned()), ..Told::default() };
            Ok(page(visitor, StatusCode::OK, found, told))
        }
        Err(error) => refused(visitor, found, error),
    }
}

/// Ends the life of the secret before the present one.
pub(super) async fn retire(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageError> {
    let client = find(&app, visitor.tenant(), &mut form).await?.value;
    let retired = secrets::retire_previous_secret(&app, &client, &seen(&mut form), &visitor.by()).await;
    let found = stored(&app, visitor.tenant(), client.client_id.as_str()).await?;
    match retired {
        Ok(()) => Ok(page(visitor, StatusCode::OK, found, Told::default())),
        Err(error) => refused(visitor, found, error),
    }
}

fn refused(visitor: Visitor, found: Stored<Client>, error: ClientError) -> Result<Response, PageError> {
    match error {
        ClientError::Store(error) => Err(error.into()),
        error => {
            let told = Told { error: Some(problem(error).detail().to_owned()), ..Told::default() };
            Ok(page(visitor, StatusCode::CONFLICT, found, told))
        }
    }
}
