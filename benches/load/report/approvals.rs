//! Approvals by distance, as a table of their own.

use serde_json::{Value, json};

use crate::scenarios::approvals::{Approvals, Distance, Times};

const HEAD: &str = "
| approvals, two servers: round trip ms | measured ms | connections | people at once | approvals/s | with start/s | server CPU µs | PostgreSQL CPU µs | entry p50 ms | p99 ms | longest ms | decision p50 ms | p99 ms | longest ms | sign-in p50 ms | longest ms | longest cold ms | wrong |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// The table.
pub(super) fn table(approvals: &Approvals) -> String {
    let rows: String = approvals.distances.iter().map(row).collect();
    format!("{HEAD}{rows}")
}

fn row(at: &Distance) -> String {
    let postgres = at.postgres_us.map_or_else(|| "not seen".to_owned(), |micros| format!("{micros:.0}"));
    let three = |Times { p50_ms, p99_ms, longest_ms }| format!("{p50_ms:.1} | {p99_ms:.1} | {longest_ms:.1}");
    format!(
        "| {} | {:.2} | {} | {} | {:.0} | {:.0} | {:.0} | {postgres} | {} | {} | {:.1} | {:.1} | {:.1} | {} |\n",
        at.round_trip_ms,
        at.measured_ms,
        at.connections,
        at.people,
        at.per_second,
        at.with_start_per_second,
        at.server_us,
        three(at.entry),
        three(at.decision),
        at.sign_in.p50_ms,
        at.sign_in.longest_ms,
        at.longest_cold_ms,
        at.failed
    )
}

/// The same for programs.
pub(super) fn json(approvals: &Approvals) -> Value {
    let times = |Times { p50_ms, p99_ms, longest_ms }| json!({"p50_ms": p50_ms, "p99_ms": p99_ms, "longest_ms": longest_ms});
    let distances: Vec<Value> = approvals
        .distances
        .iter()
        .map(|at| {
            json!({
                "round_trip_ms": at.round_trip_ms, "measured_ms": at.measured_ms, "connections": at.connections,
                "people": at.people, "per_second": at.per_second,
                "with_start_per_second": at.with_start_per_second, "server_cpu_us": at.server_us,
                "postgres_cpu_us": at.postgres_us, "entry": times(at.entry), "decision": times(at.decision),
                "sign_in": times(at.sign_in), "longest_cold_ms": at.longest_cold_ms, "wrong_answers": at.failed,
            })
        })
        .collect();
    json!({"distances": distances, "log_bytes": approvals.log_bytes})
}
