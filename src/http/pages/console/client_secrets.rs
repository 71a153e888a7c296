//! `/console/client/secret`: a client's secrets are exchanged without a break.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::PageRefusal;
use super::client::{find, page, stored};
use super::visitor::Administrator;
use crate::app::App;
use crate::domain::clients::{ClientError, secrets};
use crate::http::parameters::Parameters;
use crate::http::rest::admin::clients::problems::problem;
use crate::model::version::MeantFor;

/// The version of the client that the form was shown for.
fn seen(form: &mut Parameters) -> MeantFor {
    MeantFor::Versions(form.take("version").and_then(|text| text.parse().ok()).into_iter().collect())
}

/// Gives a client a new secret, which is in this answer and in no other.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageRefusal> {
    let client = find(&app, visitor.tenant(), &mut form).await?.value;
    let rotated = secrets::rotate_secret(&app, &client, &seen(&mut form), &visitor.by()).await;
    let found = stored(&app, visitor.tenant(), client.client_id.as_str()).await?;
    match rotated {
        Ok(secret) => Ok(page(visitor, StatusCode::OK, found, Some(secret.expose().to_owned()), None)),
        Err(ClientError::Store(error)) => Err(error.into()),
        Err(error) => {
            Ok(page(visitor, StatusCode::CONFLICT, found, None, Some(problem(error).detail().to_owned())))
        }
    }
}

/// Ends the life of the secret before the present one.
pub(super) async fn retire(
    State(app): State<Arc<App>>,
    Administrator { visitor, mut form }: Administrator,
) -> Result<Response, PageRefusal> {
    let client = find(&app, visitor.tenant(), &mut form).await?.value;
    let retired = secrets::retire_previous_secret(&app, &client, &seen(&mut form), &visitor.by()).await;
    let found = stored(&app, visitor.tenant(), client.client_id.as_str()).await?;
    match retired {
        Ok(()) => Ok(page(visitor, StatusCode::OK, found, None, None)),
        Err(ClientError::Store(error)) => Err(error.into()),
        Err(error) => {
            Ok(page(visitor, StatusCode::CONFLICT, found, None, Some(problem(error).detail().to_owned())))
        }
    }
}
