//! `cargo bench --bench load`: what Latchkey costs, measured on the machine it runs on. `-- --help` has the
//! options.
//!
//! Servers are processes of their own, on a core of their own; processor time is the operating system's account.

mod accounting;
mod child;
mod connection;
mod cores;
mod database;
mod device;
mod drive;
mod figures;
mod frozen;
mod household;
mod link;
mod options;
mod refusal;
mod report;
mod roles;
mod scenarios;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use mimalloc::MiMalloc;
use tokio::signal::unix::{SignalKind, signal};

use database::Databases;
use database::counters::{self, Method};
use options::{Options, Scenario};
use report::Report;
use scenarios::Stage;
use scenarios::outage::Outage;

/// That of the program, for every role.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Whatever went wrong.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(role) => roles::play(role, &options.core),
        None => measure_all(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(options: &Options) -> Result<(), Fault> {
    let machine = machine(cores::divide()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let databases = Databases::create(options.database_url.as_deref()).await?;
        let method = counters::method(&databases.served.pool).await;
        let (codes, refresh_tokens) = (VecDeque::new(), VecDeque::new());
        let mut stage = Stage { databases, method, extent: options.extent(), codes, refresh_tokens };
        let mut report = Report { circumstances: circumstances(machine, &stage), ..Report::default() };
        let measured = tokio::select! {
            measured = measure(options, &mut stage, &mut report) => measured,
            () = asked_to_stop() => Err("interrupted".into()),
        };
        stage.databases.destroy().await?;
        // What was measured before something went wrong is true all the same.
        println!("{}", report.markdown());
        if let Some(file) = &options.json {
            std::fs::write(file, serde_json::to_string_pretty(&report.json())?)?;
        }
        measured
    })
}

/// Waits for a signal that asks to stop.
async fn asked_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

async fn measure(options: &Options, stage: &mut Stage, report: &mut Report) -> Result<(), Fault> {
    let begin = Instant::now();
    let is_next = |scenario, name| {
        let included = options.includes(scenario);
        if included {
            eprintln!("[{:5.1} s] {name}", begin.elapsed().as_secs_f64());
        }
        included
    };
    if is_next(Scenario::Start, "start") {
        report.start = Some(scenarios::start::measure(stage).await?);
    }
    if is_next(Scenario::Least, "the least") {
        report.least = Some(scenarios::least::measure(stage)?);
    }
    if is_next(Scenario::PendingPoll, "pending poll") {
        report.pending_poll = Some(scenarios::pending_poll::measure(stage).await?);
    }
    if is_next(Scenario::EarlyPoll, "early poll") {
        report.early_poll = Some(scenarios::early_poll::measure(stage).await?);
    }
    if is_next(Scenario::Redemption, "redemption") {
        report.redemption = Some(scenarios::redemption::measure(stage).await?);
    }
    if is_next(Scenario::Refresh, "refresh") {
        report.refresh = Some(scenarios::refresh::measure(stage).await?);
    }
    if is_next(Scenario::Introspection, "introspection") {
        report.introspection = Some(scenarios::introspection::measure(stage).await?);
    }
    if is_next(Scenario::Login, "whole login") {
        report.login = Some(scenarios::login::measure(stage).await?);
    }
    if is_next(Scenario::WaitingPoll, "waiting poll") {
        report.waiting_poll = Some(scenarios::waiting_poll::measure(stage).await?);
    }
    if is_next(Scenario::Replicas, "replicas") {
        report.replicas = Some(scenarios::replicas::measure(stage).await?);
    }
    if is_next(Scenario::Approvals, "approvals") {
        report.approvals = Some(scenarios::approvals::measure(stage).await?);
    }
    if is_next(Scenario::Waiting, "waiting devices") {
        report.waiting = Some(scenarios::waiting::measure(stage).await?);
    }
    if is_next(Scenario::Outage, "outage") {
        let found = report.outage.insert(Outage::default());
        scenarios::outage::measure(&stage.extent, found).await?;
    }
    eprintln!("[{:5.1} s] done", begin.elapsed().as_secs_f64());
    Ok(())
}

/// What the figures were measured on, and how.
fn circumstances(machine: String, stage: &Stage) -> Vec<String> {
    let place = if stage.databases.is_private() {
        "a private cluster, durable, on the load generator's core"
    } else {
        "given, pinned to no core by this tool"
    };
    let counted = match stage.method {
        Method::Statements => "by pg_stat_statements",
        Method::Transactions => "as transactions of pg_stat_database, for each statement is one of its own",
    };
    vec![
        machine,
        format!("PostgreSQL {}: {place}; statements are counted {counted}", stage.databases.version),
        "servers, the ceiling and the database bound run on the first core, but for approvals, where all have all cores; \
         processor time is /proc/{pid}/stat's, background tasks are part of it; medians of interleaved rounds"
            .to_owned(),
        "reference: for a pending poll the smallest axum handler with the same answer (server CPU); for an early poll \
         a patient one; otherwise the same SQL without a server (client and PostgreSQL CPU)"
            .to_owned(),
    ]
}

fn machine(cores: usize) -> Result<String, Fault> {
    let described = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = described.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    Ok(format!("machine: {cores} cores, {}", model.trim_start_matches([' ', '\t', ':'])))
}
