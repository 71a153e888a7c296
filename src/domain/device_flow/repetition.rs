//! A decision that is sent again, because the answer to it was lost, gets the answer that it would have got.

use super::consent::{Consent, consent};
use super::decide::{Decided, Decision, shape};
use crate::app::App;
use crate::domain::mac_keys::codes;
use crate::domain::oauth_error::OAuthError;
use crate::model::approver::Approver;
use crate::model::confirmation_code;
use crate::model::device_authorization::Phase;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::tenant::Tenant;
use crate::store::device_authorizations::decisions::{self, StoredDecision};

/// The same as [`outcome`], for what this approver has open or has decided on.
pub(super) async fn find(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceAuthorizationId,
    decision: &Decision,
) -> Result<Option<Decided>, OAuthError> {
    match consent(app, tenant, approver, id).await? {
        Some(consent) => outcome(app, tenant, approver, &consent, decision).await,
        None => Ok(None),
    }
}

/// Returns the outcome of a decision that this approver has taken before, in the same shape, and that still holds.
pub(super) async fn outcome(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    decision: &Decision,
) -> Result<Option<Decided>, OAuthError> {
    let session = &consent.request.session;
    if matches!(session.phase(app.clock.now()), Phase::Pending | Phase::Expired) {
        return Ok(None);
    }
    let Some(stored) = decisions::by_approver(&app.db, tenant.id, session.id, approver.id).await? else {
        return Ok(None);
    };
    let asked = match decision {
        Decision::Approve(choices) => shape(consent, choices).ok(),
        Decision::Deny => return Ok((stored == StoredDecision::Denied).then_some(Decided::Done)),
    };
    match stored {
        StoredDecision::Approved(grant) if Some(&grant) == asked.as_ref() => Ok(Some(Decided::Done)),
        StoredDecision::Confirming { grant, confirmation } if Some(&grant) == asked.as_ref() => {
            let characters = codes::confirmation_code_for(app, tenant.id, session.id, approver.id).await?;
            let mac = codes::confirmation_code(app, tenant.id, session.id, &characters).await?;
            let is_right = confirmation_code::is_same(&confirmation, &mac);
            Ok(is_right.then_some(Decided::ToBeConfirmed(characters)))
        }
        _ => Ok(None),
    }
}
