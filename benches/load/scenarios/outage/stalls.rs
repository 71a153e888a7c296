//! The database stands still, or somebody holds all rows, while devices ask for tokens: each that is answered 503, or not at
//! all, asks again until it is answered. None may lose its connection by it, or be taken for a thief.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};
use tokio::task::JoinSet;

use super::attempts;
use super::scene::Scene;
use crate::Fault;
use crate::child::Server;
use crate::connection::Form;
use crate::device;
use crate::options::Extent;
use crate::refusal::Refusal;

/// How long the database stands still, in seconds.
const STALLS: [u64; 5] = [1, 5, 15, 40, 60];
const QUICK_STALLS: [u64; 3] = [1, 5, 15];
/// The interval of polls: as short as there is, so that a device that asks again is not too early.
const INTERVAL_SECONDS: u32 = 1;
/// Devices begin to ask so long before.
const BEFORE: Duration = Duration::from_millis(300);
/// And no longer than this after it began.
const LATEST: Duration = Duration::from_secs(5);
/// How long after a stall a device still asks.
const LONGEST: Duration = Duration::from_mins(3);
/// How often the rows are locked anew, when that made a deadlock with a server.
const LOCKS: usize = 10;

/// In which way the database does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Frozen,
    RowsHeld,
}

/// What a stall was to devices.
#[derive(Clone, Debug)]
pub(crate) struct Stall {
    /// In which way the database did not answer.
    pub(crate) name: &'static str,
    /// For how long, in seconds.
    pub(crate) seconds: u64,
    /// How many devices asked: half of them collected their tokens, half refreshed them.
    pub(crate) devices: usize,
    /// How often one was told to come again, or was cut off.
    pub(crate) repeats: usize,
    /// How long the last one took to its tokens, in seconds.
    pub(crate) longest_seconds: f64,
    /// How many lost their connection.
    pub(crate) lost: usize,
    /// How many token families were ended as stolen.
    pub(crate) thefts: i64,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::RowsHeld => "rows held",
        }
    }
}

/// Plays each stall in each way, over two servers.
pub(super) async fn measure(scene: &Scene, extent: &Extent, stalls: &mut Vec<Stall>) -> Result<(), Fault> {
    let servers = [scene.server(None, INTERVAL_SECONDS)?, scene.server(None, INTERVAL_SECONDS)?];
    let seconds = if extent.is_quick { &QUICK_STALLS[..] } else { &STALLS[..] };
    for way in [Way::Frozen, Way::RowsHeld] {
        for seconds in seconds.iter().copied() {
            eprintln!("  {} for {seconds} s", way.as_str());
            stalls.push(play(scene, &servers, way, seconds, extent.asking).await?);
        }
    }
    servers.into_iter().try_for_each(Server::stop)
}

async fn play(
    scene: &Scene,
    servers: &[Server; 2],
    way: Way,
    seconds: u64,
    devices: usize,
) -> Result<Stall, Fault> {
    let half = devices / 2;
    let refreshing = scene.refresh_tokens(&servers[0], half).await?;
    let collecting = scene.approved_codes(&servers[0], half).await?;
    let forms: Vec<Form> = refreshing
        .iter()
        .map(|token| device::refresh(token))
        .chain(collecting.iter().map(|code| device::poll(code)))
        .collect();
    let before = thefts(&scene.db.pool).await?;
    let lasts = Duration::from_secs(seconds);
    let (begin, spread) = (Instant::now(), BEFORE + lasts.min(LATEST));
    let addresses = servers.each_ref().map(|server| server.address);
    let mut asking = JoinSet::new();
    for (number, form) in forms.into_iter().enumerate() {
        // Those that refresh and those that collect begin at the same times.
        let starts = begin + spread * u32::try_from(number % half)? / u32::try_from(half)?;
        asking.spawn(ask(addresses, number, form, starts, begin + lasts + LONGEST));
    }
    tokio::time::sleep(BEFORE).await;
    match way {
        Way::Frozen => {
            let frozen = scene.freeze()?;
            tokio::time::sleep(lasts).await;
            drop(frozen);
        }
        Way::RowsHeld => hold_rows(&scene.db.pool, lasts).await?,
    }
    let mut stall = Stall {
        name: way.as_str(),
        seconds,
        devices: 2 * half,
        repeats: 0,
        longest_seconds: 0.0,
        lost: 0,
        thefts: 0,
    };
    let mut lost = BTreeMap::new();
    while let Some(asked) = asking.join_next().await {
        let asked = asked?;
        stall.repeats += asked.repeats;
        stall.longest_seconds = stall.longest_seconds.max(asked.took.as_secs_f64());
        if let Some(words) = asked.lost {
            stall.lost += 1;
            *lost.entry(words).or_default() += 1;
        }
    }
    crate::scenarios::complain(&lost);
    stall.thefts = thefts(&scene.db.pool).await? - before;
    Ok(stall)
}

