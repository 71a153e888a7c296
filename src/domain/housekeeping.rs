//! What is cleared away, and when nobody needs it any more.

use chrono::TimeDelta;

use crate::app::App;
use crate::store::{self, housekeeping};

/// Something to clear away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Sessions that nobody decided, one lifetime after they expired: until then a late device learns
    /// `expired_token` (RFC 8628 §3.5).
    ExpiredSessions,
    /// Sessions that were decided.
    DecidedSessions,
    /// User codes of sessions gone for a day.
    SpentUserCodes,
    /// Devices whose tokens are all dead.
    EndedDevices,
    /// Browser sessions that are over.
    BrowserSessions,
    /// Guards that nobody tested lately.
    AttemptBudgets,
    /// Old audit events.
    AuditEvents,
    /// Used proofs that are too old to be accepted anyway.
    UsedJtis,
    /// Revoked access tokens that are over anyway.
    RevokedAccessTokens,
}

impl Chore {
    /// Every chore.
    pub const ALL: [Self; 9] = [
        Self::ExpiredSessions,
        Self::DecidedSessions,
        Self::SpentUserCodes,
        Self::EndedDevices,
        Self::BrowserSessions,
        Self::AttemptBudgets,
        Self::AuditEvents,
        Self::UsedJtis,
        Self::RevokedAccessTokens,
    ];

    /// The chore's name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpiredSessions => "expired_sessions",
            Self::DecidedSessions => "decided_sessions",
            Self::SpentUserCodes => "spent_user_codes",
            Self::EndedDevices => "ended_devices",
            Self::BrowserSessions => "browser_sessions",
            Self::AttemptBudgets => "attempt_budgets",
            Self::AuditEvents => "audit_events",
            Self::UsedJtis => "used_jtis",
            Self::RevokedAccessTokens => "revoked_access_tokens",
        }
    }
}

/// A used or expired user code is not issued again for this long (RFC 8628 §5.1).
const USER_CODE_REST: TimeDelta = TimeDelta::hours(24);
/// What servers with clocks that are behind still ask for is kept this much longer.
const LATE_CLOCK: TimeDelta = TimeDelta::minutes(2);
/// How long ended browser sessions are kept.
const BROWSER_SESSION_REST: TimeDelta = TimeDelta::days(1);

/// Clears away one batch; how many rows went.
pub async fn clear_away(app: &App, chore: Chore) -> store::Result<u64> {
    let now = app.clock.now();
    let keep = &app.config.housekeeping;
    let before = |days: u32| now - TimeDelta::days(i64::from(days));
    match chore {
        Chore::ExpiredSessions => {
            let expired_before = now - app.config.device_flow.code_lifetime();
            housekeeping::expired_sessions(&app.db, expired_before, now + USER_CODE_REST).await
        }
        Chore::DecidedSessions => {
            housekeeping::decided_sessions(&app.db, before(keep.decided_sessions_days)).await
        }
        Chore::SpentUserCodes => housekeeping::spent_user_codes(&app.db, now).await,
        Chore::EndedDevices => housekeeping::ended_devices(&app.db, before(keep.ended_devices_days)).await,
        Chore::BrowserSessions => housekeeping::browser_sessions(&app.db, now - BROWSER_SESSION_REST).await,
        Chore::AttemptBudgets => housekeeping::attempt_budgets(&app.db, before(2)).await,
        Chore::AuditEvents if keep.audit_days == 0 => Ok(0),
        Chore::AuditEvents => housekeeping::audit_events(&app.db, before(keep.audit_days)).await,
        Chore::UsedJtis => housekeeping::used_jtis(&app.db, now - LATE_CLOCK).await,
        Chore::RevokedAccessTokens => housekeeping::revoked_access_tokens(&app.db, now - LATE_CLOCK).await,
    }
}
