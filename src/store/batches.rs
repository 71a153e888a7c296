//! Work for the database that is done many at a time. While one statement is under way, what comes meanwhile
//! gathers by itself and goes into the next: under load, many share one round trip and one commit; alone, nobody
//! waits for company.

use std::fmt;
use std::pin::Pin;

use sqlx::PgPool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Result, StoreError};
use crate::model::ids::TenantId;

/// The most items in one statement.
const MAX_BATCH: usize = 256;
/// The most items that wait.
const QUEUE_LENGTH: usize = 4096;

/// One statement for many items: an outcome for each, in their order.
pub type Statement<I, O> = for<'a> fn(&'a PgPool, &'a [I]) -> Outcomes<'a, O>;
/// What a [`Statement`] returns.
pub type Outcomes<'a, O> = Pin<Box<dyn Future<Output = Result<Vec<O>>> + Send + 'a>>;

/// Items of one kind that wait for their statement.
pub struct BatchQueue<I, O> {
    statement: Statement<I, O>,
    entrance: mpsc::Sender<Waiting<I, O>>,
    exit: Mutex<mpsc::Receiver<Waiting<I, O>>>,
}

struct Waiting<I, O> {
    item: I,
    answer: oneshot::Sender<Result<O>>,
}

impl<I, O> fmt::Debug for BatchQueue<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchQueue")
    }
}

impl<I, O> BatchQueue<I, O> {
    /// A queue for this statement.
    #[must_use]
    pub fn new(statement: Statement<I, O>) -> Self {
        let (entrance, exit) = mpsc::channel(QUEUE_LENGTH);
        Self { statement, entrance, exit: Mutex::new(exit) }
    }

    /// Has an item done with the next statement. Once this returns, it is as durable as a statement of its own
    /// would be.
    pub async fn submit(&self, item: I) -> Result<O> {
        let (answer, outcome) = oneshot::channel();
        self.entrance.try_send(Waiting { item, answer }).map_err(|_| StoreError::Overloaded)?;
        outcome.await.map_err(|_| StoreError::Overloaded)?
    }

    /// Waits for an item, takes all that wait by then, and does them.
    pub async fn carry_out_next(&self, db: &PgPool) {
        let mut batch = Vec::new();
        if self.exit.lock().await.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return;
        }
        let (items, answers): (Vec<I>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
        match (self.statement)(db, &items).await {
            // What stands against one must not fail the others.
            Err(error) if items.len() > 1 && error.may_be_of_one_item() => {
                for (item, answer) in items.iter().zip(answers) {
                    answer_one(answer, (self.statement)(db, std::slice::from_ref(item)).await);
                }
            }
            Err(error) => answers.into_iter().for_each(|answer| answer_one(answer, Err(error.clone()))),
            Ok(outcomes) => answers
                .into_iter()
                .zip(outcomes)
                .for_each(|(answer, outcome)| answer_one(answer, Ok(vec![outcome]))),
        }
    }
}

/// Whoever asked may have gone.
fn answer_one<O>(answer: oneshot::Sender<Result<O>>, outcome: Result<Vec<O>>) {
    let own = outcome.and_then(|outcomes| outcomes.into_iter().next().ok_or(StoreError::Overloaded));
    let _ = answer.send(own);
}

/// Has a statement done for each tenant's share of the items, and returns the outcomes in the order of the items.
pub async fn by_tenant<I: Clone, O, F: Future<Output = Result<Vec<O>>>>(
    items: &[I],
    tenant: fn(&I) -> TenantId,
    statement: impl Fn(TenantId, Vec<I>) -> F,
) -> Result<Vec<O>> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| tenant(&items[*index]));
    let mut outcomes: Vec<Option<O>> = items.iter().map(|_| None).collect();
    for share in order.chunk_by(|left, right| tenant(&items[*left]) == tenant(&items[*right])) {
        let done =
            statement(tenant(&items[share[0]]), share.iter().map(|index| items[*index].clone()).collect());
        for (index, outcome) in share.iter().zip(done.await?) {
            outcomes[*index] = Some(outcome);
        }
    }
    outcomes.into_iter().collect::<Option<Vec<O>>>().ok_or(StoreError::Overloaded)
}
