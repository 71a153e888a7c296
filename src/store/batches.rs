//! Batched statements: items that arrive while one runs share the next round trip and commit. Alone, no item waits for
//! company. A statement contains items of one tenant only.

use std::fmt;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqlx::PgPool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Result, StoreError};
use crate::model::ids::TenantId;

/// The maximum number of items in one statement.
const MAX_BATCH: usize = 256;
/// The maximum number of items that wait.
const QUEUE_LENGTH: usize = 4096;

/// An item of a batch.
pub trait OfTenant {
    /// Returns the tenant whose rows the statement reads and writes for this item.
    fn tenant(&self) -> TenantId;
}

impl<T> OfTenant for (TenantId, T) {
    fn tenant(&self) -> TenantId {
        self.0
    }
}

/// One statement for many items of one tenant: an outcome for each, in their order.
pub type Statement<I, O> = for<'a> fn(&'a PgPool, TenantId, &'a [I]) -> Outcomes<'a, O>;
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

impl<I: OfTenant, O> BatchQueue<I, O> {
    /// Creates a queue for this statement.
    #[must_use]
    pub fn new(statement: Statement<I, O>) -> Self {
        let (entrance, exit) = mpsc::channel(QUEUE_LENGTH);
        Self { statement, entrance, exit: Mutex::new(exit) }
    }

    /// Adds an item to the next statement and waits for its outcome. The item is then as durable as after a statement
    /// of its own.
    ///
    /// # Errors
    /// Those of the statement; [`StoreError::Overloaded`] if too many items wait.
    pub async fn submit(&self, item: I) -> Result<O> {
        let (answer, outcome) = oneshot::channel();
        self.entrance.try_send(Waiting { item, answer }).map_err(|_| StoreError::Overloaded)?;
        outcome.await.map_err(|_| StoreError::Overloaded)?
    }

    /// Waits for an item and takes all that wait by then. Runs one statement for each of their tenants, concurrently.
    pub async fn carry_out_next(&self, db: &PgPool) {
        let mut batch = Vec::new();
        if self.exit.lock().await.recv_many(&mut batch, MAX_BATCH).await == 0 {
            return;
        }
        let first = batch[0].item.tenant();
        if batch.iter().all(|waiting| waiting.item.tenant() == first) {
            self.carry_out(db, first, batch).await;
            return;
        }
        let by_tenant = by_tenant(batch, |waiting| waiting.item.tenant());
        let statements: FuturesUnordered<_> =
            by_tenant.into_iter().map(|(tenant, batch)| self.carry_out(db, tenant, batch)).collect();
        statements.collect::<()>().await;
    }

    async fn carry_out(&self, db: &PgPool, tenant: TenantId, batch: Vec<Waiting<I, O>>) {
        let (items, answers): (Vec<I>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
        match (self.statement)(db, tenant, &items).await {
            // A fault of one item must not fail the others.
            Err(error) if items.len() > 1 && error.may_be_of_one_item() => {
                for (item, answer) in items.iter().zip(answers) {
                    answer_one(answer, (self.statement)(db, tenant, std::slice::from_ref(item)).await);
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

/// Splits items by tenant. Those of a tenant stay in their order.
pub fn by_tenant<T>(
    items: impl IntoIterator<Item = T>,
    tenant: impl Fn(&T) -> TenantId,
) -> Vec<(TenantId, Vec<T>)> {
    let mut parts: Vec<(TenantId, Vec<T>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for item in items {
        let tenant = tenant(&item);
        let place = *places.entry(tenant).or_insert_with(|| {
            parts.push((tenant, Vec::new()));
            parts.len() - 1
        });
        parts[place].1.push(item);
    }
    parts
}

/// Puts what a statement returned in the order of the items. `outcome` names the item of a row, counted from 1 as by
/// `WITH ORDINALITY`. Items without a row have none.
pub fn in_order<R, O>(rows: Vec<R>, items: usize, outcome: impl Fn(R) -> (i64, O)) -> Vec<Option<O>> {
    let mut outcomes: Vec<Option<O>> = std::iter::repeat_with(|| None).take(items).collect();
    for (nth, outcome) in rows.into_iter().map(outcome) {
        if let Some(place) = usize::try_from(nth - 1).ok().and_then(|index| outcomes.get_mut(index)) {
            *place = Some(outcome);
        }
    }
    outcomes
}

/// Sends an outcome to the caller, who may have gone.
fn answer_one<O>(answer: oneshot::Sender<Result<O>>, outcome: Result<Vec<O>>) {
    let own = outcome.and_then(|outcomes| outcomes.into_iter().next().ok_or(StoreError::Overloaded));
    let _ = answer.send(own);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const A: TenantId = TenantId(Uuid::from_u128(1));
    const B: TenantId = TenantId(Uuid::from_u128(2));

    #[test]
    fn outcomes_stand_in_the_order_of_their_items() {
        let rows = vec![(3, 'c'), (1, 'a'), (9, 'x'), (0, 'x')];
        assert_eq!(in_order(rows, 3, |row| row), [Some('a'), None, Some('c')]);
    }

    #[test]
    fn items_are_split_by_tenant_and_stay_in_order() {
        let items = [(B, 1), (A, 2), (B, 3), (A, 4), (B, 5)];
        let parts = by_tenant(items, OfTenant::tenant);
        assert_eq!(parts, [(B, vec![(B, 1), (B, 3), (B, 5)]), (A, vec![(A, 2), (A, 4)])]);
    }

    /// Reports the tenant and the number of items of each statement.
    fn report<'a>(
        _: &'a PgPool,
        tenant: TenantId,
        items: &'a [(TenantId, u8)],
    ) -> Outcomes<'a, (TenantId, usize)> {
        Box::pin(async move { Ok(vec![(tenant, items.len()); items.len()]) })
    }

    #[tokio::test]
    async fn a_statement_contains_the_items_of_one_tenant() {
        let db = PgPool::connect_lazy("postgres://unused.invalid/").expect("a pool");
        let queue = BatchQueue::new(report);
        let submitted = futures_util::future::join_all([A, B, A].map(|tenant| queue.submit((tenant, 0))));
        let (outcomes, ()) = tokio::join!(submitted, queue.carry_out_next(&db));
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("an outcome")).collect();
        assert_eq!(outcomes, [(A, 2), (B, 1), (A, 2)]);
    }
}
