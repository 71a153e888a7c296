//! Webhooks: addresses that are told what happened (Standard Webhooks 1.0).

use chrono::TimeDelta;
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

/// A webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Whose events it hears of.
    pub tenant_id: TenantId,
    /// Where messages go.
    pub url: Url,
    /// The actions of the audit trail it is told of; none: all.
    pub actions: Vec<String>,
    /// Whether it is told anything at present.
    pub enabled: bool,
}

/// When to try again after `attempts` that failed; `None`: not any more.
#[must_use]
pub fn pause_after(attempts: u32) -> Option<TimeDelta> {
    let failed = usize::try_from(attempts).ok()?.checked_sub(1)?;
    PAUSES.get(failed).copied()
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
}
