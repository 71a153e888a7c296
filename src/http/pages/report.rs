//! `/device/report`: "I did not start this".

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::consent::{already_handled, decision_purpose};
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use super::views::Tone;
use crate::app::App;
use crate::domain::device_flow::decide::DecisionError;
use crate::domain::device_flow::report;
use crate::model::approver::Approver;
use crate::model::ids::DeviceAuthorizationId;

/// Takes the report. The form is bound to this browser, this session and this device.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let language = browser.language;
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let id = form.take("session_id").unwrap_or_default();
    let token = form.take("decision_token").unwrap_or_default();
    let (Ok(id), true) = (id.parse(), browser.is_form_token(&token, &decision_purpose(&id))) else {
        return Err(PageError::ForeignForm);
    };
    match report::report(
        &app,
        &browser.tenant,
        &Approver::from(session),
        DeviceAuthorizationId(id),
        &browser.origin,
    )
    .await
    {
        Ok(()) => Ok(browser.tell(
            StatusCode::OK,
            Tone::Success,
            language.t("report-done-title"),
            language.t("report-done"),
            None,
        )),
        Err(DecisionError::Failed(error)) => Err(error.into()),
        Err(_) => Ok(already_handled(browser)),
    }
}
