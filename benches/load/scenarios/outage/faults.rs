//! The database is away for a while: what is answered meanwhile, and how soon everything works again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::attempts::{Attempt, Attempts, Deed};
use super::scene::Scene;
use crate::Fault;
use crate::drive::{Pace, Tally, drive};
use crate::figures::percentile;
use crate::frozen::Frozen;
use crate::link::Link;
use crate::options::Extent;
use crate::scenarios::pending_poll::Polls;
use crate::scenarios::start;

/// The interval that waiting devices keep.
const INTERVAL_SECONDS: u32 = 5;
/// How many devices wait.
const WAITING: usize = 1_000;
/// How many devices have tokens, and how many people have a code open.
const DEVICES: usize = 300;
const PEOPLE: usize = 100;
/// How long a fault lasts; in a quick run, long enough that a server no longer goes by what it has just read.
const LASTS: Duration = Duration::from_secs(30);
const LASTS_QUICKLY: Duration = Duration::from_secs(10);
/// A start and a refresh are attempted so often while the database is away, and everything so often afterwards.
const MEANWHILE: Duration = Duration::from_millis(250);
const AFTERWARDS: Duration = Duration::from_millis(100);
/// All is well once nothing was refused for so long.
const QUIET: Duration = Duration::from_secs(5);
/// Whatever is not well then is said not to be.
const LONGEST: Duration = Duration::from_mins(2);
/// What must work again.
const DEEDS: [Deed; 4] = [Deed::Start, Deed::Approval, Deed::Refresh, Deed::Ready];

/// How the database is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Frozen,
    Dark,
    Stopped,
}

/// What became of attempts while the database was away.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// How many were made.
    pub(crate) tried: usize,
    /// How many of them were refused.
    pub(crate) count: usize,
    /// Half of those were refused within so many milliseconds.
    pub(crate) p50_ms: f64,
    /// All of them were.
    pub(crate) longest_ms: f64,
}

/// What a fault was to devices and people.
#[derive(Clone, Debug)]
pub(crate) struct Endured {
    /// Which.
    pub(crate) name: &'static str,
    /// How long it lasted, in seconds.
    pub(crate) seconds: f64,
    /// How many codes waited.
    pub(crate) codes: usize,
    /// How many polls of them came meanwhile.
    pub(crate) polls: usize,
    /// How many of those were answered `authorization_pending`.
    pub(crate) pending: usize,
    /// Half of the polls were answered within so many milliseconds.
    pub(crate) poll_p50_ms: f64,
    /// All but one in a hundred.
    pub(crate) poll_p99_ms: f64,
    /// Starts meanwhile.
    pub(crate) starts: Refused,
    /// Refreshes meanwhile.
    pub(crate) refreshes: Refused,
    /// After how many seconds each deed was first done; `None`: not at all.
    pub(crate) well_after: BTreeMap<Deed, Option<f64>>,
    /// After how many seconds something was refused for the last time.
    pub(crate) last_refusal_after: f64,
    /// How many devices and people were refused for good.
    pub(crate) lost: usize,
}

impl Endured {
    /// After how many seconds all deeds were done.
    pub(crate) fn all_well_after(&self) -> Option<f64> {
        self.well_after.values().copied().try_fold(0.0_f64, |longest, after| Some(longest.max(after?)))
    }

    /// After how many seconds all deeds were done and nothing was refused any more.
    pub(crate) fn well_for_good_after(&self) -> f64 {
        self.all_well_after().unwrap_or(f64::INFINITY).max(self.last_refusal_after)
    }
}

/// Plays each fault on a server of its own.
pub(super) async fn measure(
    scene: &mut Scene,
    extent: &Extent,
    endured: &mut Vec<Endured>,
) -> Result<(), Fault> {
    let lasts = if extent.is_quick { LASTS_QUICKLY } else { LASTS };
    for (kind, name) in [(Kind::Frozen, "frozen"), (Kind::Dark, "dark"), (Kind::Stopped, "stopped")] {
        eprintln!("  database {name}");
        endured.push(play(scene, kind, name, lasts).await?);
    }
    Ok(())
}

