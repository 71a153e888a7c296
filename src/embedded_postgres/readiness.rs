//! Waits until the server takes connections.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout};

use super::error::Error;
use super::layout::{Layout, PORT};
use super::log_file;
use super::postmaster::Postmaster;
use super::server_settings::LATCHKEY;

/// How long a server may take to answer at all.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long it may take while it says that it is recovering.
const RECOVERY_LIMIT: Duration = Duration::from_mins(5);

/// How long one attempt may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Pause between the first two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Longest pause between two attempts: each that comes too early leaves a line in the log.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// `cannot_connect_now`: starting up, recovering or shutting down.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// `too_many_connections`: ready, only busy.
const TOO_MANY_CONNECTIONS: &str = "53300";

enum Answer {
    Ready,
    /// It speaks, but takes nobody yet.
    NotYet,
    Silent,
    Refused(String),
}

/// How Latchkey connects to the server whose socket is in `socket_dir`.
pub(super) fn connect_options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(PORT)
        .username(LATCHKEY)
        .database(LATCHKEY)
        .ssl_mode(PgSslMode::Disable)
}

/// Waits until the postmaster takes connections, or fails as soon as it has ended.
pub(super) async fn wait(
    postmaster: &mut Postmaster,
    layout: &Layout,
    options: &PgConnectOptions,
) -> Result<(), Error> {
    let begin = Instant::now();
    let mut limit = START_LIMIT;
    let mut pause = SHORTEST_PAUSE;
    loop {
        match attempt(options).await {
            Answer::Ready => return Ok(()),
            Answer::NotYet => {
                limit = RECOVERY_LIMIT;
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
            Answer::Silent => {}
            Answer::Refused(cause) => {
                return Err(Error::Refused { socket_dir: layout.socket_dir.clone(), cause });
            }
        }
        if !postmaster.is_running() {
            return Err(log_file::ended_while_starting(layout));
        }
        if begin.elapsed() >= limit {
            return Err(Error::NotReady { seconds: limit.as_secs(), log: layout.log.clone() });
        }
        sleep(pause).await;
    }
}

async fn attempt(options: &PgConnectOptions) -> Answer {
    let error = match timeout(ATTEMPT_LIMIT, options.connect()).await {
        Ok(Ok(connection)) => {
            // The attempt has succeeded; how the connection ends does not matter.
            let _ = connection.close().await;
            return Answer::Ready;
        }
        Ok(Err(error)) => error,
        Err(_) => return Answer::Silent,
    };
    match error.as_database_error() {
        None => Answer::Silent,
        Some(error) => match error.code().as_deref() {
            Some(CANNOT_CONNECT_NOW) => Answer::NotYet,
            Some(TOO_MANY_CONNECTIONS) => Answer::Ready,
            _ => Answer::Refused(error.message().to_owned()),
        },
    }
}
