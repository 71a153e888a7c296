//! A person who was told of an approval says that it was not theirs (RFC 10027 §6.1). Whoever holds the link of the
//! message may: it went to an address that is the person's, and all it can do is to end a connection.

use serde_json::json;

use super::audit;
use super::token_families::{Ending, record_end};
use crate::app::App;
use crate::model::approval_notice::Approved;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;
use crate::store::{self, approval_notices, token_families};

/// What the link lets its reader disown; `None`: it is none of ours, was used, or is too old. Reading changes nothing.
pub async fn find(app: &App, tenant: TenantId, token: &str) -> store::Result<Option<Approved>> {
    let Some(token) = BearerSecret::parse(SecretKind::NotMe, token) else { return Ok(None) };
    approval_notices::find(&app.db, tenant, token.hash(), app.clock.now()).await
}

/// Takes the approval back, once: tokens that were collected are dead when this returns, and those that were not
/// never will be. Whether the link was good.
pub async fn disown(app: &App, tenant: TenantId, token: &str, origin: &RequestOrigin) -> store::Result<bool> {
    let Some(token) = BearerSecret::parse(SecretKind::NotMe, token) else { return Ok(false) };
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let disowned = approval_notices::disown(&mut *transaction, tenant, token.hash(), now).await?;
    let Some((session, user)) = disowned else { return Ok(false) };
    // In this order: a device that collects at this moment either finds the session dead, or has made by now what
    // is revoked next.
    let code = decisions::take_one_back(&mut *transaction, session, now).await?;
    if let Some(code) = code {
        announce(&mut *transaction, Announcement::Decided(code)).await?;
    }
    let reason = RevocationReason::Disowned;
    let family = token_families::of_session(&mut *transaction, session).await?;
    let family = match family {
        Some(family) if token_families::revoke(&mut *transaction, family, reason, now).await? => Some(family),
        _ => None,
    };
    if let Some(family) = family {
        let details = json!({"device_session_id": session});
        let ending = Ending { actor: Actor::Anyone, reason, origin: Some(origin), details };
        record_end(app, &mut *transaction, tenant, family, ending).await?;
    }
    let event = AuditEvent {
        action: Action::DeviceSessionDisowned,
        outcome: Outcome::Success,
        actor: Actor::Anyone,
        target_kind: "device_session",
        target_id: Some(session.to_string()),
        origin: Some(origin),
        details: json!({"user_id": user, "token_family_id": family, "collected": code.is_none()}),
    };
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    if let Some(code) = code {
        app.sessions.decided(&code);
    }
    metrics::counter!("latchkey_device_sessions_disowned_total").increment(1);
    tracing::warn!(%session, %user, "an approval was disowned by a link in a mail");
    Ok(true)
}
