//! What is cleared away, and when no one needs it any more: the table of all chores.
//!
//! A chore deletes one batch at a time, rows that no other server has taken, so that any number of servers may do
//! it at once and none holds a lock for long.

use std::pin::Pin;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::domain::audit_trail::clear::clear_one_of_each;
use crate::model::known_browser;
use crate::model::webhook::MESSAGE_LIFETIME;
use crate::store::activity::{self, Grain};
use crate::store::{
    Result, approval_notices, attempt_budgets, browser_sessions, device_authorizations, devices,
    frozen_sources, half_sign_ins, revoked_access_tokens, source_accounts, used_jtis, webhook_deliveries,
};

/// How far two servers may differ about the database's time: what has ended for one, another may still ask for.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(1);
/// How far the computers' own clocks may be apart, by which proofs and assertions are judged: one that is too old for
/// this server may be fresh for another.
const OWN_CLOCKS_DIFFERENCE: TimeDelta = TimeDelta::minutes(10);
/// A used or expired user code is not issued again for this long (RFC 8628 §5.1).
const USER_CODE_REST: TimeDelta = TimeDelta::hours(24);
/// How long ended browser sessions are kept, in days.
const BROWSER_SESSION_DAYS: u32 = 1;
/// How long guards are kept after their last attempt, in days. Only rows of wrong attempts take longer to be forgotten.
const ATTEMPT_BUDGET_DAYS: u32 = 2;
/// How long it is known which accounts had to do with which source of codes, in days.
const CODE_SOURCE_DAYS: u32 = 90;
/// How long figures are kept by minutes: as long as they are shown by minutes.
const MINUTES_KEPT: TimeDelta = TimeDelta::days(2);
/// How long figures are kept by hours: as long as a month is shown.
const HOURS_KEPT: TimeDelta = TimeDelta::days(32);

#[derive(Clone, Copy, Debug)]
pub struct Chore {
    /// Its name in logs and metrics.
    pub name: &'static str,
    clear_batch: fn(&App) -> Clearing<'_>,
}

type Clearing<'a> = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

pub const EXPIRED_AUTHORIZATIONS: Chore =
    Chore { name: "expired_authorizations", clear_batch: |app| Box::pin(expired_authorizations(app)) };
pub const DECIDED_AUTHORIZATIONS: Chore =
    Chore { name: "decided_authorizations", clear_batch: |app| Box::pin(decided_authorizations(app)) };
/// They may be issued again (RFC 8628 §5.1).
pub const SPENT_USER_CODES: Chore = Chore {
    name: "spent_user_codes",
    clear_batch: |app| Box::pin(device_authorizations::endings::release_user_codes(&app.db, app.clock.now())),
};
pub const ENDED_DEVICES: Chore =
    Chore { name: "ended_devices", clear_batch: |app| Box::pin(ended_devices(app)) };
pub const BROWSER_SESSIONS: Chore = Chore {
    name: "browser_sessions",
    clear_batch: |app| Box::pin(browser_sessions::delete_ended(&app.db, days_ago(app, BROWSER_SESSION_DAYS))),
};
/// Sign-ins whose second step did not come in time.
pub const HALF_SIGN_INS: Chore = Chore {
    name: "half_sign_ins",
    clear_batch: |app| Box::pin(half_sign_ins::delete_expired(&app.db, ended(app))),
};
pub const ATTEMPT_BUDGETS: Chore =
    Chore { name: "attempt_budgets", clear_batch: |app| Box::pin(attempt_budgets(app)) };
pub const CODE_SOURCES: Chore =
    Chore { name: "code_sources", clear_batch: |app| Box::pin(code_sources(app)) };
/// Proofs that are too old to come again (RFC 7523 §3, RFC 9449 §11.1).
pub const USED_JTIS: Chore = Chore {
    name: "used_jtis",
    clear_batch: |app| Box::pin(used_jtis::delete_expired(&app.db, app.clock.now() - OWN_CLOCKS_DIFFERENCE)),
};
/// Revoked access tokens that have expired (RFC 7009).
pub const REVOKED_ACCESS_TOKENS: Chore = Chore {
    name: "revoked_access_tokens",
    clear_batch: |app| Box::pin(revoked_access_tokens::delete_expired(&app.db, ended(app))),
};
/// Messages about approvals whose links have expired.
pub const APPROVAL_NOTICES: Chore = Chore {
    name: "approval_notices",
    clear_batch: |app| Box::pin(approval_notices::delete_expired(&app.db, ended(app))),
};
pub const WEBHOOK_DELIVERIES: Chore =
    Chore { name: "webhook_deliveries", clear_batch: |app| Box::pin(webhook_deliveries(app)) };
