//! The one place that asks what time it is. Rules are given `now`; tests hold the clock still.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The computer's clock.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        Self(Arc::new(Utc::now))
    }

    /// A clock that says what `source` says.
    pub fn from_fn(source: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Now, to the microsecond: the database keeps no more, and times must compare equal after a round trip.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)().trunc_subsecs(6)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
