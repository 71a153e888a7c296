//! What failures of neighbours were to devices and people, as tables of their own.

use serde_json::{Value, json};

use crate::scenarios::outage::{Deed, Endured, Outage, Refused, Stall};

const FAULTS: &str = "
| database | for s | waiting codes | polls | pending | poll p50 ms | p99 ms | starts refused | p50 ms | longest ms | refreshes refused | p50 ms | longest ms | start well after s | approval | refresh | ready | last refusal after s | lost |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";
const STALLS: &str = "
| stall | for s | devices | asked again | longest s | lost | thefts |
|---|--:|--:|--:|--:|--:|--:|
";

/// The tables.
pub(super) fn tables(outage: &Outage) -> String {
    let faults: String = outage.faults.iter().map(fault).collect();
    let stalls: String = outage.stalls.iter().map(stall).collect();
    format!("{FAULTS}{faults}{STALLS}{stalls}")
}

fn fault(endured: &Endured) -> String {
    let refused = |Refused { tried, count, p50_ms, longest_ms }: &Refused| {
        format!("{count} of {tried} | {p50_ms:.0} | {longest_ms:.0}")
    };
    let well = |deed: Deed| match endured.well_after.get(&deed).copied().flatten() {
        Some(seconds) => format!("{seconds:.1}"),
        None => "never".to_owned(),
    };
    format!(
        "| {} | {:.0} | {} | {} | {:.2} % | {:.2} | {:.2} | {} | {} | {} | {} | {} | {} | {:.1} | {} |\n",
        endured.name,
        endured.seconds,
        endured.codes,
        endured.polls,
        share(endured) * 100.0,
        endured.poll_p50_ms,
        endured.poll_p99_ms,
        refused(&endured.starts),
        refused(&endured.refreshes),
        well(Deed::Start),
        well(Deed::Approval),
        well(Deed::Refresh),
        well(Deed::Ready),
        endured.last_refusal_after,
        endured.lost
    )
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn share(endured: &Endured) -> f64 {
    endured.pending as f64 / endured.polls.max(1) as f64
}

fn stall(stall: &Stall) -> String {
    format!(
        "| {} | {} | {} | {} | {:.1} | {} | {} |\n",
        stall.name,
        stall.seconds,
        stall.devices,
        stall.repeats,
        stall.longest_seconds,
        stall.lost,
        stall.thefts
    )
}

/// The same for programs.
pub(super) fn json(outage: &Outage) -> Value {
    let refused = |Refused { tried, count, p50_ms, longest_ms }: &Refused| json!({"tried": tried, "refused": count, "p50_ms": p50_ms, "longest_ms": longest_ms});
    let faults: Vec<Value> = outage
        .faults
        .iter()
        .map(|endured| {
            json!({
                "database": endured.name, "seconds": endured.seconds, "codes": endured.codes, "polls": endured.polls,
                "pending_share": share(endured), "poll_p50_ms": endured.poll_p50_ms,
                "poll_p99_ms": endured.poll_p99_ms, "starts": refused(&endured.starts),
                "refreshes": refused(&endured.refreshes), "all_well_after_s": endured.all_well_after(),
                "last_refusal_after_s": endured.last_refusal_after, "lost": endured.lost,
            })
        })
        .collect();
    let stalls: Vec<Value> = outage
        .stalls
        .iter()
        .map(|stall| {
            json!({
                "stall": stall.name, "seconds": stall.seconds, "devices": stall.devices, "repeats": stall.repeats,
                "longest_s": stall.longest_seconds, "lost": stall.lost, "thefts": stall.thefts,
            })
        })
        .collect();
    let neighbour = outage.neighbour.as_ref().map(|neighbour| {
        json!({
            "freezes": neighbour.freezes, "seconds": neighbour.seconds, "done": neighbour.done,
            "refused": neighbour.refused, "longest_start_ms": neighbour.longest_start_ms,
            "longest_approval_ms": neighbour.longest_approval_ms, "lost": neighbour.lost,
            "refused_at_frozen": neighbour.refused_at_frozen,
        })
    });
    json!({"faults": faults, "stalls": stalls, "neighbour": neighbour})
}
