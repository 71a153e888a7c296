//! The guards of passwords and second factors. A browser that the account knows has tries of its own; all others share
//! those of their address by the rule of [`lane`].

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PaidAttempt, Payment, Quote, log_limit, pay, quote};
use crate::app::App;
use crate::model::attempt_budget::{Exhausted, Guard, Refill};
use crate::model::bearer_secret::SecretHash;
use crate::model::guessing::{Lane, PATIENCE, Trier, Visit, lane};
use crate::model::ids::{TenantId, UserId};
use crate::model::known_browser;
use crate::model::request_origin::RequestOrigin;
use crate::store;

const QUIET: Refill = Refill::AfterQuiet(TimeDelta::minutes(10));

/// The guards of one thing that is guessed.
struct Guards {
    /// What is guessed, for the log.
    name: &'static str,
    /// Of a browser that is signed in.
    session: Guard,
    /// Of a browser that the account knows.
    known: Guard,
    /// Wrong ones in a row from such a browser, after which it is no longer one.
    known_row: Guard,
    /// Of any other browser.
    visit: Guard,
    /// Of an account, for the one who comes first and for patient ones. By account and address together for
    /// passwords, so that nobody is locked out from elsewhere.
    account: [Guard; 2],
    /// Of an address, for the one who comes first and for patient ones.
    address: [Guard; 2],
}

const fn quiet(name: &'static str, capacity: f64) -> Guard {
    Guard { name, capacity, refill: QUIET }
}

const fn steady(name: &'static str, capacity: f64, each: TimeDelta) -> Guard {
    Guard { name, capacity, refill: Refill::OneEach(each) }
}

const fn row(name: &'static str) -> Guard {
    Guard { name, capacity: 100.0, refill: Refill::AfterQuiet(known_browser::LIFETIME) }
}

const PASSWORD: Guards = Guards {
    name: "password",
    session: quiet("password/session", 5.0),
    known: quiet("password/known", 10.0),
    known_row: row("password/known/row"),
    visit: quiet("password/visit", 5.0),
    account: [quiet("password/account", 5.0), quiet("password/account/patient", 5.0)],
    address: [
        steady("password/address", 10.0, TimeDelta::minutes(1)),
        steady("password/address/patient", 20.0, TimeDelta::seconds(3)),
    ],
};

const SECOND_FACTOR: Guards = Guards {
    name: "second_factor",
    session: quiet("second_factor/session", 5.0),
    known: quiet("second_factor/known", 10.0),
    known_row: row("second_factor/known/row"),
    visit: quiet("second_factor/visit", 5.0),
    // One for both: whoever gets this far has the password.
    account: [quiet("second_factor/account", 5.0); 2],
    address: [
        steady("second_factor/address", 10.0, TimeDelta::minutes(1)),
        steady("second_factor/address/patient", 20.0, TimeDelta::seconds(3)),
    ],
};

/// Pays for a password.
pub async fn pay_for_password(
    app: &App,
    tenant: TenantId,
    username: &str,
    trier: Trier,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    let address = origin.limit_unit();
    // People type passwords into the name's field; what they typed is not kept.
    let account = hex::encode(SecretHash::of(&username.to_lowercase()).0);
    let asked =
        Asked { guards: &PASSWORD, account: format!("{account} {address}"), address: address.to_string() };
    asked.pay(app, tenant, trier).await
}

/// Pays for a code of a second factor. By the account wherever it is tried from: only those who know its password get
/// this far.
pub async fn pay_for_second_factor(
    app: &App,
    tenant: TenantId,
    user: UserId,
    trier: Trier,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    let address = origin.limit_unit().to_string();
    Asked { guards: &SECOND_FACTOR, account: user.to_string(), address }.pay(app, tenant, trier).await
}

/// What is guessed, of whom, from where.
struct Asked {
    guards: &'static Guards,
    account: String,
    address: String,
}

impl Asked {
    async fn pay(&self, app: &App, tenant: TenantId, trier: Trier) -> store::Result<Payment> {
        let now = app.clock.now();
        let mut transaction = app.begin(tenant).await?;
        let attempt = match trier {
            Trier::SignedIn(session) => {
                let costs = vec![(self.guards.session, session.to_string())];
                match quote(&mut transaction, tenant, costs, now).await? {
                    Ok(quotes) => Ok(pay(&mut transaction, tenant, quotes).await?),
                    Err(exhausted) => Err(exhausted),
                }
            }
            Trier::Known(id) => self.pay_known(&mut transaction, tenant, id, now).await?,
            Trier::Unknown(visit) => self.pay_unknown(&mut transaction, tenant, visit, now).await?,
        };
        if attempt.is_ok() {
            transaction.commit().await?;
        } else {
            log_limit(tenant, self.guards.name);
        }
        Ok(attempt)
    }

    /// After too many wrong ones in a row a known browser is one like any other.
    async fn pay_known(
        &self,
        db: &mut PgConnection,
        tenant: TenantId,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> store::Result<Payment> {
        let row = (self.guards.known_row, id.to_string());
        let Ok(mut quotes) = quote(&mut *db, tenant, vec![row.clone()], now).await? else {
            return self.pay_unknown(db, tenant, Visit { id, since: now - PATIENCE }, now).await;
        };
        match quote(&mut *db, tenant, vec![(self.guards.known, id.to_string())], now).await? {
            Ok(more) => quotes.extend(more),
            Err(exhausted) => return Ok(Err(exhausted)),
        }
        let attempt = pay(db, tenant, quotes).await?;
        Ok(Ok(PaidAttempt { rows: vec![row], trier: Some(Trier::Known(id)), ..attempt }))
    }

    async fn pay_unknown(
        &self,
        db: &mut PgConnection,
        tenant: TenantId,
        visit: Visit,
        now: DateTime<Utc>,
    ) -> store::Result<Payment> {
        let own = quote(&mut *db, tenant, vec![(self.guards.visit, visit.id.to_string())], now).await?;
        let open = self.quote(&mut *db, tenant, Lane::Open, now).await?;
        let patient = match &open {
            Ok(_) => Err(Exhausted { retry_after: TimeDelta::zero() }),
            Err(_) => self.quote(&mut *db, tenant, Lane::Patient, now).await?,
        };
        let free =
            |quotes: &Result<Vec<Quote>, Exhausted>| quotes.as_ref().map(|_| ()).map_err(|refused| *refused);
        let lane = match lane(free(&own), free(&open), free(&patient), now - visit.since) {
            Ok(lane) => lane,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        let of_address = match lane {
            Lane::Open => open,
            Lane::Patient => patient,
        };
        let quotes = own.into_iter().chain(of_address).flatten().collect();
        let attempt = pay(db, tenant, quotes).await?;
        Ok(Ok(PaidAttempt { trier: Some(Trier::Unknown(visit)), ..attempt }))
    }

    async fn quote(
        &self,
        db: &mut PgConnection,
        tenant: TenantId,
        lane: Lane,
        now: DateTime<Utc>,
    ) -> store::Result<Result<Vec<Quote>, Exhausted>> {
        let nth = usize::from(lane == Lane::Patient);
        let costs = vec![
            (self.guards.account[nth], self.account.clone()),
            (self.guards.address[nth], self.address.clone()),
        ];
        quote(db, tenant, costs, now).await
    }
}
