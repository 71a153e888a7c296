//! A device-authorization session: one device code with its user code (RFC 8628 §3.2).
//!
//! ```text
//!                 approve                 redeem
//!   ┌─────────┐ ──────────▶ ┌──────────┐ ──────────▶ ┌──────────┐
//!   │ pending │             │ approved │             │ consumed │
//!   └─────────┘             └──────────┘             └──────────┘
//!     │  │  │  approve,           ▲ the device sends
//!     │  │  │  to be confirmed    │ the right characters
//!     │  │  └──────────────▶ ┌────────────┐ three wrong ones, or disowned
//!     │  │                   │ confirming │ ──────▶ denied
//!     │  │ deny              └────────────┘
//!     │  └─────────────────▶ denied
//!     │ expires_at
//!     └────────────────────▶ expired ◀── confirming at expires_at; approved, not collected in time
//! ```
//!
//! *Expired* is not stored: it is what a pending, confirming or approved session is once its time has passed. To a
//! poll without the right characters, a confirming session is pending.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::acr::Acr;
use super::device::DeviceDescription;
use super::ids::{ApproverId, ClientId, DeviceAuthorizationId, TenantId, UserId};
use super::key_thumbprint::KeyThumbprint;
use super::place::Place;
use super::scope::ScopeSet;

/// The longest that a code may live, whatever the settings say.
pub const MAX_CODE_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long an approved code can be collected at the least, even when it was approved just before it expired.
pub const REDEMPTION_WINDOW: TimeDelta = TimeDelta::seconds(60);
/// How often one code may be opened on the consent page before it dies.
pub const MAX_OPENINGS: i32 = 5;
/// What `amr` says of more than one factor (RFC 8176 §2).
const MULTIPLE_FACTORS: &str = "mfa";
/// What `slow_down` adds to the interval (RFC 8628 §3.5).
pub const SLOW_DOWN_STEP_SECONDS: u32 = 5;
/// The longest interval `slow_down` leads to.
pub const MAX_INTERVAL_SECONDS: u32 = 60;
/// How much earlier than its interval a poll may arrive: clients wait exactly, networks do not.
pub const POLL_TOLERANCE: TimeDelta = TimeDelta::seconds(1);

/// A session, as far as polling and redeeming need it.
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    pub id: DeviceAuthorizationId,
    pub tenant_id: TenantId,
    /// The client that asked; nobody else may poll.
    pub client_id: ClientId,
    /// The key that the device proved to hold (RFC 9449); nobody without it may poll.
    pub dpop_key: Option<KeyThumbprint>,
    pub expires_at: DateTime<Utc>,
    pub state: State,
}

/// The stored state of a device authorization.
#[derive(Clone, Debug)]
pub enum State {
    Pending,
    /// Somebody said yes; the device must send what the approval page shows.
    Confirming(Approval),
    /// Somebody said yes; the tokens wait to be collected.
    Approved(Approval),
    Denied,
    Consumed(Consumption),
}

#[derive(Clone, Debug)]
pub struct Consumption {
    pub approval: Approval,
    pub at: DateTime<Utc>,
}

/// The tokens that a redemption brought, as long as nobody has used them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstTokens {
    /// The answer that carried them is known to be lost.
    pub unanswered: bool,
}

#[derive(Clone, Debug)]
pub struct Approval {
    pub user_id: UserId,
    pub scopes: ScopeSet,
    pub at: DateTime<Utc>,
    /// When and how that person had proved who they are.
    pub authentication: Authentication,
    /// Whether they called the device trusted.
    pub trusted: bool,
    /// How long they want the connection to last at most, in seconds; `None`: as long as the policy allows.
    pub lifetime_seconds: Option<u32>,
}

/// How a person proved who they are.
#[derive(Clone, Debug)]
pub struct Authentication {
    /// When (OpenID Connect Core §2, `auth_time`).
    pub auth_time: DateTime<Utc>,
    /// By what (RFC 8176, `amr`).
    pub amr: Vec<String>,
}

impl Authentication {
    #[must_use]
    pub fn by_password(at: DateTime<Utc>) -> Self {
        Self { auth_time: at, amr: vec!["pwd".to_owned()] }
    }

