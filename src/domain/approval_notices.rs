//! Emails about approvals: each user is notified of what was approved on their account. An email is queued in the
//! approving transaction and sent later, so that no approval waits for a mail server or fails with it.

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::device_flow::consent::Consent;
use crate::app::App;
use crate::model::approval_notice::{
    ATTEMPT, Approved, DueNotice, GIVEN_UP_AFTER, LINK_LIFETIME, next_attempt,
};
use crate::model::approver::Approver;
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::ids::DeviceAuthorizationId;
use crate::secrets::DecryptError;
use crate::store::{self, approval_notices, approval_notices::NewNotice};

/// For what the link's token is sealed.
pub(super) fn token_context(session: DeviceAuthorizationId) -> String {
    format!("approval notice {session}")
}

/// Returns the email to queue with an approval, if mail is enabled and the address is verified. `device_name` is the
/// name that the user chose, if any.
pub(super) fn of_approval(
    app: &App,
    approver: &Approver,
    consent: &Consent,
    device_name: Option<&str>,
    language: &str,
) -> Option<NewNotice> {
    let user = &approver.user;
    let recipient = user.email.as_ref().filter(|_| user.email_verified && app.config.mail.is_on())?;
    let now = app.clock.now();
    let (request, token) = (&consent.request, BearerSecret::generate(SecretKind::NotMe, &app.random));
    let context = token_context(request.session.id);
    Some(NewNotice {
        session_id: request.session.id,
        tenant_id: user.tenant_id,
        user_id: user.id,
        token_hash: token.hash(),
        token_sealed: app.secrets.database.seal(token.expose().as_bytes(), &context, &app.random),
        recipient: recipient.clone(),
        language: language.to_owned(),
        client_id: consent.client.client_id.clone(),
        approved: Approved {
            client_name: consent.client.name.clone(),
            device_name: device_name.map(ToOwned::to_owned).or_else(|| request.device.name.clone()),
            ip_address: request.ip_address,
            place: request.place.clone(),
            at: now,
        },
        expires_at: now + LINK_LIFETIME,
    })
}

/// A message to send now, if there is one; until the attempt is over, or has lasted too long, nobody else gets it.
pub async fn take_due(app: &App) -> store::Result<Option<DueNotice>> {
    let now = app.clock.now();
    for tenant in approval_notices::due(&app.db, now).await? {
        let claimed = approval_notices::claim_due(&app.db, tenant, now, now + ATTEMPT).await?;
        if claimed.is_some() {
            return Ok(claimed);
        }
    }
    Ok(None)
}

/// What the link in a message carries.
pub fn token(app: &App, notice: &DueNotice) -> Result<Zeroizing<String>, DecryptError> {
    let opened = app.secrets.database.open(&notice.token_sealed, &token_context(notice.session_id))?;
    Ok(Zeroizing::new(std::str::from_utf8(&opened).map_err(|_| DecryptError::Damaged)?.to_owned()))
}

/// Notes that a message was sent.
pub async fn sent(app: &App, notice: &DueNotice) -> store::Result<()> {
    metrics::counter!("latchkey_mails_total", "outcome" => "sent").increment(1);
    approval_notices::record_sent(&app.db, notice.tenant_id, notice.session_id, app.clock.now()).await
}

/// Notes that the recipient's mailbox takes nothing now: all messages for it wait, the longer the more often this one
/// was tried. It is given up after a day.
pub async fn postpone(app: &App, notice: &DueNotice) -> store::Result<()> {
    match next_attempt(notice.attempts, notice.approved.at, app.clock.now()) {
        Some(next) => {
            metrics::counter!("latchkey_mails_total", "outcome" => "put_off").increment(1);
            approval_notices::postpone(&app.db, notice.tenant_id, notice.session_id, next).await
        }
        None => give_up(app, notice).await,
    }
}

/// Notes that the mail server itself failed, and when it is asked again. The message is given up after a day.
pub async fn wait_for_server(app: &App, notice: &DueNotice, until: DateTime<Utc>) -> store::Result<()> {
    if until > notice.approved.at + GIVEN_UP_AFTER {
        return give_up(app, notice).await;
    }
    metrics::counter!("latchkey_mails_total", "outcome" => "put_off").increment(1);
    approval_notices::wait(&app.db, notice.tenant_id, notice.session_id, until).await
}

/// Gives a message up that can never be sent.
pub async fn give_up(app: &App, notice: &DueNotice) -> store::Result<()> {
    metrics::counter!("latchkey_mails_total", "outcome" => "given_up").increment(1);
    approval_notices::give_up(&app.db, notice.tenant_id, notice.session_id).await
}
