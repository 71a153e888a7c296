//! The person says: "I did not start this" (RFC 8628 §5.4, RFC 10027 §6.1).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::consent::consent;
use super::decide::DecisionRefused;
use crate::app::App;
use crate::domain::approval::Proximity;
use crate::domain::campaigns::{self, EndedCodes};
use crate::domain::{activity, audit, policies};
use crate::model::approver::Approver;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::device_session::DeviceRequest;
use crate::model::ids::DeviceSessionId;
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::store;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::sources;
use crate::store::source_accounts::Contact;

/// How many other codes of the source die with a reported one.
const MAX_SIBLINGS: i64 = 200;

/// Ends what this approver has open, or has just approved, together with the other waiting codes of the same client
/// and source, and remembers it against the source.
pub async fn report(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceSessionId,
    origin: &RequestOrigin,
) -> Result<(), DecisionRefused> {
    let consent = consent(app, tenant, approver, id).await?.ok_or(DecisionRefused::AlreadyHandled)?;
    let policy = policies::effective(app, tenant, &consent.client).approval;
    let (request, now) = (&consent.request, app.clock.now());
    let mut transaction = app.begin(tenant.id).await?;
    let code = sources::disown(&mut *transaction, id, approver.id, now).await?;
    let code = code.ok_or(DecisionRefused::AlreadyHandled)?;
    announce(&mut *transaction, Announcement::Decided(code)).await?;
    let siblings = end_siblings(&mut transaction, tenant, request, now).await?;
    // Whoever sits next to the device is no victim of a stranger's, and must not freeze the house.
    let from_elsewhere = Proximity::of(request.ip_address, origin.ip_address) == Proximity::Elsewhere;
    let mut frozen = None;
    if let Some(address) = request.ip_address.filter(|_| from_elsewhere) {
        let contact = (limit_unit(address), approver.user.id, Contact::Reported);
        frozen = campaigns::note(app, &mut transaction, tenant.id, contact, &policy).await?;
    }
    let event = AuditEvent {
        action: Action::DeviceSessionReported,
        outcome: Outcome::Success,
        actor: Actor::User(approver.user.id),
        target_kind: "device_session",
        target_id: Some(id.to_string()),
        origin: Some(origin),
        details: json!({
            "client_id": consent.client.client_id.as_str(),
            "source": request.ip_address.map(limit_unit),
            "siblings_ended": siblings.len(),
            "source_frozen": frozen.is_some(),
        }),
    };
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    transaction.commit().await?;
    app.sessions.decided(&code);
    siblings.tell_memory(app);
    let mut refused = 1 + siblings.len();
    if let Some(codes) = frozen {
        app.cached.renew();
        codes.tell_memory(app);
        refused += codes.len();
    }
    activity::count_denials(app, tenant.id, refused);
    metrics::counter!("latchkey_device_sessions_reported_total").increment(1);
    tracing::warn!(session = %id, "request reported as not started by the user");
    Ok(())
}

async fn end_siblings(
    db: &mut sqlx::PgConnection,
    tenant: &Tenant,
    request: &DeviceRequest,
    now: DateTime<Utc>,
) -> store::Result<EndedCodes> {
    let Some(source) = request.ip_address.map(limit_unit) else { return Ok(EndedCodes::default()) };
    let client = Some(&request.session.client_id);
    let codes = sources::kill_waiting(&mut *db, tenant.id, client, source, MAX_SIBLINGS, now).await?;
    EndedCodes::announced(codes, db).await
}
