//! The person says: "I did not start this" (RFC 8628 §5.4, RFC 10027 §6.1).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::consent::{Consent, consent};
use super::decide::DecisionError;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::campaigns::{self, Testimony};
use crate::domain::change::Change;
use crate::domain::policies;
use crate::model::approver::Approver;
use crate::model::audit_event::{Action, Target};
use crate::model::device_authorization::{CodeArrival, State};
use crate::model::ids::DeviceAuthorizationId;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::store;
use crate::store::device_authorizations::sources;
use crate::store::source_accounts::Contact;

/// How many other codes of the source die with a reported one.
const MAX_SIBLINGS: i64 = 200;

/// What marks the codes of one attempt.
#[derive(Clone, Copy, Debug)]
struct Mark<'a> {
    /// The key that the device proved.
    dpop_key: Option<KeyThumbprint>,
    /// The program that it said it was.
    user_agent: Option<&'a str>,
    /// How the code came to the account that reports.
    arrival: CodeArrival,
}

/// The rule: whether another waiting code of the client and source belongs to the attempt that is reported. An address
/// and a program are shared by many people, and whoever reports may have started the code. So only a key that nobody
/// else can prove ends codes the account has never seen; a program does so for codes that links brought to it.
fn is_same_attempt(reported: Mark<'_>, other: Mark<'_>) -> bool {
    let same_key = reported.dpop_key.is_some() && reported.dpop_key == other.dpop_key;
    let same_program = reported.user_agent.is_some() && reported.user_agent == other.user_agent;
    same_key || (same_program && other.arrival == CodeArrival::Link)
}

/// Ends what this approver has open, or has just approved, together with the other waiting codes of the same attempt, and
/// records it against the source. A request that was declined before, or whose report got no answer, can be reported.
pub async fn report(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceAuthorizationId,
    origin: &RequestOrigin,
) -> Result<(), DecisionError> {
    let consent = consent(app, tenant, approver, id).await?.ok_or(DecisionError::AlreadyHandled)?;
    let policy = policies::effective(app, tenant, &consent.client).approval;
    let (request, now) = (&consent.request, app.clock.now());
    let mut change = Change::begin(app, tenant.id, &By::user(approver.user.id, origin)).await?;
    if sources::disown(&mut *change, tenant.id, id, approver.id, now).await? {
        change.denied(&[id]).await?;
    } else if !matches!(request.session.state, State::Denied) {
        return Err(DecisionError::AlreadyHandled);
    }
    let siblings = end_siblings(&mut change, tenant, approver, &consent, now).await?;
    let mut is_frozen = false;
    if let Some(asker) = request.ip_address {
        let (user, browser) = (approver.user.id, origin.ip_address);
        let testimony = Testimony { user, contact: Contact::Reported, asker, browser };
        is_frozen = campaigns::note(&mut change, tenant.id, testimony, &policy).await?;
    }
    let details = json!({
        "client_id": consent.client.client_id.as_str(),
        "source": request.ip_address.map(limit_unit),
        "siblings_ended": siblings,
        "source_frozen": is_frozen,
    });
    let target = Target::DeviceAuthorization(id);
    change.audit(Action::DeviceAuthorizationReported, target, details).await?;
    change.commit().await?;
    metrics::counter!("latchkey_device_authorizations_reported_total").increment(1);
    tracing::warn!(authorization_id = %id, "request reported as not started by the user");
    Ok(())
}

/// Denies the other waiting codes of the attempt. Returns how many there were.
async fn end_siblings(
    change: &mut Change<'_>,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    now: DateTime<Utc>,
) -> store::Result<usize> {
    let request = &consent.request;
    let Some(source) = request.ip_address.map(limit_unit) else { return Ok(0) };
    let reported = Mark {
        dpop_key: request.session.dpop_key,
        user_agent: request.user_agent.as_deref(),
        arrival: consent.arrival,
    };
    let user = approver.user.id;
    let others = sources::waiting_like(&mut **change, tenant.id, request, source, user, MAX_SIBLINGS).await?;
    let same = others.iter().filter(|other| {
        let arrival = if other.is_linked { CodeArrival::Link } else { CodeArrival::Typed };
        let user_agent = other.user_agent.as_deref();
        is_same_attempt(reported, Mark { dpop_key: other.dpop_key, user_agent, arrival })
    });
    let ids: Vec<_> = same.map(|other| other.id).collect();
    let codes = sources::kill(&mut **change, tenant.id, &ids, now).await?;
    change.denied(&codes).await?;
    Ok(codes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_attempt_share_a_key_or_came_to_the_account_by_links() {
        use CodeArrival::{Link, Typed};
        let key = |byte| Some(KeyThumbprint([byte; 32]));
        let mark = |dpop_key, user_agent, arrival| Mark { dpop_key, user_agent, arrival };
        let cases = [
            (mark(key(1), None, Typed), mark(key(1), None, Typed), true),
            (mark(key(1), Some("tv/1"), Link), mark(key(1), Some("tv/2"), Typed), true),
            (mark(key(1), Some("tv/1"), Link), mark(key(2), Some("tv/1"), Typed), false),
            (mark(None, Some("tv/1"), Link), mark(None, Some("tv/1"), Typed), false),
            (mark(None, Some("tv/1"), Link), mark(None, Some("tv/1"), Link), true),
            (mark(None, Some("tv/1"), Typed), mark(None, Some("tv/1"), Link), true),
            (mark(None, Some("tv/1"), Link), mark(None, Some("tv/2"), Link), false),
            (mark(None, None, Link), mark(None, None, Link), false),
        ];
        for (reported, other, expected) in cases {
            assert_eq!(is_same_attempt(reported, other), expected, "{reported:?} {other:?}");
        }
    }
}
