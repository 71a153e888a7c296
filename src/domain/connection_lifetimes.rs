//! How long a connection lasts: by the settings, longer for trusted devices, never longer than the policy allows.

use chrono::TimeDelta;

use crate::config::Tokens;
use crate::model::policy::Policy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLifetimes {
    /// A refresh token dies when it is not used for this long.
    pub idle: TimeDelta,
    /// The connection ends this long after it began.
    pub absolute: TimeDelta,
}

impl ConnectionLifetimes {
    #[must_use]
    pub fn usual(settings: &Tokens, policy: &Policy) -> Self {
        Self::within(settings.refresh_idle_seconds, settings.refresh_absolute_seconds, policy)
    }

    #[must_use]
    pub fn trusted(policy: &Policy) -> Self {
        Self::within(policy.trust.idle_seconds, policy.trust.absolute_seconds, policy)
    }

    fn within(idle: u32, absolute: u32, policy: &Policy) -> Self {
        let absolute = absolute.min(policy.grant.max_lifetime_seconds);
        Self { idle: seconds(idle), absolute: seconds(absolute) }
    }

    /// Whether a connection can last longer with these than with `others`.
    #[must_use]
    pub fn outlasts(&self, others: Self) -> bool {
        self.absolute > others.absolute || self.idle.min(self.absolute) > others.idle.min(others.absolute)
    }

    /// The same, where the person, or a scope, has it end sooner.
    #[must_use]
    pub fn at_most(self, lifetime_seconds: Option<u32>) -> Self {
        Self {
            absolute: lifetime_seconds.map_or(self.absolute, |most| self.absolute.min(seconds(most))),
            ..self
        }
    }
}

fn seconds(seconds: u32) -> TimeDelta {
    TimeDelta::seconds(i64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_trusted_device_lasts_longer_and_nothing_longer_than_the_policy_and_the_person_want() {
        let Config { tokens, mut policy, .. } = Config::default();
        let days =
            |lifetimes: ConnectionLifetimes| (lifetimes.idle.num_days(), lifetimes.absolute.num_days());
        assert_eq!(days(ConnectionLifetimes::usual(&tokens, &policy)), (14, 90));
        assert_eq!(days(ConnectionLifetimes::trusted(&policy)), (90, 365));
        assert_eq!(days(ConnectionLifetimes::trusted(&policy).at_most(Some(86_400))), (90, 1));
        policy.grant.max_lifetime_seconds = 30 * 86_400;
        assert_eq!(days(ConnectionLifetimes::usual(&tokens, &policy)), (14, 30));
        let asked = ConnectionLifetimes::trusted(&policy).at_most(Some(60 * 86_400));
        assert_eq!(days(asked), (90, 30));
    }
}
