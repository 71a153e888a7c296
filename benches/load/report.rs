//! The figures as a table for docs/benchmarks.md, and as JSON.

mod approvals;
mod goals;
mod outage;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::figures::Cost;
use crate::scenarios::Comparison;
use crate::scenarios::approvals::Approvals;
use crate::scenarios::introspection::Introspection;
use crate::scenarios::least::Least;
use crate::scenarios::login::Login;
use crate::scenarios::outage::Outage;
use crate::scenarios::replicas::Replicas;
use crate::scenarios::waiting::Waiting;
use crate::scenarios::waiting_poll::WaitingPoll;

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Where and how, a line each.
    pub(crate) circumstances: Vec<String>,
    /// What was measured, in order.
    pub(crate) start: Option<Comparison>,
    /// What the goals are told by.
    pub(crate) least: Option<Least>,
    /// A pending poll.
    pub(crate) pending_poll: Option<Comparison>,
    /// A poll that comes too early.
    pub(crate) early_poll: Option<Comparison>,
    /// A redemption.
    pub(crate) redemption: Option<Comparison>,
    /// A refresh.
    pub(crate) refresh: Option<Comparison>,
    /// An introspection.
    pub(crate) introspection: Option<Introspection>,
    /// A whole login.
    pub(crate) login: Option<Login>,
    /// Waiting polls.
    pub(crate) waiting_poll: Option<WaitingPoll>,
    /// Two servers.
    pub(crate) replicas: Option<Replicas>,
    /// Approvals by distance.
    pub(crate) approvals: Option<Approvals>,
    /// Very many devices.
    pub(crate) waiting: Option<Waiting>,
    /// The database or a server fails.
    pub(crate) outage: Option<Outage>,
}

const HEAD: &str = "\
| work | connections | answers/s | server CPU µs | PostgreSQL CPU µs | statements | rows written | p50 ms | p99 ms | reference CPU µs | ratio |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

impl Report {
    /// The table and the sentences under it.
    pub(crate) fn markdown(&self) -> String {
        let mut costs = String::new();
        for (name, comparison) in [
            ("start", self.start),
            ("pending poll", self.pending_poll),
            ("early poll", self.early_poll),
            ("redemption", self.redemption),
            ("refresh", self.refresh),
        ] {
            let Some(comparison) = comparison else { continue };
            let Comparison { cost, sql, rows, connections, reference, ratio, .. } = comparison;
            let reference = format!("{} | {ratio:.2}", reference.words());
            costs += &row(name, connections, &cost, sql, rows, &reference);
        }
        if let Some(Introspection { cost, counted, connections, .. }) = self.introspection {
            costs += &row("introspection", connections, &cost, counted.statements, counted.rows, "– | –");
        }
        if let Some(Login { cost, counted, connections }) = self.login {
            costs += &row("whole login", connections, &cost, counted.statements, counted.rows, "– | –");
        }
        let mut text = if costs.is_empty() { costs } else { format!("{HEAD}{costs}") };
        if let Some(approvals) = &self.approvals {
            text += &approvals::table(approvals);
        }
        if let Some(outage) = &self.outage {
            text += &outage::tables(outage);
        }
        for line in self.sentences() {
            let _ = write!(text, "\n- {line}");
        }
        text.push('\n');
        text
    }

    fn sentences(&self) -> Vec<String> {
        let mut lines = goals::lines(self);
        if let Some(waiting) = self.waiting {
            lines.push(format!(
                "{} waiting devices: {:.0} MB resident, {:.0} bytes for each; polls at {:.0}/s: p50 {:.2} ms, \
                 p99 {:.2} ms, {} wrong; a new server beside them answers after {:.0} ms",
                waiting.devices,
                waiting.resident_mb,
                waiting.bytes_per_device,
                waiting.rate,
                waiting.poll_p50_ms,
                waiting.poll_p99_ms,
                waiting.failed,
                waiting.start_up_ms
            ));
        }
        if let Some(WaitingPoll { p50_ms, p99_ms, devices, held, bytes_of_each }) = self.waiting_poll {
            lines.push(format!(
                "approval → tokens at a device that waits at another server: p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms \
                 ({devices} approvals; the commit is part of it); {held} polls that wait: {bytes_of_each:.0} bytes \
                 resident for each, its connection included"
            ));
        }
        if let Some(replicas) = self.replicas {
            lines.push(format!(
                "two servers on one database answer {:.2} times the polls of one ({:.1} µs of server CPU alone, \
                 {:.1} µs as one of two); {} codes redeemed in a race over both: {} issued twice, {} never",
                replicas.poll_scale,
                replicas.alone_us,
                replicas.together_us,
                replicas.races,
                replicas.twice,
                replicas.never
            ));
        }
        lines.extend(self.circumstances.iter().cloned());
        lines
    }

