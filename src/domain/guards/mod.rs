//! The guards against guessing: user codes (RFC 8628 §5.1), passwords and second factors. They are counted in the database,
//! where all replicas see them, and close when it cannot be reached.

mod sign_in;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::app::App;
use crate::domain::hashing::Busy;
use crate::domain::oauth_error::OAuthError;
use crate::model::attempt_budget::{Exhausted, Guard, Refill, Spending};
use crate::model::guessing::Trier;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::user_code::GUESSES_PER_LIFETIME;
use crate::noted;
use crate::store::{self, attempt_budgets};

pub use sign_in::{pay_for_password, pay_for_second_factor};

const CODE_BY_ACCOUNT: Guard =
    Guard { name: "code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const CODE_BY_ADDRESS: Guard =
    Guard { name: "code/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };
// Only who has typed a right code gets this far.
const HELD_CODE_BY_ACCOUNT: Guard =
    Guard { name: "held_code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };

/// An attempt that was paid for. When it turns out right, what it cost is given back.
#[derive(Debug)]
#[must_use]
pub struct PaidAttempt {
    tenant: TenantId,
    paid: Vec<(Guard, String)>,
    /// Rows of wrong attempts that a right one ends.
    rows: Vec<(Guard, String)>,
    trier: Option<Trier>,
}

/// An attempt that was paid for, or was not even looked at because there were too many wrong ones before it.
pub type Payment = Result<PaidAttempt, Exhausted>;

/// What an attempt costs at one guard, and what is spent there afterwards.
struct Quote {
    guard: Guard,
    subject: String,
    after: Spending,
}

/// Pays for entering a user code: by account, by address (IPv6: /64) and by tenant.
pub async fn pay_for_code_entry(
    app: &App,
    tenant: TenantId,
    user: UserId,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    // Half at once and half again over a lifetime: never more than the whole within any lifetime.
    let half = f64::from(GUESSES_PER_LIFETIME / 2);
    let lifetime = app.config.device_flow.code_lifetime();
    let by_tenant = Guard {
        name: "code/tenant",
        capacity: half,
        refill: Refill::OneEach(lifetime / i32::try_from(GUESSES_PER_LIFETIME / 2).unwrap_or(1)),
    };
    let costs = vec![
        (CODE_BY_ACCOUNT, user.to_string()),
        (CODE_BY_ADDRESS, origin.limit_unit().to_string()),
        (by_tenant, String::new()),
    ];
    pay_all(app, tenant, "code", costs).await
}

/// Gives back what an attempt cost that was right although another account has the code open. Only so often for each
/// account, so that nobody watches what others do with a code. Returns `false` if it was too often.
pub async fn forgive_held_code(app: &App, user: UserId, attempt: PaidAttempt) -> store::Result<bool> {
    let cost = vec![(HELD_CODE_BY_ACCOUNT, user.to_string())];
    if pay_all(app, attempt.tenant, "held_code", cost).await?.is_err() {
        return Ok(false);
    }
    let mut connection = app.db.acquire().await?;
    attempt.give_back(&mut connection).await?;
    Ok(true)
}

/// Pays at every guard, or at none.
async fn pay_all(
    app: &App,
    tenant: TenantId,
    name: &'static str,
    costs: Vec<(Guard, String)>,
) -> store::Result<Payment> {
    let now = app.clock.now();
    let mut transaction = app.begin(tenant).await?;
    let quotes = match quote(&mut transaction, tenant, costs, now).await? {
        Ok(quotes) => quotes,
        Err(exhausted) => {
            log_limit(tenant, name);
            return Ok(Err(exhausted));
        }
    };
    let attempt = pay(&mut transaction, tenant, quotes).await?;
    transaction.commit().await?;
    Ok(Ok(attempt))
}

/// Writes one line about an attempt that was not looked at.
fn log_limit(tenant: TenantId, guard: &'static str) {
    let request_id = noted::request_id().map(|id| id.to_string());
    tracing::info!(%tenant, guard, request_id, "attempt limit reached");
}

/// Asks every guard for one attempt, and locks what it has spent until the transaction ends. The longest wait is the
/// one that counts.
async fn quote(
    db: &mut PgConnection,
    tenant: TenantId,
    costs: Vec<(Guard, String)>,
    now: DateTime<Utc>,
) -> store::Result<Result<Vec<Quote>, Exhausted>> {
    let (mut quotes, mut refused) = (Vec::new(), None::<Exhausted>);
    for (guard, subject) in costs {
        let before = attempt_budgets::lock(&mut *db, tenant, &guard, &subject, now).await?;
        match guard.pay(Some(before), now) {
            Ok(after) => quotes.push(Quote { guard, subject, after }),
            Err(exhausted) => {
                let longest =
                    refused.map_or(exhausted.retry_after, |r| r.retry_after.max(exhausted.retry_after));
                refused = Some(Exhausted { retry_after: longest });
            }
        }
    }
    Ok(refused.map_or(Ok(quotes), Err))
}

/// Writes down what was quoted.
async fn pay(db: &mut PgConnection, tenant: TenantId, quotes: Vec<Quote>) -> store::Result<PaidAttempt> {
    let mut paid = Vec::with_capacity(quotes.len());
    for Quote { guard, subject, after } in quotes {
        attempt_budgets::write(&mut *db, tenant, &guard, &subject, after).await?;
        paid.push((guard, subject));
    }
    Ok(PaidAttempt { tenant, paid, rows: Vec::new(), trier: None })
}

impl PaidAttempt {
    /// Gives back what the attempt cost, because it was right, and ends the rows of wrong ones before it.
    pub async fn give_back(self, db: &mut PgConnection) -> store::Result<()> {
        for (guard, subject) in &self.rows {
            attempt_budgets::forget(&mut *db, self.tenant, guard, subject).await?;
        }
        self.refund(db).await
    }

    /// Gives back what the attempt cost, because it was not judged.
    pub async fn refund(self, db: &mut PgConnection) -> store::Result<()> {
        for (guard, subject) in &self.paid {
            attempt_budgets::give_back(&mut *db, self.tenant, guard, subject).await?;
        }
        Ok(())
    }

    /// Returns the attempt with what was found in it. One that was not judged, because the server is busy, is refunded.
    pub async fn judged<T>(self, app: &App, found: Result<T, Busy>) -> Result<(Self, T), OAuthError> {
        match found {
            Ok(found) => Ok((self, found)),
            Err(busy) => {
                let mut transaction = app.begin(self.tenant).await?;
                self.refund(&mut transaction).await?;
                transaction.commit().await?;
                Err(busy.into())
            }
        }
    }

    /// Returns `true` if the account takes its password from where the attempt came, after so many wrong ones in a row.
    #[must_use]
    pub fn may_sign_in(&self, failures: i32) -> bool {
        self.trier.is_none_or(|trier| trier.may_sign_in(failures))
    }
}