async fn play(scene: &mut Scene, kind: Kind, name: &'static str, lasts: Duration) -> Result<Endured, Fault> {
    let link =
        if kind == Kind::Dark { Some(Link::to_database(&scene.db.url, Duration::ZERO)?) } else { None };
    let server = scene.server(link.as_ref().map(|link| link.url.as_str()), INTERVAL_SECONDS)?;
    let tokens = scene.refresh_tokens(&server, DEVICES).await?;
    let mut codes = Vec::new();
    for mut household in scene.households(server.address, 0, PEOPLE).await? {
        let code = household.start().await?.user_code;
        household.enter(&code).await?;
        codes.push((household, code));
    }
    let mut attempts = Attempts::new(server.address, tokens, codes);
    let waiting = start::many(&server, WAITING).await?;

    let mut frozen: Option<Frozen> = None;
    match (kind, &link) {
        (Kind::Dark, Some(link)) => link.go_dark(),
        (Kind::Stopped, _) => scene.stop().await?,
        _ => frozen = Some(scene.freeze()?),
    }
    let begin = Instant::now();
    let rate = u32::try_from(waiting.len())? / INTERVAL_SECONDS;
    let servers = [server.address];
    let is_over = |_: &[Attempt]| begin.elapsed() >= lasts;
    let (polled, attempted) = tokio::join!(
        drive(&servers, Pace::Fixed(rate, 64), lasts, Polls::new(waiting)),
        attempts.make(&[Deed::Start, Deed::Refresh], MEANWHILE, is_over)
    );
    let ((_, polled), ()) = (polled?, attempted?);
    crate::scenarios::complain(&polled.failures);
    match (kind, &link) {
        (Kind::Dark, Some(link)) => link.come_back_on_new_paths(),
        (Kind::Stopped, _) => scene.start().await?,
        _ => drop(frozen.take()),
    }
    let end = Instant::now();
    attempts.make(&DEEDS, AFTERWARDS, |made| is_well(made, end) || end.elapsed() >= LONGEST).await?;
    attempts.finish().await?;
    crate::scenarios::complain(&attempts.lost);
    server.stop()?;
    Ok(told(name, end - begin, &polled, &attempts, end))
}

/// Whether everything that was sent since then is done for a while.
fn is_well(made: &[Attempt], end: Instant) -> bool {
    let after = || made.iter().filter(|attempt| attempt.sent >= end);
    let last_refusal = after().filter(|attempt| !attempt.is_done).map(|attempt| attempt.answered).max();
    let all_done = DEEDS.iter().all(|deed| after().any(|attempt| attempt.deed == *deed && attempt.is_done));
    all_done && last_refusal.unwrap_or(end).elapsed() >= QUIET
}

fn told(name: &'static str, lasted: Duration, polled: &Tally, attempts: &Attempts, end: Instant) -> Endured {
    let made = &attempts.made;
    let after = |attempt: &Attempt| attempt.answered.saturating_duration_since(end).as_secs_f64();
    let first = |deed: Deed| {
        let done =
            made.iter().filter(|attempt| attempt.deed == deed && attempt.sent >= end && attempt.is_done);
        done.map(after).min_by(f64::total_cmp)
    };
    let refusals = made.iter().filter(|attempt| !attempt.is_done && attempt.sent >= end);
    Endured {
        name,
        seconds: lasted.as_secs_f64(),
        codes: WAITING,
        polls: polled.requests(),
        pending: polled.requests() - polled.failed(),
        poll_p50_ms: percentile(&polled.latencies, 0.50),
        poll_p99_ms: percentile(&polled.latencies, 0.99),
        starts: refused(made, Deed::Start, end),
        refreshes: refused(made, Deed::Refresh, end),
        well_after: DEEDS.into_iter().map(|deed| (deed, first(deed))).collect(),
        last_refusal_after: refusals.map(after).fold(0.0, f64::max),
        lost: attempts.lost.values().sum(),
    }
}

/// What became of attempts that were sent before the end.
fn refused(made: &[Attempt], deed: Deed, end: Instant) -> Refused {
    let meanwhile: Vec<&Attempt> =
        made.iter().filter(|attempt| attempt.deed == deed && attempt.sent < end).collect();
    let micros: Vec<u32> = meanwhile
        .iter()
        .filter(|attempt| !attempt.is_done)
        .map(|attempt| u32::try_from((attempt.answered - attempt.sent).as_micros()).unwrap_or(u32::MAX))
        .collect();
    Refused {
        tried: meanwhile.len(),
        count: micros.len(),
        p50_ms: percentile(&micros, 0.50),
        longest_ms: percentile(&micros, 1.0),
    }
}
