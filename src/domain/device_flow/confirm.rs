//! Step 5 in reverse: the device sends what the approval page shows, and so proves that the person who approved has it
//! in front of them (RFC 10027 §6.1). Whoever only sent a link does not have the person's screen.

use serde_json::json;

use super::poll::{name, pending, unknown};
use super::redeem::{self, Collection};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::mac_keys;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tokens::IssuedTokens;
use crate::model::audit_event::{Action, Outcome, Target};
use crate::model::confirmation_code::{ConfirmationCode, MAX_WRONG_CONFIRMATIONS, is_same};
use crate::model::device_authorization::State;
use crate::store::device_authorizations::confirmations::{self, Awaited};

/// What becomes of what a device sent.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong { attempts_left: u8 },
    WrongOnceTooOften,
}

fn judge(awaited: &Awaited, sent: &[u8; 32]) -> Verdict {
    if is_same(&awaited.mac, sent) {
        return Verdict::Right;
    }
    match u8::try_from(MAX_WRONG_CONFIRMATIONS - awaited.wrong - 1) {
        Ok(attempts_left @ 1..) => Verdict::Wrong { attempts_left },
        _ => Verdict::WrongOnceTooOften,
    }
}

/// Hands out the tokens of an approval that the device confirms with this poll; otherwise why it cannot have them.
pub(super) async fn confirm(app: &App, collection: &Collection<'_>) -> Result<IssuedTokens, OAuthError> {
    let &Collection { tenant, client, code, found, request, origin } = collection;
    let (Some(sent), State::Confirming(_)) = (&request.confirmation_code, &found.session.state) else {
        return Err(pending());
    };
    let (id, now) = (found.session.id, app.clock.now());
    let sent = mac_keys::codes::confirmation_code(app, tenant.id, id, &ConfirmationCode::read(sent)).await?;
    let by = By::client(&client.client_id, origin);
    let mut change = Change::begin(app, tenant.id, &by).await?;
    let Some(awaited) = confirmations::lock(&mut *change, tenant.id, id, now).await? else {
        // Another poll was faster; the next one learns what came of it.
        return Err(pending());
    };
    let verdict = judge(&awaited, &sent);
    match verdict {
        Verdict::Right => confirmations::confirm(&mut *change, tenant.id, id).await?,
        Verdict::Wrong { .. } => {
            confirmations::count_wrong(&mut *change, tenant.id, id, awaited.wrong + 1).await?;
        }
        Verdict::WrongOnceTooOften => confirmations::take_back(&mut *change, tenant.id, id, now).await?,
    }
    let done = match verdict {
        Verdict::Right => (Action::DeviceAuthorizationConfirmed, Outcome::Success),
        Verdict::Wrong { .. } => (Action::DeviceAuthorizationConfirmed, Outcome::Refused),
        Verdict::WrongOnceTooOften => (Action::DeviceAuthorizationDenied, Outcome::Success),
    };
    let details = json!({"confirmation": format!("{verdict:?}")});
    change.audit_by(&by, done, Target::DeviceAuthorization(id), details).await?;
    match verdict {
        Verdict::Right => change.decided(&[id]).await?,
        Verdict::Wrong { .. } => {}
        Verdict::WrongOnceTooOften => change.denied(&[id]).await?,
    }
    change.commit().await?;
    let word = match verdict {
        Verdict::Right => "right",
        Verdict::Wrong { .. } => "wrong",
        Verdict::WrongOnceTooOften => "denied",
    };
    metrics::counter!("latchkey_confirmations_total", "outcome" => word).increment(1);
    match verdict {
        Verdict::Right => {
            let again = app.queues.polls.submit(name(tenant, code)).await?.ok_or_else(unknown)?;
            match again.session.state.clone() {
                State::Approved(approval) => {
                    redeem::redeem(app, &Collection { found: &again, ..*collection }, &approval).await
                }
                _ => Err(pending()),
            }
        }
        Verdict::Wrong { attempts_left } => Err(OAuthError::new(
            ErrorCode::WrongConfirmation { attempts_left },
            "The confirmation code is wrong.",
        )),
        Verdict::WrongOnceTooOften => Err(OAuthError::new(
            ErrorCode::AccessDenied,
            "The confirmation code was wrong three times; the request was denied.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_ones_are_too_many_and_a_right_one_always_counts() {
        let awaited = |wrong| Awaited { mac: vec![7; 32], wrong };
        assert_eq!(judge(&awaited(0), &[8; 32]), Verdict::Wrong { attempts_left: 2 });
        assert_eq!(judge(&awaited(1), &[8; 32]), Verdict::Wrong { attempts_left: 1 });
        assert_eq!(judge(&awaited(2), &[8; 32]), Verdict::WrongOnceTooOften);
        assert_eq!(judge(&awaited(i16::MAX), &[8; 32]), Verdict::WrongOnceTooOften);
        for wrong in 0..3 {
            assert_eq!(judge(&awaited(wrong), &[7; 32]), Verdict::Right);
        }
    }
}
