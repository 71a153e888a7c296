//! One of two servers stands still in the middle of approvals: how long do those at the other one wait?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::scene::Scene;
use crate::Fault;
use crate::figures::percentile;
use crate::frozen::Frozen;
use crate::household::Household;
use crate::options::Extent;
use crate::refusal::Refusal;

/// How many households each server has.
const HOUSEHOLDS: usize = 16;
/// How often the first server stands still, and how long.
const FREEZES: usize = 4;
const LASTS: Duration = Duration::from_secs(8);
/// How long both work before, between and after.
const WORKS: Duration = Duration::from_secs(2);
/// After how long somebody who was answered 503 tries again.
const PAUSE: Duration = Duration::from_millis(200);

/// What it was to people and devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbour {
    /// How often the first server stood still.
    pub(crate) freezes: usize,
    /// How long each time, in seconds.
    pub(crate) seconds: f64,
    /// How many deeds were done at the other one.
    pub(crate) done: usize,
    /// How many answers there were 503, or none.
    pub(crate) refused: usize,
    /// The longest that a start took there until it was done, in milliseconds.
    pub(crate) longest_start_ms: f64,
    /// The longest that an entry or a decision took.
    pub(crate) longest_approval_ms: f64,
    /// What was refused for good, at either server.
    pub(crate) lost: usize,
    /// How many deeds at the frozen one were 503 at first.
    pub(crate) refused_at_frozen: usize,
}

/// Freezes one of two servers, again and again.
pub(super) async fn measure(scene: &Scene, extent: &Extent) -> Result<Neighbour, Fault> {
    eprintln!("  a server frozen beside another");
    let freezes = if extent.is_quick { 1 } else { FREEZES };
    let (frozen, other) = (scene.server(None, 5)?, scene.server(None, 5)?);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut living = [JoinSet::new(), JoinSet::new()];
    for (number, server) in [&frozen, &other].into_iter().enumerate() {
        let households = households(scene, server.address, number * HOUSEHOLDS).await?;
        for household in households {
            living[number].spawn(live(household, Arc::clone(&is_over)));
        }
    }
    for _ in 0..freezes {
        tokio::time::sleep(WORKS).await;
        let still = Frozen::process(frozen.pid())?;
        tokio::time::sleep(LASTS).await;
        drop(still);
    }
    tokio::time::sleep(WORKS).await;
    is_over.store(true, Ordering::Relaxed);
    let [at_frozen, at_other] = living;
    let (at_frozen, at_other) = (together(at_frozen).await?, together(at_other).await?);
    frozen.stop()?;
    other.stop()?;
    let lost: BTreeMap<String, usize> = at_frozen
        .lost
        .into_iter()
        .map(|(words, count)| (format!("at the frozen one: {words}"), count))
        .chain(at_other.lost)
        .collect();
    crate::scenarios::complain(&lost);
    Ok(Neighbour {
        freezes,
        seconds: LASTS.as_secs_f64(),
        done: at_other.starts.len() + at_other.approvals.len(),
        refused: at_other.refused,
        longest_start_ms: percentile(&at_other.starts, 1.0),
        longest_approval_ms: percentile(&at_other.approvals, 1.0),
        lost: lost.values().sum(),
        refused_at_frozen: at_frozen.refused,
    })
}

async fn households(scene: &Scene, server: SocketAddr, first: usize) -> Result<Vec<Household>, Fault> {
    scene.households(server, first, HOUSEHOLDS).await
}

/// What a household has done.
#[derive(Debug, Default)]
struct Life {
    starts: Vec<u32>,
    /// Entries and decisions.
    approvals: Vec<u32>,
    refused: usize,
    lost: BTreeMap<String, usize>,
}

async fn together(mut living: JoinSet<Life>) -> Result<Life, Fault> {
    let mut all = Life::default();
    while let Some(life) = living.join_next().await {
        let life = life?;
        all.starts.extend(life.starts);
        all.approvals.extend(life.approvals);
        all.refused += life.refused;
        for (words, count) in life.lost {
            *all.lost.entry(words).or_default() += count;
        }
    }
    Ok(all)
}

/// Starts, enters and approves, and repeats what was not answered.
async fn live(mut household: Household, is_over: Arc<AtomicBool>) -> Life {
    let mut life = Life::default();
    while !is_over.load(Ordering::Relaxed) {
        if let Err(words) = approve(&mut household, &mut life).await {
            *life.lost.entry(words).or_default() += 1;
        }
    }
    life
}

async fn approve(household: &mut Household, life: &mut Life) -> Result<(), String> {
    let begin = Instant::now();
    let code = loop {
        match household.start().await {
            Ok(codes) => break codes.user_code,
            Err(refusal) => life.patience(refusal).await?,
        }
    };
    life.starts.push(micros_since(begin));
    let begin = Instant::now();
    while let Err(refusal) = household.enter(&code).await {
        life.patience(refusal).await?;
    }
    life.approvals.push(micros_since(begin));
    let begin = Instant::now();
    while let Err(refusal) = household.approve(&code).await {
        life.patience(refusal).await?;
    }
    life.approvals.push(micros_since(begin));
    Ok(())
}

impl Life {
    async fn patience(&mut self, refusal: Refusal) -> Result<(), String> {
        match refusal {
            Refusal::Later { .. } => self.refused += 1,
            Refusal::Final(words) => return Err(words),
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

fn micros_since(begin: Instant) -> u32 {
    u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX)
}
