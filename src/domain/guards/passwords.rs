//! The guards of passwords and second factors. A browser that the account knows has tries of its own; all others share
//! those of their address by the rule of [`lane`].

use chrono::TimeDelta;
use uuid::Uuid;

use super::{PaidAttempt, Payment, Reservation, exhausted};
use crate::app::App;
use crate::model::attempt_budget::{Guard, Refill, TooManyAttemptsError};
use crate::model::bearer_secret::SecretHash;
use crate::model::guessing::{PATIENCE, Trier, Visit, lane};
use crate::model::ids::{TenantId, UserId};
use crate::model::known_browser;
use crate::model::request_origin::RequestOrigin;
use crate::store;
use crate::store::attempt_budgets::{FIRST_WAY, Guarded, SECOND_WAY};

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
        let payment = match trier {
            Trier::SignedIn(session) => {
                let guards = Guarded::default().and(self.guards.session, session.to_string(), FIRST_WAY);
                self.reservation(app, tenant, guards).make(app).await?.map_err(exhausted)
            }
            Trier::Known(id) => self.pay_known(app, tenant, id).await?,
            Trier::Unknown(visit) => self.pay_unknown(app, tenant, visit).await?,
        };
        Ok(payment.map(|attempt| match trier {
            Trier::SignedIn(_) => attempt,
            Trier::Known(_) | Trier::Unknown(_) => {
                PaidAttempt { trier: attempt.trier.or(Some(trier)), ..attempt }
            }
        }))
    }

    fn reservation(&self, app: &App, tenant: TenantId, guards: Guarded) -> Reservation {
        Reservation::new(app, tenant, self.guards.name, guards)
    }

    /// After too many wrong ones in a row a known browser is one like any other.
    async fn pay_known(&self, app: &App, tenant: TenantId, id: Uuid) -> store::Result<Payment> {
        let guards = Guarded::default().and(self.guards.known_row, id.to_string(), FIRST_WAY).and(
            self.guards.known,
            id.to_string(),
            FIRST_WAY,
        );
        match self.reservation(app, tenant, guards).make(app).await? {
            Ok(attempt) => {
                let rows = vec![(self.guards.known_row.name, id.to_string())];
                Ok(Ok(PaidAttempt { rows, ..attempt }))
            }
            Err(quotes) if quotes.waits.first().is_some_and(Option::is_some) => {
                let visit = Visit { id, since: app.clock.now() - PATIENCE };
                let payment = self.pay_unknown(app, tenant, visit).await?;
                Ok(payment.map(|attempt| PaidAttempt { trier: Some(Trier::Unknown(visit)), ..attempt }))
            }
            Err(quotes) => Ok(Err(exhausted(quotes))),
        }
    }

    async fn pay_unknown(&self, app: &App, tenant: TenantId, visit: Visit) -> store::Result<Payment> {
        let age = app.clock.now() - visit.since;
        let patient = if age >= PATIENCE { SECOND_WAY } else { 0 };
        let ([account, patient_account], [address, patient_address]) =
            (self.guards.account, self.guards.address);
        // Where both lanes have one guard, it stands once.
        let is_shared = account.name == patient_account.name;
        let mut guards = Guarded::default()
            .and(self.guards.visit, visit.id.to_string(), FIRST_WAY | patient)
            .and(account, &*self.account, if is_shared { FIRST_WAY | patient } else { FIRST_WAY })
            .and(address, &*self.address, FIRST_WAY)
            .and(patient_address, &*self.address, patient);
        if !is_shared {
            guards = guards.and(patient_account, &*self.account, patient);
        }
        let quotes = match self.reservation(app, tenant, guards).make(app).await? {
            Ok(attempt) => return Ok(Ok(attempt)),
            Err(quotes) => quotes,
        };
        let asked = |at: usize| quotes.waits.get(at).and_then(Option::as_ref);
        let room = |waits: &[Option<&TimeDelta>]| match waits.iter().flatten().max() {
            Some(wait) => Err(TooManyAttemptsError { retry_after: **wait }),
            None => Ok(()),
        };
        let (own, open) = (room(&[asked(0)]), room(&[asked(1), asked(2)]));
        let patient = room(&[asked(if is_shared { 1 } else { 4 }), asked(3)]);
        let refused = lane(own, open, patient, age).err();
        Ok(Err(refused.unwrap_or_else(|| exhausted(quotes))))
    }
}
