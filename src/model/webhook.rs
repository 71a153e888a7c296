//! Webhooks: endpoints that receive events (Standard Webhooks 1.0).

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::ids::{TenantId, WebhookId};

/// The maximum number of actions that one webhook may name.
pub const MAX_ACTIONS: usize = 64;
/// The prefix of a secret, as it is shown.
pub const SECRET_PREFIX: &str = "whsec_";

/// The delay before each retry; three days in total.
const PAUSES: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];

/// How long nothing is sent to a webhook after the first of several consecutive failures. It doubles with each further
/// failure, up to the maximum.
const SHORTEST_HOLD: TimeDelta = TimeDelta::seconds(5);
const LONGEST_HOLD: TimeDelta = TimeDelta::minutes(5);

/// How long a message may wait for a receiver that always fails, however rarely it was tried.
pub const MESSAGE_LIFETIME: TimeDelta = TimeDelta::days(4);

#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub tenant_id: TenantId,
    pub url: Url,
    /// The audit actions it subscribes to; empty means all.
    pub actions: Vec<String>,
    /// If `false`, nothing is sent to it.
    pub enabled: bool,
    /// Nothing is sent to it before this time, because attempts failed.
    pub held_until: Option<DateTime<Utc>>,
}

/// When to retry after `attempts` failures; `None` means never.
#[must_use]
pub fn pause_after(attempts: u32) -> Option<TimeDelta> {
    let failed = usize::try_from(attempts).ok()?.checked_sub(1)?;
    PAUSES.get(failed).copied()
}

/// How long to pause a webhook after this many consecutive failures, across messages.
#[must_use]
pub fn hold_after(failures: u32) -> TimeDelta {
    let doubled =
        2_i32.checked_pow(failures.saturating_sub(1)).and_then(|times| SHORTEST_HOLD.checked_mul(times));
    doubled.map_or(LONGEST_HOLD, |hold| hold.min(LONGEST_HOLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_ten_times_over_three_days() {
        let pauses: Vec<TimeDelta> = (1..).map_while(pause_after).collect();
        assert_eq!(pauses.len(), 9);
        assert!(pauses.is_sorted());
        assert_eq!(pauses.iter().sum::<TimeDelta>().num_hours(), 75);
        assert_eq!(pause_after(0), None);
    }

    #[test]
    fn a_failing_receiver_is_left_alone_for_longer_and_longer_up_to_five_minutes() {
        let holds: Vec<i64> = (1..=8).map(|failures| hold_after(failures).num_seconds()).collect();
        assert_eq!(holds, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(hold_after(u32::MAX), LONGEST_HOLD);
    }
}
