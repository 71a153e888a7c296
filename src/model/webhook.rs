//! Webhooks: endpoints that receive events (Standard Webhooks 1.0).

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::ids::{TenantId, WebhookId};

/// The most actions one webhook may name.
pub const MAX_ACTIONS: usize = 64;
/// What a secret begins with, as it is shown.
pub const SECRET_PREFIX: &str = "whsec_";

/// How long after each failed attempt the next one comes: three days in all.
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

/// After the first of several failed attempts in a row nothing is sent to a webhook for so long; twice as long after
/// each further one, up to the longest.
const SHORTEST_HOLD: TimeDelta = TimeDelta::seconds(5);
const LONGEST_HOLD: TimeDelta = TimeDelta::minutes(5);

/// How long a message may wait for a receiver that always fails, however seldom it was tried.
pub const MESSAGE_LIFETIME: TimeDelta = TimeDelta::days(4);

#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub tenant_id: TenantId,
    pub url: Url,
    /// The audit actions it subscribes to; empty means all.
    pub actions: Vec<String>,
    /// Whether it is told anything at present.
    pub enabled: bool,
    /// Until then nothing is sent to it, because attempts failed.
    pub held_until: Option<DateTime<Utc>>,
}

/// When to try again after `attempts` that failed; `None`: not any more.
#[must_use]
pub fn pause_after(attempts: u32) -> Option<TimeDelta> {
    let failed = usize::try_from(attempts).ok()?.checked_sub(1)?;
    PAUSES.get(failed).copied()
}

/// How long to send nothing more to a webhook after so many failed attempts in a row, whatever message they were of.
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
