//! The guards against guessing: user codes (RFC 8628 §5.1), passwords and second factors. They are counted in the database,
//! where all replicas see them, and close when it cannot be reached.

use chrono::TimeDelta;
use sqlx::PgConnection;

use crate::app::App;
use crate::model::attempt_budget::{Exhausted, Guard, Refill};
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::user_code::GUESSES_PER_LIFETIME;
use crate::noted;
use crate::store::{self, attempt_budgets};

const CODE_BY_ACCOUNT: Guard =
    Guard { name: "code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const CODE_BY_ADDRESS: Guard =
    Guard { name: "code/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };
// Only who has typed a right code gets this far.
const HELD_CODE_BY_ACCOUNT: Guard =
    Guard { name: "held_code/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const PASSWORD_BY_ACCOUNT: Guard =
    Guard { name: "password/account", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const PASSWORD_BY_ADDRESS: Guard =
    Guard { name: "password/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

// By the account wherever it is tried from: only those who know its password get this far.
const SECOND_FACTOR_BY_ACCOUNT: Guard = Guard {
    name: "second_factor/account",
    capacity: 5.0,
    refill: Refill::AfterQuiet(TimeDelta::minutes(10)),
};
const SECOND_FACTOR_BY_ADDRESS: Guard =
    Guard { name: "second_factor/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

/// An attempt that was paid for. When it turns out right, what it cost is given back.
#[derive(Debug)]
#[must_use]
pub struct PaidAttempt {
    tenant: TenantId,
    paid: Vec<(Guard, String)>,
}

/// An attempt that was paid for, or was not even looked at because there were too many wrong ones before it.
pub type Payment = Result<PaidAttempt, Exhausted>;

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
    pay(
        app,
        tenant,
        vec![
            (CODE_BY_ACCOUNT, user.to_string()),
            (CODE_BY_ADDRESS, origin.limit_unit().to_string()),
            (by_tenant, String::new()),
        ],
    )
    .await
}

/// Gives back what an attempt cost that was right although another account has the code open. Only so often for each
/// account, so that nobody watches what others do with a code. Returns `false` if it was too often.
pub async fn forgive_held_code(app: &App, user: UserId, attempt: PaidAttempt) -> store::Result<bool> {
    let cost = vec![(HELD_CODE_BY_ACCOUNT, user.to_string())];
    if pay(app, attempt.tenant, cost).await?.is_err() {
        return Ok(false);
    }
    let mut connection = app.db.acquire().await?;
    attempt.give_back(&mut connection).await?;
    Ok(true)
}

/// Pays for a password: by account and address together, so that nobody is locked out from elsewhere, and by
/// address.
pub async fn pay_for_password(
    app: &App,
    tenant: TenantId,
    username: &str,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    // People type passwords into the name's field; what they typed is not kept.
    let account = hex::encode(SecretHash::of(&username.to_lowercase()).0);
    let address = origin.limit_unit();
    pay(
        app,
        tenant,
        vec![
            (PASSWORD_BY_ACCOUNT, format!("{account} {address}")),
            (PASSWORD_BY_ADDRESS, address.to_string()),
        ],
    )
    .await
}

/// Pays for a code of a second factor: by account, and by address.
pub async fn pay_for_second_factor(
    app: &App,
    tenant: TenantId,
    user: UserId,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    pay(
        app,
        tenant,
        vec![
            (SECOND_FACTOR_BY_ACCOUNT, user.to_string()),
            (SECOND_FACTOR_BY_ADDRESS, origin.limit_unit().to_string()),
        ],
    )
    .await
}

async fn pay(app: &App, tenant: TenantId, costs: Vec<(Guard, String)>) -> store::Result<Payment> {
    let now = app.clock.now();
    let mut transaction = app.begin(tenant).await?;
    for (guard, subject) in &costs {
        let before = attempt_budgets::lock(&mut transaction, tenant, guard, subject, now).await?;
        let after = match guard.pay(Some(before), now) {
            Ok(after) => after,
            Err(exhausted) => {
                let request_id = noted::request_id().map(|id| id.to_string());
                tracing::info!(%tenant, guard = guard.name, request_id, "attempt limit reached");
                return Ok(Err(exhausted));
            }
        };
        attempt_budgets::write(&mut *transaction, tenant, guard, subject, after).await?;
    }
    transaction.commit().await?;
    Ok(Ok(PaidAttempt { tenant, paid: costs }))
}

impl PaidAttempt {
    /// Gives back what the attempt cost, because it was right.
    pub async fn give_back(self, db: &mut PgConnection) -> store::Result<()> {
        for (guard, subject) in &self.paid {
            attempt_budgets::give_back(&mut *db, self.tenant, guard, subject).await?;
        }
        Ok(())
    }
}
