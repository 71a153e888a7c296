//! What a server does besides answering: one file for each task, and the one list of them.
//!
//! A task runs until the server stops. One that ends before is a fault of ours: the server then stops, loudly.

mod activity;
mod audit_sealing;
mod bookkeeping;
mod clock;
mod database_hosts;
mod geo_files;
mod housekeeping;
mod key_rotation;
mod listening;
mod lost_answers;
mod mails;
mod reachability;
mod rereading;
mod settlements;
mod theme_files;
mod webhooks;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Coherence;
use crate::domain::housekeeping::CHORES;
use crate::store::batches::Means;

/// A task ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[error("a background task stopped unexpectedly: {0}")]
pub struct TaskEndedError(String);

/// Runs every task until `stop` is cancelled; then each finishes what it has begun.
pub async fn run(app: Arc<App>, stop: CancellationToken) -> Result<(), TaskEndedError> {
    let mut tasks = JoinSet::new();
    tasks.spawn(reachability::run(Arc::clone(&app), stop.clone()));
    let clock = app.clock.clone();
    let means = Means {
        db: app.db.clone(),
        reachability: Arc::clone(&app.reachability),
        limit: app.config.database.limits().of_batch(),
        now: Arc::new(move || clock.now()),
    };
    for worker in app.queues.workers(&means, &stop) {
        tasks.spawn(worker);
    }
    if app.config.sessions.coherence == Coherence::Notify {
        tasks.spawn(listening::run(Arc::clone(&app), stop.clone()));
    }
    tasks.spawn(bookkeeping::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(lost_answers::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(activity::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(settlements::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(rereading::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(clock::run(Arc::clone(&app), stop.clone()));
    if !app.hosts.is_empty() {
        tasks.spawn(database_hosts::run(Arc::clone(&app), stop.clone()));
    }
    if app.geo.is_on() {
        tasks.spawn(geo_files::run(Arc::clone(&app), stop.clone()));
    }
    if app.themes.is_on() {
        tasks.spawn(theme_files::run(Arc::clone(&app), stop.clone()));
    }
    if app.config.mail.is_on() {
        tasks.spawn(mails::run(Arc::clone(&app), stop.clone()));
    }
    for chore in CHORES {
        tasks.spawn(housekeeping::run(Arc::clone(&app), chore, stop.clone()));
    }
    tasks.spawn(key_rotation::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(audit_sealing::run(Arc::clone(&app), stop.clone()));
    tasks.spawn(webhooks::run(Arc::clone(&app), stop.clone()));
    while let Some(ended) = tasks.join_next().await {
        if !stop.is_cancelled() || ended.is_err() {
            let reason = ended.err().map_or_else(|| "it returned".to_owned(), |error| error.to_string());
            return Err(TaskEndedError(reason));
        }
    }
    Ok(())
}