    /// By a password and a code. A recovery code is a password for one time as well, so resource servers have no third
    /// case to know; the audit trail tells them apart.
    #[must_use]
    pub fn by_two_factors(at: DateTime<Utc>) -> Self {
        Self { auth_time: at, amr: ["pwd", "otp", MULTIPLE_FACTORS].map(str::to_owned).to_vec() }
    }

    #[must_use]
    pub fn acr(&self) -> Acr {
        if self.amr.iter().any(|method| method == MULTIPLE_FACTORS) {
            Acr::TwoFactors
        } else {
            Acr::OneFactor
        }
    }
}

/// Where a session stands at one moment.
#[derive(Debug)]
pub enum Phase<'a> {
    Pending,
    /// It was approved, and waits for the device to confirm that.
    Confirming,
    Approved(&'a Approval),
    Denied,
    /// Its time passed before it was decided, or before it was collected.
    Expired,
    Consumed(&'a Consumption),
}

impl DeviceAuthorization {
    /// Where the session stands at `now`.
    #[must_use]
    pub fn phase(&self, now: DateTime<Utc>) -> Phase<'_> {
        match &self.state {
            State::Pending | State::Confirming(_) if now >= self.expires_at => Phase::Expired,
            State::Pending => Phase::Pending,
            State::Confirming(_) => Phase::Confirming,
            State::Approved(approval) if now >= self.expires_at.max(approval.at + REDEMPTION_WINDOW) => {
                Phase::Expired
            }
            State::Approved(approval) => Phase::Approved(approval),
            State::Denied => Phase::Denied,
            State::Consumed(consumption) => Phase::Consumed(consumption),
        }
    }
}

/// When a device polled, and how often it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    pub interval_seconds: u32,
    pub last_polled_at: Option<DateTime<Utc>>,
}

impl Polling {
    /// Whether a poll arriving `now` comes before its time. The first poll never does, nor one that seems to
    /// come before the last, which tells of a clock set back and not of a hasty device.
    #[must_use]
    pub fn is_early(&self, now: DateTime<Utc>) -> bool {
        self.last_polled_at.is_some_and(|last| last <= now && last > self.silent_since(now))
    }

    /// Since when nobody may have polled for a poll arriving `now` to be on time.
    #[must_use]
    pub fn silent_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - (TimeDelta::seconds(i64::from(self.interval_seconds)) - POLL_TOLERANCE)
    }

    /// The interval after a `slow_down` (RFC 8628 §3.5).
    #[must_use]
    pub fn slowed_interval(&self) -> u32 {
        (self.interval_seconds + SLOW_DOWN_STEP_SECONDS).min(MAX_INTERVAL_SECONDS.max(self.interval_seconds))
    }
}

/// How a user code came to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeArrival {
    Typed,
    /// A link or QR code carried it (RFC 8628 §3.3.1).
    Link,
}

impl CodeArrival {
    /// By a link, if it came by one either time.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Typed, Self::Typed) => Self::Typed,
            (Self::Link, _) | (_, Self::Link) => Self::Link,
        }
    }
}

/// What a person is shown before deciding.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    pub session: DeviceAuthorization,
    /// The user code, sealed.
    pub user_code_sealed: Vec<u8>,
    /// The scopes the device asked for; `None`: it named none.
    pub requested_scopes: Option<ScopeSet>,
    /// The URIs of the services it asked for (RFC 8707); none: the tenant's default.
    pub resources: Vec<String>,
    /// What the device says about itself.
    pub device: DeviceDescription,
    pub ip_address: Option<IpAddr>,
    /// Where that is, as far as it is known.
    pub place: Option<Place>,
    pub user_agent: Option<String>,
    pub created_at: DateTime<Utc>,
    pub opened_by: Option<ApproverId>,
    /// The accounts that opened it by a link, each for good: typing the code later does not change it.
    pub linked_by: Vec<UserId>,
}

impl DeviceRequest {
    /// How the code came to this account.
    #[must_use]
    pub fn arrival_for(&self, user: UserId) -> CodeArrival {
        if self.linked_by.contains(&user) { CodeArrival::Link } else { CodeArrival::Typed }
    }
}
