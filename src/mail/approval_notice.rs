//! The message that something was approved in somebody's name.

use super::words;
use crate::app::App;
use crate::domain::{approval_notices, tenants};
use crate::model::approval_notice::DueNotice;
use crate::secrets::DecryptError;
use crate::smtp::{Letter, MailError};
use crate::store;

/// What became of the message that was due for longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No message is due.
    Nothing,
    /// The mail server took it.
    Sent,
    /// It waits, or was given up.
    NotSent,
}

/// Sends the message that is due for longest.
pub(super) async fn send_next(app: &App) -> store::Result<Step> {
    let Some(notice) = approval_notices::take_due(app).await? else { return Ok(Step::Nothing) };
    let letter = match letter(app, &notice) {
        Ok(letter) => letter,
        // It stays with this server for as long as an attempt may take; then another may send it.
        Err(error @ DecryptError::UnknownKey(_)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "approval email link could not be decrypted");
            approval_notices::give_up(app, &notice).await?;
            return Ok(Step::NotSent);
        }
    };
    let Err(error) = app.mailer.send(&letter, &app.clock).await else {
        approval_notices::sent(app, &notice).await?;
        return Ok(Step::Sent);
    };
    let (session, attempts) = (notice.session_id, notice.attempts);
    match error {
        MailError::Impossible(_) | MailError::Refused(_) => {
            tracing::warn!(%error, %session, "approval email refused; discarded");
            approval_notices::give_up(app, &notice).await?;
        }
        MailError::Postponed(_) => {
            tracing::warn!(%error, %session, attempts, "approval email postponed; mailbox busy");
            approval_notices::postpone(app, &notice).await?;
        }
        MailError::ServerFailed(_) | MailError::TooSlow => {
            tracing::warn!(%error, %session, "mail server failed; all email waits");
            let until = app.mailer.pause.extend(app.clock.now());
            approval_notices::wait_for_server(app, &notice, until).await?;
        }
    }
    Ok(Step::NotSent)
}

fn letter(app: &App, notice: &DueNotice) -> Result<Letter, DecryptError> {
    let token = approval_notices::token(app, notice)?;
    let link = format!(
        "{}/device/not-me?token={}",
        tenants::address(app, &notice.tenant_slug, notice.tenant_host.as_ref()),
        token.as_str()
    );
    let (subject, text) = words::of_approval(notice, &link);
    Ok(Letter { id: notice.session_id.to_string(), recipient: notice.recipient.clone(), subject, text })
}
