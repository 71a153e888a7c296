//! Whether an item was sent to the database, and when: shared by the code that sends it and the code that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Not sent yet; someone waits for it.
const WAITING: i64 = i64::MIN;
/// Not sent, and it will not be.
const GIVEN_UP: i64 = i64::MAX;

/// The state of one item of a batch. It is either sent or given up, never both.
#[derive(Clone, Debug)]
pub struct Sending(Arc<AtomicI64>);

impl Default for Sending {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(WAITING)))
    }
}

impl Sending {
    /// An item that was sent at this time.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(time.timestamp_micros())))
    }

    /// Notes that it is sent now, to the microsecond. Returns `false` if it was given up: then it must not be sent.
    #[must_use]
    pub fn send(&self, now: DateTime<Utc>) -> bool {
        self.0.compare_exchange(WAITING, now.timestamp_micros(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Gives it up if it was not sent. Otherwise returns when it was sent: it may be stored, now or later.
    #[must_use]
    pub fn give_up(&self) -> Option<DateTime<Utc>> {
        match self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(GIVEN_UP) => None,
            Err(micros) => DateTime::from_timestamp_micros(micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_never_sent() {
        let sending = Sending::default();
        assert_eq!(sending.give_up(), None);
        assert!(!sending.send(DateTime::UNIX_EPOCH));
        assert_eq!(sending.give_up(), None);
    }

    #[test]
    fn what_was_sent_is_not_forgotten() {
        let sending = Sending::default();
        assert!(sending.clone().send(DateTime::UNIX_EPOCH));
        assert_eq!(sending.give_up(), Some(DateTime::UNIX_EPOCH));
        assert_eq!(Sending::at(DateTime::UNIX_EPOCH).give_up(), Some(DateTime::UNIX_EPOCH));
    }
}
