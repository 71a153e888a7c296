//! What was measured beside what it may cost.

use super::Report;
use crate::scenarios::Comparison;
use crate::scenarios::approvals::Approvals;
use crate::scenarios::outage::{Endured, Outage};

/// What a deed may cost.
struct Goal {
    name: &'static str,
    /// PostgreSQL: so many times so many least updates and inserts.
    times_least: f64,
    updates: f64,
    inserts: f64,
    /// The server: so many times the smallest handler, and so many signatures.
    times_handler: f64,
    signatures: f64,
    log_bytes: f64,
}

const START: Goal = Goal {
    name: "start",
    times_least: 1.6,
    updates: 0.0,
    inserts: 1.0,
    times_handler: 3.0,
    signatures: 0.0,
    log_bytes: 800.0,
};
const REDEMPTION: Goal = Goal {
    name: "redemption",
    times_least: 2.0,
    updates: 1.0,
    inserts: 2.0,
    times_handler: 3.0,
    signatures: 2.0,
    log_bytes: 1_900.0,
};
const REFRESH: Goal = Goal {
    name: "refresh",
    times_least: 1.5,
    updates: 1.0,
    inserts: 1.0,
    times_handler: 3.0,
    signatures: 2.0,
    log_bytes: 900.0,
};

/// A sentence for each deed that was measured.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(least) = &report.least {
        let micros =
            |figure: Option<f64>| figure.map_or_else(|| "not seen".to_owned(), |us| format!("{us:.1} µs"));
        lines.push(format!(
            "the least: an insert of 200 bytes costs PostgreSQL {}, a HOT update {}; an ES256 signature {:.1} µs",
            micros(least.insert.postgres_us),
            micros(least.update.postgres_us),
            least.signature_us
        ));
    }
    for (goal, comparison) in
        [(START, report.start), (REDEMPTION, report.redemption), (REFRESH, report.refresh)]
    {
        let told = comparison.map(|comparison| goal.tell(report, &comparison)).unwrap_or_default();
        if !told.is_empty() {
            lines.push(format!("{}: {}", goal.name, told.join("; ")));
        }
    }
    lines.extend(report.approvals.as_ref().map(approvals));
    lines.extend(report.outage.iter().flat_map(outage));
    lines
}

/// What approvals of one tenant are to reach: a round trip to the database in milliseconds, and how many a second.
const APPROVALS: [(u64, f64); 2] = [(0, 1_000.0), (10, 500.0)];
/// How long no deed may take, and at which round trip to the database, in milliseconds.
const LONGEST_DEED_MS: (u64, f64) = (200, 2_000.0);
/// From the entry to the decision.
const APPROVAL_LOG_BYTES: f64 = 2_048.0;

fn approvals(approvals: &Approvals) -> String {
    let at = |distance: u64| approvals.distances.iter().find(|at| at.round_trip_ms == distance);
    let mut told = Vec::new();
    for (distance, goal) in APPROVALS {
        if let Some(at) = at(distance) {
            told.push(format!("{:.0} a second at {distance} ms (goal {goal})", at.per_second));
        }
    }
    let (distance, goal) = LONGEST_DEED_MS;
    if let Some(at) = at(distance) {
        let longest = at.longest_ms();
        told.push(format!(
            "the longest sign-in, entry or decision at {distance} ms took {longest:.0} ms (goal {goal})"
        ));
    }
    if let Some(bytes) = approvals.log_bytes {
        told.push(format!(
            "{bytes:.0} bytes of log from the entry to the decision (goal {APPROVAL_LOG_BYTES})"
        ));
    }
    format!("approvals: {}", told.join("; "))
}

/// While the database is away, polls that wait are answered so soon, in milliseconds.
const POLL_IN_OUTAGE_MS: f64 = 50.0;
/// Everything works again so many seconds after the database does.
const WELL_AFTER_SECONDS: f64 = 5.0;
/// A server that stands still holds up the others for so many milliseconds.
const HELD_UP_MS: f64 = 6_000.0;

fn outage(outage: &Outage) -> Vec<String> {
    let Outage { faults, neighbour, stalls } = outage;
    let mut lines = Vec::new();
    if !faults.is_empty() {
        let longest = |figure: fn(&Endured) -> f64| faults.iter().map(figure).fold(0.0, f64::max);
        let other: usize = faults.iter().map(|endured| endured.polls - endured.pending).sum();
        let lost: usize = faults.iter().map(|endured| endured.lost).sum();
        lines.push(format!(
            "the database is away: polls of waiting codes p99 {:.2} ms (goal {POLL_IN_OUTAGE_MS}), {other} of them not \
             answered as pending (goal 0); all works {:.1} s after it is back (goal {WELL_AFTER_SECONDS}); {lost} devices \
             or people refused for good (goal 0)",
            longest(|endured| endured.poll_p99_ms),
            longest(Endured::well_for_good_after)
        ));
    }
    if let Some(neighbour) = neighbour {
        lines.push(format!(
            "a server stood still {} times for {} s: beside it the longest start took {:.0} ms, the longest entry or \
             decision {:.0} ms (goal {HELD_UP_MS}), and {} of {} answers were 503; at the one that stood still {} were; {} \
             deeds refused for good (goal 0)",
            neighbour.freezes,
            neighbour.seconds,
            neighbour.longest_start_ms,
            neighbour.longest_approval_ms,
            neighbour.refused,
            neighbour.done + neighbour.refused,
            neighbour.refused_at_frozen,
            neighbour.lost
        ));
    }
    if !stalls.is_empty() {
        let lost: usize = stalls.iter().map(|stall| stall.lost).sum();
        let thefts: i64 = stalls.iter().map(|stall| stall.thefts).sum();
        lines.push(format!("stalls: {lost} devices lost (goal 0), {thefts} taken for thieves (goal 0)"));
    }
    lines
}

impl Goal {
    fn tell(&self, report: &Report, comparison: &Comparison) -> Vec<String> {
        let mut told = Vec::new();
        let least = report.least.and_then(|least| {
            Some(self.updates * least.update.postgres_us? + self.inserts * least.insert.postgres_us?)
        });
        if let Some((postgres, least)) = comparison.cost.postgres_us.zip(least) {
            let times = postgres / least;
            told.push(format!("PostgreSQL {times:.2} times the least (goal {})", self.times_least));
        }
        if let Some((handler, least)) = report.pending_poll.zip(report.least) {
            let handler = handler.reference.own_us;
            let times = (comparison.cost.server_us - self.signatures * least.signature_us) / handler;
            let beside = if self.signatures > 0.0 { " beside its signatures" } else { "" };
            told.push(format!(
                "server {times:.2} times the smallest handler{beside} (goal {})",
                self.times_handler
            ));
        }
        if let Some(bytes) = comparison.log_bytes {
            told.push(format!("{bytes:.0} bytes of log (goal {})", self.log_bytes));
        }
        told
    }
}