/// What a device went through.
#[derive(Debug)]
struct Asked {
    repeats: usize,
    took: Duration,
    /// What it was told for good.
    lost: Option<String>,
}

/// Asks until it has tokens, and then whether they are good for the next ones.
async fn ask(servers: [SocketAddr; 2], number: usize, form: Form, starts: Instant, until: Instant) -> Asked {
    tokio::time::sleep_until(starts.into()).await;
    let mut asked = Asked { repeats: 0, took: Duration::ZERO, lost: None };
    match insist(servers, number, &form, until, &mut asked.repeats).await {
        Ok(token) => {
            asked.took = starts.elapsed();
            let next = insist(servers, number, &device::refresh(&token), until, &mut asked.repeats).await;
            asked.lost = next.err().map(|words| format!("the refresh after it: {words}"));
        }
        Err(words) => asked.lost = Some(words),
    }
    asked
}

/// Asks both servers in turn, as by a balancer, until one answers.
async fn insist(
    servers: [SocketAddr; 2],
    number: usize,
    form: &Form,
    until: Instant,
    repeats: &mut usize,
) -> Result<String, String> {
    let mut server = number;
    loop {
        let pause = match attempts::tokens(servers[server % servers.len()], form).await {
            Ok(token) => return Ok(token),
            Err(Refusal::Later { after, .. }) => {
                *repeats += 1;
                after
            }
            Err(Refusal::Final(words)) if is_patience_asked(&words) => {
                Duration::from_secs(INTERVAL_SECONDS.into()) * 5
            }
            Err(Refusal::Final(words)) => return Err(words),
        };
        if Instant::now() > until {
            return Err("no answer in time".to_owned());
        }
        tokio::time::sleep(pause).await;
        server += 1;
    }
}

/// A server that has not heard of the approval yet, or by which a device that asks again is too early.
fn is_patience_asked(words: &str) -> bool {
    ["\"authorization_pending\"", "\"slow_down\""].iter().any(|word| words.contains(word))
}

/// Holds the rows of all devices and codes.
async fn hold_rows(db: &PgPool, lasts: Duration) -> Result<(), Fault> {
    let mut connection = db.acquire().await?;
    sqlx::query("BEGIN").execute(&mut *connection).await?;
    let mut locked = lock(&mut connection).await;
    for _ in 0..LOCKS {
        if locked.is_ok() {
            break;
        }
        sqlx::raw_sql("ROLLBACK; BEGIN").execute(&mut *connection).await?;
        locked = lock(&mut connection).await;
    }
    locked?;
    tokio::time::sleep(lasts).await;
    sqlx::query("ROLLBACK").execute(&mut *connection).await?;
    Ok(())
}

async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    for sql in [
        "SELECT count(*) FROM (SELECT FROM devices ORDER BY id FOR UPDATE) AS held",
        "SELECT count(*) FROM (SELECT FROM device_authorizations ORDER BY id FOR UPDATE) AS held",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How many token families were ended as stolen up to now.
async fn thefts(db: &PgPool) -> Result<i64, Fault> {
    let thefts = "SELECT count(*) FROM audit_events
                  WHERE details->>'reason' IN ('refresh_token_reused', 'device_code_replayed')";
    Ok(sqlx::query_scalar(thefts).fetch_one(db).await?)
}