pub const ACTIVITY: Chore = Chore { name: "activity", clear_batch: |app| Box::pin(activity(app)) };
pub const AUDIT_EVENTS: Chore =
    Chore { name: "audit_events", clear_batch: |app| Box::pin(audit_events(app)) };

pub const CHORES: [Chore; 14] = [
    EXPIRED_AUTHORIZATIONS,
    DECIDED_AUTHORIZATIONS,
    SPENT_USER_CODES,
    ENDED_DEVICES,
    BROWSER_SESSIONS,
    HALF_SIGN_INS,
    ATTEMPT_BUDGETS,
    CODE_SOURCES,
    USED_JTIS,
    REVOKED_ACCESS_TOKENS,
    APPROVAL_NOTICES,
    WEBHOOK_DELIVERIES,
    ACTIVITY,
    AUDIT_EVENTS,
];

impl Chore {
    /// Clears one batch away. Returns the number of rows deleted; 0: there is nothing left to do.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn clear_batch(&self, app: &App) -> Result<u64> {
        (self.clear_batch)(app).await
    }
}

fn days_ago(app: &App, days: u32) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(i64::from(days))
}

/// What expired before this has expired for every server.
fn ended(app: &App) -> DateTime<Utc> {
    app.clock.now() - CLOCK_DIFFERENCE
}

/// Device authorizations that no one decided, one lifetime after they expired: until then a late device receives
/// `expired_token` (RFC 8628 §3.5). They are counted a minute after they expired.
async fn expired_authorizations(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let expired_before = now - app.config.device_flow.code_lifetime();
    // Before they go. No one's clock is so slow that one could still be decided.
    let until = expired_before.max(ended(app));
    for tenant in activity::with_uncounted_expiries(&app.db, until).await? {
        activity::add_expiries(&app.db, tenant, until).await?;
    }
    device_authorizations::endings::delete_undecided(&app.db, expired_before, now + USER_CODE_REST).await
}

/// Device authorizations that were decided. Until then they are history for administrators, and how a replayed code is
/// noticed.
async fn decided_authorizations(app: &App) -> Result<u64> {
    let expired_before = days_ago(app, app.config.housekeeping.decided_sessions_days);
    let mut gone = 0;
    for tenant in device_authorizations::endings::tenants_with_decided(&app.db, expired_before).await? {
        gone += device_authorizations::endings::delete_decided(&app.db, tenant, expired_before).await?;
    }
    Ok(gone)
}

/// Devices whose tokens have all ended.
async fn ended_devices(app: &App) -> Result<u64> {
    let before = days_ago(app, app.config.housekeeping.ended_devices_days);
    let mut gone = 0;
    for tenant in devices::endings::tenants_with_ended(&app.db, before).await? {
        gone += devices::endings::delete_ended(&app.db, tenant, before).await?;
    }
    Ok(gone)
}

/// Guards that no attempt has touched lately: everything spent has long been refunded.
async fn attempt_budgets(app: &App) -> Result<u64> {
    let rows_before = app.clock.now() - known_browser::LIFETIME;
    let rest = days_ago(app, ATTEMPT_BUDGET_DAYS);
    let budgets = attempt_budgets::delete_untouched(&app.db, rest, rows_before).await?;
    Ok(budgets + attempt_budgets::delete_lapsed(&app.db, rest).await?)
}

/// Which accounts had to do with which sources of codes, and sources that thawed long ago.
async fn code_sources(app: &App) -> Result<u64> {
    let before = days_ago(app, CODE_SOURCE_DAYS);
    let accounts = source_accounts::delete_old(&app.db, before).await?;
    Ok(accounts + frozen_sources::delete_old(&app.db, before).await?)
}

/// Webhook messages that arrived long ago, were given up, or have waited for too long.
async fn webhook_deliveries(app: &App) -> Result<u64> {
    let given_up = webhook_deliveries::give_up_old(&app.db, app.clock.now() - MESSAGE_LIFETIME).await?;
    let before = days_ago(app, app.config.webhooks.deliveries_days);
    Ok(given_up + webhook_deliveries::delete_over(&app.db, before).await?)
}

/// Figures over time.
async fn activity(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let minutes = activity::delete_old(&app.db, Grain::Minute, now - MINUTES_KEPT).await?;
    Ok(minutes + activity::delete_old(&app.db, Grain::Hour, now - HOURS_KEPT).await?)
}

/// Old audit events, where they are not kept for good. Only what is sealed is cleared away.
async fn audit_events(app: &App) -> Result<u64> {
    match app.config.housekeeping.audit_days {
        0 => Ok(0),
        days => clear_one_of_each(app, days_ago(app, days)).await,
    }
}
