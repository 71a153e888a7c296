//! The guards against guessing: user codes (RFC 8628 §5.1), passwords and second factors. They are counted in the database,
//! where all replicas see them, and close when it cannot be reached.
//!
//! An attempt is reserved by one statement before it is judged, outside the transaction of the operation, so that no one
//! waits for a stranger's operation. It is settled afterwards: a wrong attempt is charged together with its refusal; a
//! right one, and one that was answered 503, is refunded in the background ([`settlements`]). One that is never settled,
//! because its server died, lapses after 30 seconds.

mod passwords;
pub mod settlements;

use chrono::TimeDelta;

use crate::app::App;
use crate::domain::{audit, sign_in};
use crate::model::attempt_budget::{Guard, LAPSE, Refill, TooManyAttemptsError};
use crate::model::audit_event::AuditEvent;
use crate::model::guessing::Trier;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::user_code::GUESSES_PER_LIFETIME;
use crate::noted;
use crate::store::attempt_budgets::{self, FIRST_WAY, GivenBack, Guarded, Hold, Quotes};
use crate::store::device_authorizations::openings::{Entry, Opening};
use crate::store::{self, Executor, StoreError, audit_events};

pub use passwords::{pay_for_password, pay_for_second_factor};

const CODE_BY_ACCOUNT: Guard =
    Guard { name: "code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const CODE_BY_ADDRESS: Guard =
    Guard { name: "code/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };
// Only who has typed a right code gets this far.
const HELD_CODE_BY_ACCOUNT: Guard =
    Guard { name: "held_code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };

/// An attempt that is about to be reserved, together with the refunds of others of the same account and address.
#[derive(Debug)]
pub struct Reservation {
    pub hold: Hold,
    pub back: GivenBack,
    name: &'static str,
}

/// An attempt that was reserved. It is settled by one of its methods; otherwise it lapses.
#[derive(Debug)]
#[must_use]
pub struct PaidAttempt {
    hold: Hold,
    /// The guards whose series of wrong attempts a right one ends.
    rows: Vec<(&'static str, String)>,
    trier: Option<Trier>,
}

/// An attempt that was reserved, or was not even looked at because there were too many wrong ones before it.
pub type Payment = Result<PaidAttempt, TooManyAttemptsError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was right: it costs nothing.
    Right,
    /// It was wrong, and is charged already.
    Charged,
    Unanswered,
}

impl Reservation {
    fn new(app: &App, tenant: TenantId, name: &'static str, guards: Guarded) -> Self {
        let at = app.clock.now();
        let hold = Hold { tenant, id: app.random.uuid_v7(at), at, guards };
        let back = app.settlements.beside(&hold);
        Self { hold, back, name }
    }

    /// Takes what the guards said.
    ///
    /// # Errors
    /// If the database failed. If the attempt is reserved all the same, it is refunded.
    fn quoted(self, app: &App, quotes: store::Result<Quotes>) -> store::Result<Result<PaidAttempt, Quotes>> {
        let Self { hold, back, name } = self;
        match quotes {
            Ok(quotes) => {
                app.settlements.are_written(hold.tenant, &back);
                if quotes.way == 0 {
                    log_limit(hold.tenant, name);
                    return Ok(Err(quotes));
                }
                let hold = Hold { guards: hold.guards.of_way(quotes.way), ..hold };
                Ok(Ok(PaidAttempt { hold, rows: Vec::new(), trier: None }))
            }
            Err(error) => {
                app.settlements.add(&hold, &[]);
                Err(error)
            }
        }
    }

    async fn make(self, app: &App) -> store::Result<Result<PaidAttempt, Quotes>> {
        let quotes = attempt_budgets::reserve(&app.db, &self.hold, &self.back).await;
        self.quoted(app, quotes)
    }
}

/// Of all guards, the longest wait is the one that counts.
#[expect(clippy::needless_pass_by_value, reason = "it is what becomes of a refusal")]
fn exhausted(quotes: Quotes) -> TooManyAttemptsError {
    TooManyAttemptsError { retry_after: quotes.waits.iter().flatten().max().copied().unwrap_or_default() }
}

/// Prepares the entry of a user code: by account, by address (IPv6: /64) and by tenant.
fn code_entry(app: &App, tenant: TenantId, user: UserId, origin: &RequestOrigin) -> Reservation {
    // Half at once and half again over a lifetime: never more than the whole within any lifetime.
    let half = f64::from(GUESSES_PER_LIFETIME / 2);
    let lifetime = app.config.device_flow.code_lifetime();
    let by_tenant = Guard {
        name: "code/tenant",
        capacity: half,
        refill: Refill::OneEach(lifetime / i32::try_from(GUESSES_PER_LIFETIME / 2).unwrap_or(1)),
    };
    let guards = Guarded::default()
        .and(CODE_BY_ACCOUNT, user.to_string(), FIRST_WAY)
        .and(CODE_BY_ADDRESS, origin.limit_unit().to_string(), FIRST_WAY)
        .and(by_tenant, "", FIRST_WAY);
    Reservation::new(app, tenant, "code", guards)
}

/// Reserves the entry of a user code and looks the code up, which stands for `mac`.
pub async fn enter_code(
    app: &App,
    tenant: TenantId,
    user: UserId,
    mac: [u8; 32],
    origin: &RequestOrigin,
) -> store::Result<Result<(PaidAttempt, Option<Opening>), TooManyAttemptsError>> {
    let reservation = code_entry(app, tenant, user, origin);
    let Reservation { hold, back, .. } = &reservation;
    let (hold, back, idle) = (hold.clone(), back.clone(), sign_in::idle_limit(app));
    let entered = app.queues.entries.submit(Entry { hold, back, user_code_mac: mac, idle }).await;
    let entered = entered.and_then(|found| found.ok_or(StoreError::Overloaded));
    let (quotes, opening) =
        entered.map_or_else(|error| (Err(error), Ok(None)), |(quotes, found)| (Ok(quotes), found));
    match (reservation.quoted(app, quotes)?, opening) {
        (Ok(attempt), Ok(opening)) => Ok(Ok((attempt, opening))),
        (Ok(attempt), Err(error)) => {
            // Nothing of the code was told.
            attempt.refund(app);
            Err(error)
        }
        (Err(refused), _) => Ok(Err(exhausted(refused))),
    }
}

/// Reserves the entry of a user code that is not looked up.
pub async fn pay_for_code_entry(
    app: &App,
    tenant: TenantId,
    user: UserId,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    Ok(code_entry(app, tenant, user, origin).make(app).await?.map_err(exhausted))
}

/// Refunds an attempt that was right although another account has the code open. Each account gets only a few such
/// refunds, so that no one can watch what others do with a code. Returns `false`, and charges it, if it had too many.
pub async fn forgive_held_code(app: &App, user: UserId, attempt: PaidAttempt) -> store::Result<bool> {
    let guards = Guarded::default().and(HELD_CODE_BY_ACCOUNT, user.to_string(), FIRST_WAY);
    let asked = Reservation::new(app, attempt.hold.tenant, "held_code", guards).make(app).await;
    let charged = match asked {
        Ok(Ok(own)) => own.charge(&app.db).await.map(|()| true),
        Ok(Err(_)) => attempt.charge(&app.db).await.map(|()| false),
        Err(error) => Err(error),
    };
    if !matches!(charged, Ok(false)) {
        attempt.give_back(app);
    }
    charged
}

/// Writes one line about an attempt that was not looked at.
fn log_limit(tenant: TenantId, guard: &'static str) {
    let request_id = noted::request_id().map(|id| id.to_string());
    tracing::info!(%tenant, guard, request_id, "attempt limit reached");
}

impl PaidAttempt {
    /// It was right: refunds what was reserved, and ends the series of wrong attempts before it. Comes after all else.
    pub fn give_back(self, app: &App) {
        app.settlements.add(&self.hold, &self.rows);
    }

    /// It was not judged, or the answer is lost: refunds what was reserved, or what was spent by a statement of unknown
    /// outcome.
    pub fn refund(self, app: &App) {
        app.settlements.add(&self.hold, &[]);
    }

    /// It was wrong: spends what was reserved. Last in the transaction that says so. If that fails, it is
    /// [refunded](Self::refund).
    pub async fn charge(&self, db: impl Executor<'_>) -> store::Result<()> {
        attempt_budgets::charge(db, &self.hold).await
    }

    /// Settles an attempt by its outcome: success was right, a failure was not answered, and any other refusal is charged
    /// already.
    pub fn conclude<T, E>(self, app: &App, outcome: &Result<T, E>, is_failure: impl FnOnce(&E) -> bool) {
        self.settle(
            app,
            match outcome {
                Ok(_) => Judged::Right,
                Err(error) if is_failure(error) => Judged::Unanswered,
                Err(_) => Judged::Charged,
            },
        );
    }

    /// What is spent by a statement that does more.
    pub(in crate::domain) const fn hold(&self) -> &Hold {
        &self.hold
    }

    /// It was wrong: spends what was reserved and writes the refusal down, in one statement. If that fails, it is
    /// [refunded](Self::refund).
    pub async fn charge_with(&self, app: &App, event: AuditEvent<'_>) -> store::Result<()> {
        let new = audit::prepare(app, self.hold.tenant, event).await?;
        audit_events::insert_and_charge(&app.db, &new, &self.hold).await
    }

    /// The same, and settles the attempt.
    pub async fn refuse(self, app: &App, event: AuditEvent<'_>) -> store::Result<()> {
        let written = self.charge_with(app, event).await;
        self.settle(app, if written.is_ok() { Judged::Charged } else { Judged::Unanswered });
        written
    }

    /// Settles an attempt by what came of it.
    pub fn settle(self, app: &App, judged: Judged) {
        match judged {
            Judged::Right => self.give_back(app),
            Judged::Charged => {}
            Judged::Unanswered => self.refund(app),
        }
    }

    /// Returns `true` while the attempt counts at the guards.
    #[must_use]
    pub fn is_held(&self, app: &App) -> bool {
        app.clock.now() - self.hold.at < LAPSE
    }

    /// Returns `true` if the account takes its password from where the attempt came, after so many wrong ones in a row.
    #[must_use]
    pub fn may_sign_in(&self, failures: i32) -> bool {
        self.trier.is_none_or(|trier| trier.may_sign_in(failures))
    }
}
