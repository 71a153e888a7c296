//! The device authorization grant (RFC 8628), in six steps:
//!
//! 1. The device asks for codes: [`start`] (§3.1, §3.2).
//! 2. It shows the user code and the address to the person (§3.3).
//! 3. The person signs in and enters the code: [`open`] (§3.3).
//! 4. The person reads who asks, from where, for what ([`consent`]), and says yes or no: [`decide`] (§3.3, §5.4), with
//!    what they choose, by the rule in [`choices`]. A decision that is sent again gets the answer of the first one, by the
//!    rule in [`repetition`].
//! 5. Meanwhile the device asks again and again: [`poll`] (§3.4), by the rule in
//!    [`answer`] (§3.5); or it [`wait`]s. The [`bookkeeping`]
//!    of polls follows later. Where the policy wants it, the device must [`confirm`] what was approved.
//! 6. Once approved, the device collects its tokens, once: [`redeem`] (§3.5).
//!
//! Until somebody has decided, an administrator may [`end`] it.

pub mod answer;
pub mod bookkeeping;
pub mod choices;
pub(in crate::domain) mod claim;
mod collect;
pub mod confirm;
pub mod consent;
pub mod decide;
pub mod end;
pub mod open;
pub mod poll;
mod precautions;
pub mod redeem;
mod repetition;
pub mod report;
pub mod start;
pub mod wait;

use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::device_authorization::DeviceRequest;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::user_code::UserCode;

/// For what a user code is sealed.
pub(super) fn user_code_context(session: DeviceAuthorizationId) -> String {
    format!("user code {session}")
}

/// The user code of a session, to show it again.
pub fn unseal_user_code(app: &App, request: &DeviceRequest) -> Result<UserCode, OAuthError> {
    let context = user_code_context(request.session.id);
    let opened = app.secrets.database.open(&request.user_code_sealed, &context)?;
    std::str::from_utf8(&opened)
        .ok()
        .and_then(|text| UserCode::parse(text).ok())
        .ok_or_else(|| OAuthError::fault("the decrypted user code is malformed"))
}
