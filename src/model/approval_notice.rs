//! What a person is told of an approval in their name, and how long the telling is tried.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::ids::{DeviceAuthorizationId, TenantId};
use super::place::Place;
use super::tenant::TenantSlug;
use super::tenant_host::TenantHost;

/// How long "this was not me" can be said.
pub const LINK_LIFETIME: TimeDelta = TimeDelta::days(7);
/// How long an attempt to send may take: nobody else tries meanwhile.
pub const ATTEMPT: TimeDelta = TimeDelta::minutes(2);
/// When a message that could not be sent is given up.
pub const GIVEN_UP_AFTER: TimeDelta = TimeDelta::hours(24);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// What was approved, as the person is told.
#[derive(Clone, Debug)]
pub struct Approved {
    pub client_name: String,
    /// The name the device gave itself.
    pub device_name: Option<String>,
    /// From which address the device had asked.
    pub ip_address: Option<IpAddr>,
    /// Where that was, as far as it is known.
    pub place: Option<Place>,
    pub at: DateTime<Utc>,
}

/// A message that is to be sent now.
#[derive(Debug)]
pub struct DueNotice {
    pub session_id: DeviceAuthorizationId,
    pub tenant_id: TenantId,
    pub tenant_slug: TenantSlug,
    /// The tenant's own host, if it has one.
    pub tenant_host: Option<TenantHost>,
    pub tenant_name: String,
    pub recipient: String,
    /// In which language (RFC 5646).
    pub language: String,
    pub approved: Approved,
    /// What the link carries, sealed.
    pub token_sealed: Vec<u8>,
    /// How often it has been tried, this time included.
    pub attempts: i32,
}

/// When to try again after so many attempts in vain; `None`: not any more.
#[must_use]
pub fn next_attempt(attempts: i32, approved_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let doublings = u32::try_from(attempts.clamp(1, 8)).unwrap_or(1) - 1;
    let pause = (TimeDelta::minutes(1) * 2_i32.pow(doublings)).min(LONGEST_PAUSE);
    (now + pause <= approved_at + GIVEN_UP_AFTER).then(|| now + pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_end_after_a_day() {
        let begin = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let pause = |attempts| (next_attempt(attempts, begin, begin).unwrap() - begin).num_minutes();
        assert_eq!([1, 2, 3, 6, 7, 8, 1000].map(pause), [1, 2, 4, 32, 60, 60, 60]);
        assert!(next_attempt(9, begin, begin + TimeDelta::hours(23)).is_some());
        assert!(next_attempt(9, begin, begin + TimeDelta::hours(23) + TimeDelta::seconds(1)).is_none());

        let (mut attempts, mut now) = (1, begin);
        while let Some(next) = next_attempt(attempts, begin, now) {
            (attempts, now) = (attempts + 1, next);
        }
        assert_eq!(attempts, 29);
    }
}
