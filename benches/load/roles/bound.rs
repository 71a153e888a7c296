//! The database bound: the statements of a start, a redemption or a refresh as the product has them, one after the
//! other with no server around them: no HTTP, no rules, no signatures.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey::clock::Clock;
use latchkey::model::database_limits::Limits;
use latchkey::model::signing_key::{NewKeyPair, SigningAlgorithm, SigningPair};
use latchkey::random::Random;
use latchkey::store::batches::Means;
use latchkey::store::db::Db;
use latchkey::store::queues::Queues;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{say, serve};
use crate::Fault;
use crate::accounting;
use crate::database::seed;

mod exchange;
mod least;
mod starting;

/// How many families are refreshed in turn.
const FAMILIES: usize = 1_000;

/// What a bound is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Batched inserts.
    Start,
    /// Look-up and redemption.
    Redemption,
    /// Look-up and rotation.
    Refresh,
    /// The least insert.
    LeastInsert,
    /// The least update.
    LeastUpdate,
    /// ES256 signatures, without a database.
    Signature,
}

/// What a bound process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BoundInstructions {
    /// What to do.
    pub(crate) work: Work,
    /// Where.
    pub(crate) database_url: String,
    /// At most so often.
    pub(crate) operations: usize,
    /// At most so long.
    pub(crate) limit: Duration,
    /// How many at once.
    pub(crate) tasks: usize,
    /// The database server's process, where it can be seen.
    pub(crate) postmaster: Option<u32>,
}

/// What it cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bound {
    /// How often it was done.
    pub(crate) operations: usize,
    /// Processor time of this side, each, in microseconds.
    pub(crate) client_us: f64,
    /// And of the database server.
    pub(crate) postgres_us: Option<f64>,
}

/// What the loops need.
struct Bench {
    db: Db,
    means: Means,
    queues: Arc<Queues>,
    random: Random,
    clock: Clock,
}

/// Measures, and says what it cost.
pub(crate) async fn run(instructions: BoundInstructions) -> Result<(), Fault> {
    let db = serve::pool(&instructions.database_url, &serve::config(5)).await?;
    let queues = Arc::new(Queues::default());
    let mut workers = JoinSet::new();
    let clock = Clock::system();
    let means = Means {
        db: db.clone(),
        reachability: Arc::default(),
        limit: Limits::NONE.of_batch(),
        now: Arc::new(move || clock.now()),
    };
    for worker in queues.workers(&means, &CancellationToken::new()) {
        workers.spawn(worker);
    }
    let bench = Arc::new(Bench { db, means, queues, random: Random::system(), clock: Clock::system() });
    let (limit, tasks) = (instructions.limit, instructions.tasks);
    let bound = match instructions.work {
        Work::Start => {
            let bench = starting::Queue::open(bench, instructions.operations)?;
            let meter = Meter::read(instructions.postmaster);
            meter.measure(spread(tasks, limit, move || starting::next(Arc::clone(&bench)))).await
        }
        Work::Redemption => {
            let codes = seed::approved_sessions(&bench.db, instructions.operations).await?;
            let codes = exchange::Codes::new(bench, codes);
            let meter = Meter::read(instructions.postmaster);
            meter.measure(spread(tasks, limit, move || exchange::redeem(Arc::clone(&codes)))).await
        }
        Work::Refresh => {
            let codes =
                exchange::Codes::new(Arc::clone(&bench), seed::approved_sessions(&bench.db, FAMILIES).await?);
            let redeeming = Arc::clone(&codes);
            spread(tasks, Duration::from_mins(1), move || exchange::redeem(Arc::clone(&redeeming))).await?;
            let meter = Meter::read(instructions.postmaster);
            meter.measure(spread(tasks, limit, move || exchange::refresh(Arc::clone(&codes)))).await
        }
        Work::LeastInsert => {
            let table = least::Table::open(bench).await?;
            let meter = Meter::read(instructions.postmaster);
            meter.measure(spread(tasks, limit, move || least::insert_next(Arc::clone(&table)))).await
        }
        Work::LeastUpdate => {
            let table = least::Table::open(bench).await?;
            let meter = Meter::read(instructions.postmaster);
            meter.measure(spread(tasks, limit, move || least::update_next(Arc::clone(&table)))).await
        }
        Work::Signature => {
            let algorithm = SigningAlgorithm::Es256;
            let pair = SigningPair::read(algorithm, &NewKeyPair::generate(algorithm)?.private_der)?;
            let meter = Meter::read(instructions.postmaster);
            meter.measure(async { sign(&pair, instructions.operations, limit) }).await
        }
    }?;
    say(&bound)
}

/// Signs tokens of the usual size; how many.
fn sign(pair: &SigningPair, operations: usize, limit: Duration) -> Result<usize, Fault> {
    let (token, end) = ([b'x'; 600], Instant::now() + limit);
    let mut done = 0;
    while done < operations && Instant::now() < end {
        pair.sign(&token)?;
        done += 1;
    }
    Ok(done)
}

/// Whether there was anything left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    NothingLeft,
}

/// Repeats a step in so many tasks until nothing is left or time is up; how often it was done.
async fn spread<F, S>(tasks: usize, limit: Duration, step: S) -> Result<usize, Fault>
where
    F: Future<Output = Result<Step, Fault>> + Send,
    S: Fn() -> F + Clone + Send + Sync + 'static,
{
    let end = Instant::now() + limit;
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let step = step.clone();
        running.spawn(async move {
            let mut done = 0;
            while Instant::now() < end && step().await? == Step::Done {
                done += 1;
            }
            Ok::<usize, Fault>(done)
        });
    }
    let mut total = 0;
    while let Some(done) = running.join_next().await {
        total += done??;
    }
    Ok(total)
}

/// Both sides' processor time when the loops begin.
struct Meter {
    postmaster: Option<u32>,
    client: accounting::Ticks,
    postgres: Option<accounting::Ticks>,
}

impl Meter {
    fn read(postmaster: Option<u32>) -> Self {
        let client = accounting::of_process(std::process::id());
        Self { postmaster, client, postgres: postmaster.map(accounting::of_family) }
    }

    async fn measure(self, loops: impl Future<Output = Result<usize, Fault>>) -> Result<Bound, Fault> {
        let operations = loops.await?;
        let after = Self::read(self.postmaster);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = |micros: f64| micros / operations.max(1) as f64;
        let postgres_us =
            after.postgres.zip(self.postgres).map(|(after, before)| each(after.micros_since(before)));
        Ok(Bound { operations, client_us: each(after.client.micros_since(self.client)), postgres_us })
    }
}
