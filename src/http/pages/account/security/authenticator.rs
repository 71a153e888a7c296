//! `/account/security/authenticator`: sets up an authenticator app.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;

use super::shared::{HERE, sign_in_first, suited};
use super::views::{AuthenticatorPage, KeyToScan, RecoveryCodesPage};
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::second_factor::{SecondFactorError, enrol};
use crate::http::pages::browser::Browser;
use crate::http::pages::csrf::CsrfChecked;
use crate::http::pages::page_error::PageError;
use crate::http::pages::views::NextStep;
use crate::http::pages::{carried_code, destination};
use crate::languages::Phrase;
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::recovery_code::RecoveryCode;

/// Shows the key that was made, or offers to make one. Showing makes none.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    if session.has_second_factor {
        return Ok(browser.go_to(HERE));
    }
    page(&app, browser, &session, None).await
}

/// Makes a key, or takes the first code of the app that has it.
pub(super) async fn set_up(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let refused = match form.take("code") {
        None => match enrol::propose(&app, &session).await {
            Ok(()) => return Ok(browser.go_to("/account/security/authenticator")),
            Err(refused) => refused,
        },
        Some(code) => match enrol::confirm(&app, &session, &code, &browser.origin).await {
            Ok(enrolled) => {
                browser.change_secret(enrolled.secret);
                let authentication = Authentication::by_two_factors(session.authentication.auth_time);
                browser.session = Some(BrowserSession { authentication, has_second_factor: true, ..session });
                let page = recovery_codes_page(&app, &mut browser, &enrolled.recovery_codes);
                return Ok(browser.show(StatusCode::OK, &page));
            }
            Err(refused) => refused,
        },
    };
    match refused {
        SecondFactorError::WrongCode => {
            let error = browser.language.t("authenticator-error");
            page(&app, browser, &session, Some(error)).await
        }
        SecondFactorError::SignInNeeded(_) => Ok(sign_in_first(browser)),
        SecondFactorError::NotNow | SecondFactorError::TooManyAttempts(_) => Ok(browser.go_to(HERE)),
        SecondFactorError::Failed(error) => Err(error.into()),
    }
}

async fn page(
    app: &App,
    browser: Browser,
    session: &BrowserSession,
    error: Option<Phrase>,
) -> Result<Response, PageError> {
    let key = match enrol::proposed(app, session).await {
        Ok(secret) => {
            let uri = secret.key_uri(&browser.tenant.name, &session.user.username);
            let uri = uri.ok_or_else(|| OAuthError::fault("an account without a name"))?;
            Some(KeyToScan { qr: qr(&uri)?, text: secret.to_text().to_string() })
        }
        Err(SecondFactorError::NotNow) => None,
        Err(SecondFactorError::Failed(error)) => return Err(error.into()),
        Err(_) => return Ok(sign_in_first(browser)),
    };
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AuthenticatorPage { frame: browser.frame(), key, error };
    Ok(browser.show(status, &page))
}

/// The picture as an element of a page.
fn qr(uri: &str) -> Result<String, OAuthError> {
    let document = QrCode::new(uri)
        .map_err(OAuthError::fault)?
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .quiet_zone(true)
        .build();
    document
        .find("<svg")
        .map(|start| document[start..].to_owned())
        .ok_or_else(|| OAuthError::fault("no picture"))
}

/// The codes, this once, and the way on: back to the device that waits, if there is one, or to where the person wanted
/// to go when they were led here.
pub(super) fn recovery_codes_page(
    app: &Arc<App>,
    browser: &mut Browser,
    codes: &[RecoveryCode],
) -> RecoveryCodesPage {
    let waits = carried_code::entered(app, browser).is_some();
    let path = if waits {
        "/device".to_owned()
    } else {
        destination::take(browser).unwrap_or_else(|| HERE.to_owned())
    };
    let frame = browser.frame();
    let label = if waits { frame.t("recovery-codes-next-device") } else { frame.t("recovery-codes-next") };
    RecoveryCodesPage {
        codes: codes.iter().map(RecoveryCode::grouped).collect(),
        next: NextStep { href: format!("{}{path}", frame.base), label },
        frame,
    }
}
