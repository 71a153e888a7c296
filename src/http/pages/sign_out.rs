//! `/sign-out`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::carried_code;
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use crate::app::App;
use crate::domain::device_flow::consent;
use crate::domain::sign_in;
use crate::model::approver::Approver;
use crate::model::bearer_secret::{BearerSecret, SecretKind};

/// Signs out. A device that waits for an answer is carried over to the next account.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, .. }: CsrfChecked,
) -> Result<Response, PageError> {
    if let Some(session) = browser.session.take() {
        let opened = consent::opened(&app, &browser.tenant, &Approver::from(&session)).await?;
        sign_in::sign_out(&app, &session, &browser.origin).await?;
        match opened {
            Some(consent) => carried_code::carry_opened(&app, &mut browser, &consent),
            None => carried_code::put_down(&app, &mut browser),
        }
    }
    browser.change_secret(BearerSecret::generate(SecretKind::Browser, &app.random));
    Ok(browser.go_to("/sign-in"))
}
