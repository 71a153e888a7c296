//! How far this computer's clock is from the database's. Servers agree all the same, since each follows the database's
//! time. A wrong clock of the computer affects only what others judge by theirs, such as the tokens that it signs.
//!
//! A difference never stops a server: if the database's clock is the wrong one, every server finds a difference.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;

use crate::app::App;
use crate::clock::Sample;
use crate::store::{self, StoreError, database_clock};

/// From here on the log reports it.
const NOTABLE: TimeDelta = TimeDelta::seconds(1);
/// Above, verifiers and devices notice, too.
const SERIOUS: TimeDelta = TimeDelta::seconds(60);
/// The number of questions in one measurement.
const QUESTIONS: usize = 3;
/// How long one measurement may take. A later answer is of little use.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    None,
    /// Worth a line in the log.
    Notable,
    /// Operators must know: tokens and proofs are rejected.
    Serious,
}

/// The rule: how bad it is if the computer's clock is this far ahead of the database's, or behind it.
#[must_use]
pub fn gravity(lead: TimeDelta) -> Gravity {
    match lead.abs() {
        distance if distance > SERIOUS => Gravity::Serious,
        distance if distance >= NOTABLE => Gravity::Notable,
        _ => Gravity::None,
    }
}

/// Returns a warning for operators if the difference is serious.
#[must_use]
pub fn concern(app: &App) -> Option<String> {
    let lead = app.clock.lead();
    (gravity(lead) == Gravity::Serious).then(|| sentence(lead))
}

/// Describes the difference in words.
#[must_use]
pub fn sentence(lead: TimeDelta) -> String {
    let (seconds, direction) =
        (lead.abs().as_seconds_f64(), if lead < TimeDelta::zero() { "behind" } else { "ahead of" });
    format!(
        "the clock of this instance is {seconds:.1} s {direction} the clock of the database; synchronize \
         both with NTP"
    )
}

/// Compares this computer's clock with the database's, and follows the latter from now on. If that fails, the last
/// measurement stays in use.
pub async fn measure(app: &App) -> store::Result<()> {
    let answers = match app.clock.reference() {
        Some(database) => vec![Sample { asked: app.clock.now(), database, answered: app.clock.now() }],
        None => timeout(PATIENCE, ask(app)).await.unwrap_or(Err(StoreError::TookTooLong))?,
    };
    app.clock.correct(&answers);
    Ok(())
}

async fn ask(app: &App) -> store::Result<Vec<Sample>> {
    // Waiting for a connection must not count as part of the round trip.
    let mut connection = app.db.acquire().await?;
    let mut answers = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let asked = app.clock.now();
        let database = database_clock::read(&mut *connection).await?;
        answers.push(Sample { asked, database, answered: app.clock.now() });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_notable_from_a_second_and_serious_above_a_minute_in_either_direction() {
        for (millis, expected) in [
            (999, Gravity::None),
            (1_000, Gravity::Notable),
            (60_000, Gravity::Notable),
            (60_001, Gravity::Serious),
        ] {
            for lead in [TimeDelta::milliseconds(millis), TimeDelta::milliseconds(-millis)] {
                assert_eq!(gravity(lead), expected, "{lead}");
            }
        }
    }

    #[test]
    fn the_direction_is_named() {
        assert!(
            sentence(TimeDelta::milliseconds(-61_500)).contains("61.5 s behind the clock of the database")
        );
        assert!(sentence(TimeDelta::seconds(300)).contains("300.0 s ahead of the clock of the database"));
    }
}