    /// What the continuous measurement reads.
    pub(crate) fn json(&self) -> Value {
        let mut all = Map::new();
        for (name, comparison, ratio) in [
            ("pending_poll", self.pending_poll, "ratio_to_ceiling"),
            ("early_poll", self.early_poll, "ratio_to_patient_poll"),
            ("start", self.start, "ratio_to_database_bound"),
            ("redemption", self.redemption, "ratio_to_database_bound"),
            ("refresh", self.refresh, "ratio_to_database_bound"),
        ] {
            let Some(comparison) = comparison else { continue };
            let mut entry = of_cost(&comparison.cost);
            entry[ratio] = json!(comparison.ratio);
            entry["reference_us"] = json!(comparison.reference.whole_us());
            entry["sql_per_request"] = json!(comparison.sql);
            entry["rows_per_request"] = json!(comparison.rows);
            entry["log_bytes_per_request"] = json!(comparison.log_bytes);
            entry["wrong_answers"] = json!(comparison.failed);
            all.insert(name.to_owned(), entry);
        }
        if let Some(Least { insert, update, signature_us }) = self.least {
            let entry = json!({"insert_postgres_us": insert.postgres_us, "update_postgres_us": update.postgres_us,
                "signature_us": signature_us});
            all.insert("least".to_owned(), entry);
        }
        if let Some(introspection) = self.introspection {
            let mut entry = of_cost(&introspection.cost);
            entry["sql_per_request"] = json!(introspection.counted.statements);
            entry["rows_per_request"] = json!(introspection.counted.rows);
            entry["wrong_answers"] = json!(introspection.failed);
            all.insert("introspection".to_owned(), entry);
        }
        if let Some(login) = self.login {
            let mut entry = of_cost(&login.cost);
            entry["sql_per_request"] = json!(login.counted.statements);
            all.insert("login".to_owned(), entry);
        }
        if let Some(approvals) = &self.approvals {
            all.insert("approvals".to_owned(), approvals::json(approvals));
        }
        if let Some(waiting) = self.waiting {
            let entry = json!({
                "devices": waiting.devices, "resident_mb": waiting.resident_mb,
                "bytes_per_device": waiting.bytes_per_device, "rate": waiting.rate,
                "poll_p50_ms": waiting.poll_p50_ms, "poll_p99_ms": waiting.poll_p99_ms,
                "wrong_answers": waiting.failed, "start_up_ms": waiting.start_up_ms,
            });
            all.insert("waiting".to_owned(), entry);
        }
        if let Some(WaitingPoll { p50_ms, p99_ms, devices, held, bytes_of_each }) = self.waiting_poll {
            let entry = json!({"p50_ms": p50_ms, "p99_ms": p99_ms, "devices": devices, "held": held,
                "bytes_of_each": bytes_of_each});
            all.insert("waiting_poll".to_owned(), entry);
        }
        if let Some(replicas) = self.replicas {
            let entry = json!({"poll_scale": replicas.poll_scale, "races": replicas.races,
                "issued_twice": replicas.twice, "issued_never": replicas.never});
            all.insert("replicas".to_owned(), entry);
        }
        if let Some(outage) = &self.outage {
            all.insert("outage".to_owned(), outage::json(outage));
        }
        Value::Object(all)
    }
}

fn of_cost(cost: &Cost) -> Value {
    json!({
        "server_cpu_us": cost.server_us, "postgres_cpu_us": cost.postgres_us, "p50_ms": cost.p50_ms,
        "p99_ms": cost.p99_ms, "per_second": cost.per_second,
    })
}

fn row(name: &str, connections: usize, cost: &Cost, sql: f64, rows: f64, reference: &str) -> String {
    let postgres = cost.postgres_us.map_or_else(|| "not seen".to_owned(), |micros| format!("{micros:.1}"));
    format!(
        "| {name} | {connections} | {:.0} | {:.1} | {postgres} | {sql:.3} | {rows:.2} | {:.2} | {:.2} | {reference} |\n",
        cost.per_second, cost.server_us, cost.p50_ms, cost.p99_ms
    )
}
