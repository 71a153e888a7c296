//! The message that something was approved in somebody's name.

use super::{Letter, MailError, words};
use crate::app::App;
use crate::domain::{approval_notices, tenants};
use crate::model::approval_notice::DueNotice;
use crate::store;

/// Sends the message that is due for longest; whether one was sent.
pub(super) async fn send_next(app: &App) -> store::Result<bool> {
    let Some(notice) = approval_notices::take_due(app).await? else { return Ok(false) };
    let Some(letter) = letter(app, &notice) else {
        approval_notices::give_up(app, &notice).await?;
        return Ok(false);
    };
    match app.mail.send(&letter, &app.clock).await {
        Ok(()) => {
            approval_notices::sent(app, &notice).await?;
            return Ok(true);
        }
        Err(error @ MailError::Impossible(_)) => {
            tracing::error!(%error, session = %notice.session_id, "approval email discarded");
            approval_notices::give_up(app, &notice).await?;
        }
        Err(error) => {
            tracing::warn!(%error, session = %notice.session_id, attempts = notice.attempts, "approval email not sent; will retry");
            approval_notices::failed(app, &notice).await?;
        }
    }
    Ok(false)
}

fn letter(app: &App, notice: &DueNotice) -> Option<Letter> {
    let token = approval_notices::token(app, notice)
        .inspect_err(|error| tracing::error!(%error, "approval email link could not be decrypted"))
        .ok()?;
    let link = format!(
        "{}/device/not-me?token={}",
        tenants::address(app, &notice.tenant_slug, notice.tenant_host.as_ref()),
        token.as_str()
    );
    let (subject, text) = words::of_approval(notice, &link);
    Some(Letter { id: notice.session_id.to_string(), recipient: notice.recipient.clone(), subject, text })
}
