//! Makes load: closed loops, where each connection sends the next request when the last one is answered, or a
//! fixed rate, where requests are due whether or not answers have come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::Fault;
use crate::connection::{Answer, Connection, Form};

/// What devices do.
pub(crate) trait Work: 'static {
    /// What one request is about.
    type Subject: 'static;

    /// The next request; `None` when there is nothing more to do.
    fn next(&mut self) -> Option<(Self::Subject, Form)>;

    /// Whether the answer is the right one; if not, what it was.
    fn judge(&mut self, subject: Self::Subject, answer: &Answer) -> Result<(), String>;
}

/// The next request of other work, and no more.
#[derive(Debug)]
pub(crate) struct Once<W> {
    /// The work.
    pub(crate) work: W,
    /// Whether the request is still to be sent.
    pub(crate) is_due: bool,
}

impl<W: Work> Work for Once<W> {
    type Subject = W::Subject;

    fn next(&mut self) -> Option<(Self::Subject, Form)> {
        std::mem::take(&mut self.is_due).then(|| self.work.next()).flatten()
    }

    fn judge(&mut self, subject: Self::Subject, answer: &Answer) -> Result<(), String> {
        self.work.judge(subject, answer)
    }
}

/// How fast requests come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as so many connections are answered.
    Closed(usize),
    /// So many a second, over so many connections.
    Fixed(u32, usize),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How long each answer took, in microseconds; with a fixed rate from when it was due.
    pub(crate) latencies: Vec<u32>,
    /// Wrong answers, and how often each came.
    pub(crate) failures: BTreeMap<String, usize>,
    /// How long all of it took.
    pub(crate) elapsed: Duration,
}

impl Tally {
    /// How many requests were answered, rightly or wrongly.
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// How many answers were wrong.
    pub(crate) fn failed(&self) -> usize {
        self.failures.values().sum()
    }
}

/// Sends what `work` says to the servers, each connection to the next of them, until `limit` has passed or nothing
/// is left to do.
pub(crate) async fn drive<W: Work>(
    servers: &[SocketAddr],
    pace: Pace,
    limit: Duration,
    work: W,
) -> Result<(W, Tally), Fault> {
    let (Pace::Closed(connections) | Pace::Fixed(_, connections)) = pace;
    let mut open = Vec::with_capacity(connections);
    for address in servers.iter().cycle().take(connections) {
        open.push((*address, Connection::open(*address).await?));
    }
    let begin = Instant::now();
    let schedule = Schedule { begin, end: begin + limit, pace, sent: 0 };
    let shared = Rc::new(RefCell::new((work, Tally::default(), schedule)));
    let local = LocalSet::new();
    let loops: Vec<_> = open
        .into_iter()
        .map(|(address, connection)| local.spawn_local(repeat(address, connection, Rc::clone(&shared))))
        .collect();
    local
        .run_until(async {
            for each in loops {
                each.await.map_err(Fault::from)??;
            }
            Ok::<_, Fault>(())
        })
        .await?;
    let Ok(shared) = Rc::try_unwrap(shared) else { return Err("a loop is still running".into()) };
    let (work, mut tally, _) = shared.into_inner();
    tally.elapsed = begin.elapsed();
    Ok((work, tally))
}

struct Schedule {
    begin: Instant,
    end: Instant,
    pace: Pace,
    sent: u64,
}

impl Schedule {
    /// When the next request is due; `None` when time is up. Timers count whole milliseconds, so requests of one
    /// millisecond are due together.
    fn next(&mut self) -> Option<Instant> {
        let due = match self.pace {
            Pace::Closed(_) => Instant::now(),
            Pace::Fixed(rate, _) => {
                self.begin + Duration::from_millis((self.sent * 1_000).div_ceil(u64::from(rate.max(1))))
            }
        };
        self.sent += 1;
        (due < self.end).then_some(due)
    }
}

async fn repeat<W: Work>(
    address: SocketAddr,
    mut connection: Connection,
    shared: Rc<RefCell<(W, Tally, Schedule)>>,
) -> Result<(), Fault> {
    loop {
        let next = {
            let (work, _, schedule) = &mut *shared.borrow_mut();
            schedule.next().and_then(|due| Some((due, work.next()?)))
        };
        let Some((due, (subject, form))) = next else { return Ok(()) };
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        let answer = connection.send(&form).await;
        let latency = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
        let is_usable = {
            let (work, tally, _) = &mut *shared.borrow_mut();
            let verdict = match &answer {
                Ok(answer) => work.judge(subject, answer),
                Err(error) => Err(error.to_string()),
            };
            tally.latencies.push(latency);
            if let Err(words) = verdict {
                *tally.failures.entry(words).or_default() += 1;
            }
            answer.is_ok()
        };
        if !is_usable {
            connection = Connection::open(address).await?;
        }
    }
}
