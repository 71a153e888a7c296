//! From rounds to figures: per-request costs, and medians over the rounds.

use crate::drive::Tally;
use crate::roles::bound::Bound;

/// One round of a scenario on one side.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// What the load saw.
    pub(crate) tally: Tally,
    /// Processor time of all servers together, in microseconds.
    pub(crate) server_us: f64,
    /// Processor time of the database server, where it can be seen.
    pub(crate) postgres_us: Option<f64>,
}

/// What a request costs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Processor time of the server, in microseconds.
    pub(crate) server_us: f64,
    /// Processor time of the database server, in microseconds.
    pub(crate) postgres_us: Option<f64>,
    /// Half the answers came within so many milliseconds.
    pub(crate) p50_ms: f64,
    /// All but one in a hundred did.
    pub(crate) p99_ms: f64,
    /// Answers a second.
    pub(crate) per_second: f64,
}

impl Cost {
    /// The medians over the rounds.
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let each = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let postgres: Option<Vec<f64>> =
            rounds.iter().map(|round| Some(round.postgres_us? / requests(round))).collect();
        Self {
            server_us: each(|round| round.server_us / requests(round)),
            postgres_us: postgres.map(median),
            p50_ms: each(|round| percentile(&round.tally.latencies, 0.50)),
            p99_ms: each(|round| percentile(&round.tally.latencies, 0.99)),
            per_second: each(|round| requests(round) / round.tally.elapsed.as_secs_f64()),
        }
    }

    /// Both sides together.
    pub(crate) fn whole_us(&self) -> f64 {
        self.server_us + self.postgres_us.unwrap_or(0.0)
    }
}

/// What the least possible costs, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    /// On the side of the server.
    pub(crate) own_us: f64,
    /// On the side of the database server.
    pub(crate) postgres_us: Option<f64>,
}

impl Reference {
    /// The medians over the bound's rounds.
    pub(crate) fn of(rounds: &[Bound]) -> Self {
        let postgres: Option<Vec<f64>> = rounds.iter().map(|bound| bound.postgres_us).collect();
        let own_us = median(rounds.iter().map(|bound| bound.client_us).collect());
        Self { own_us, postgres_us: postgres.map(median) }
    }

    /// Both sides together.
    pub(crate) fn whole_us(self) -> f64 {
        self.own_us + self.postgres_us.unwrap_or(0.0)
    }

    /// For the table: one side, or both.
    pub(crate) fn words(self) -> String {
        match self.postgres_us {
            Some(postgres) => format!("{:.1} + {postgres:.1}", self.own_us),
            None => format!("{:.1}", self.own_us),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn requests(round: &Round) -> f64 {
    round.tally.requests().max(1) as f64
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The latency that so great a share of the answers stayed within, in milliseconds.
pub(crate) fn percentile(micros: &[u32], share: f64) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
}
