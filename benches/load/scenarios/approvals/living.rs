//! Households that start, enter and approve, one approval after the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::Fault;
use crate::accounting::Ticks;
use crate::household::Household;
use crate::refusal::Refusal;

/// Processor time up to now.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub(super) servers: Vec<Ticks>,
    pub(super) postgres: Option<Ticks>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Deeds {
    /// How long each entry took, in microseconds.
    pub(super) entries: Vec<u32>,
    /// How long each decision took.
    pub(super) decisions: Vec<u32>,
    /// How long either took before it counted.
    pub(super) cold: Vec<u32>,
    /// Wrong answers, and how often each came.
    pub(super) failures: BTreeMap<String, usize>,
    /// How long it counted.
    elapsed: Duration,
    /// Processor time of the servers meanwhile, in microseconds.
    pub(super) server_us: f64,
    /// That of the database server, where it can be seen.
    pub(super) postgres_us: Option<f64>,
}

impl Deeds {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(super) fn approvals(&self) -> f64 {
        self.decisions.len().max(1) as f64
    }

    pub(super) fn per_second(&self) -> f64 {
        self.approvals() / self.elapsed.as_secs_f64()
    }
}

/// How long it goes.
#[derive(Clone, Copy)]
pub(super) struct Life<'a> {
    /// What is done so soon does not count.
    pub(super) warm_up: Duration,
    /// Nor what is done before there were so many approvals.
    pub(super) cold: usize,
    /// How long it counts.
    pub(super) limit: Duration,
    /// Reads processor time.
    pub(super) usage: &'a dyn Fn() -> Usage,
}

/// How long it may take until so many are done.
const LONGEST_WARM_UP: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Cold,
    Counted,
    Over,
}

struct Log {
    phase: Phase,
    deeds: Deeds,
}

impl Life<'_> {
    /// Lets all households approve what their devices start; codes that they have `before`, if so many are named, until
    /// the first of them has none left. What is done between warm-up and end counts.
    pub(super) async fn live(
        self,
        households: Vec<Household>,
        before: Option<usize>,
    ) -> Result<(Vec<Household>, Deeds), Fault> {
        let log = Rc::new(RefCell::new(Log { phase: Phase::Cold, deeds: Deeds::default() }));
        let local = LocalSet::new();
        let living = async {
            let mut stocked = Vec::new();
            let stocking: Vec<_> = households
                .into_iter()
                .map(|household| tokio::task::spawn_local(stock(household, before.unwrap_or(0))))
                .collect();
            for each in stocking {
                stocked.push(each.await??);
            }
            let running: Vec<_> = stocked
                .into_iter()
                .map(|(household, codes)| {
                    let codes = before.map(|_| codes);
                    tokio::task::spawn_local(repeat(household, codes, Rc::clone(&log)))
                })
                .collect();
            self.time(&log).await;
            let mut households = Vec::new();
            for each in running {
                households.push(each.await?);
            }
            Ok::<_, Fault>(households)
        };
        let households = local.run_until(living).await?;
        drop(local);
        let Ok(log) = Rc::try_unwrap(log) else { return Err("somebody still approves".into()) };
        Ok((households, log.into_inner().deeds))
    }

    /// Says when deeds count, and when it is over.
    async fn time(self, log: &RefCell<Log>) {
        let ends = |by: Instant, approvals: usize, at_last: Instant| async move {
            let is_cold = || log.borrow().deeds.cold.len() / 2 < approvals && Instant::now() < at_last;
            while (Instant::now() < by || is_cold()) && log.borrow().phase != Phase::Over {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let now = Instant::now();
        ends(now + self.warm_up, self.cold, now + LONGEST_WARM_UP).await;
        let (begin, before) = (Instant::now(), (self.usage)());
        if log.borrow().phase == Phase::Cold {
            log.borrow_mut().phase = Phase::Counted;
        }
        ends(begin + self.limit, 0, begin).await;
        let (elapsed, after) = (begin.elapsed(), (self.usage)());
        let mut log = log.borrow_mut();
        log.phase = Phase::Over;
        log.deeds.elapsed = elapsed;
        let servers = after.servers.iter().zip(&before.servers);
        log.deeds.server_us = servers.map(|(after, before)| after.micros_since(*before)).sum();
        log.deeds.postgres_us =
            after.postgres.zip(before.postgres).map(|(after, before)| after.micros_since(before));
    }
}

/// Has the devices of a household start so often; its user codes.
async fn stock(mut household: Household, count: usize) -> Result<(Household, Vec<String>), Fault> {
    let mut codes = Vec::with_capacity(count);
    for _ in 0..count {
        codes.push(household.start().await?.user_code);
    }
    Ok((household, codes))
}

async fn repeat(
    mut household: Household,
    mut codes: Option<Vec<String>>,
    log: Rc<RefCell<Log>>,
) -> Household {
    while log.borrow().phase != Phase::Over {
        let code = match &mut codes {
            None => household.start().await.map(|codes| codes.user_code),
            Some(codes) => {
                let Some(code) = codes.pop() else {
                    log.borrow_mut().phase = Phase::Over;
                    return household;
                };
                Ok(code)
            }
        };
        if let Err(error) = approve(&mut household, code, &log).await {
            *log.borrow_mut().deeds.failures.entry(error.to_string()).or_default() += 1;
        }
    }
    household
}

async fn approve(
    household: &mut Household,
    code: Result<String, Refusal>,
    log: &RefCell<Log>,
) -> Result<(), Refusal> {
    let code = code?;
    let begin = Instant::now();
    household.enter(&code).await?;
    let entry = begin.elapsed();
    household.approve(&code).await?;
    let decision = begin.elapsed().saturating_sub(entry);
    let [entry, decision] = [entry, decision].map(|time| u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    let Log { phase, deeds } = &mut *log.borrow_mut();
    match phase {
        Phase::Cold => deeds.cold.extend([entry, decision]),
        Phase::Counted => {
            deeds.entries.push(entry);
            deeds.decisions.push(decision);
        }
        Phase::Over => {}
    }
    Ok(())
}
