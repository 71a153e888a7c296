//! Batched statements: items that arrive while one runs share the next round trip and commit. Alone, no item waits for
//! company. A statement contains items of one tenant only.
//!
//! An item is sent only while its caller waits for the outcome: what was answered 503 is not done afterwards. It gets
//! its time when it is sent. A statement that is not answered in time is given up, and its connection closed; it may
//! have been carried out, or be carried out later.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqlx::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::db::{Db, Lease};
use super::reachability::Reachability;
use super::{Result, StoreError};
use crate::model::ids::TenantId;

/// The maximum number of items in one statement.
const MAX_BATCH: usize = 256;
/// The maximum number of items that wait.
const QUEUE_LENGTH: usize = 4096;
pub trait OfTenant {
    /// Returns the tenant whose rows the statement reads and writes for this item.
    fn tenant(&self) -> TenantId;

    /// Notes that it is sent now. Returns `false` if nobody waits for it any more: then it must not be sent.
    fn is_sent(&mut self, _now: DateTime<Utc>) -> bool {
        true
    }
}

impl<T> OfTenant for (TenantId, T) {
    fn tenant(&self) -> TenantId {
        self.0
    }
}

/// One statement for many items of one tenant: an outcome for each, in their order.
pub type Statement<I, O> = for<'a> fn(&'a mut PgConnection, TenantId, &'a [I]) -> Outcomes<'a, O>;
/// What a [`Statement`] returns.
pub type Outcomes<'a, O> = Pin<Box<dyn Future<Output = Result<Vec<O>>> + Send + 'a>>;

/// What statements are carried out with.
#[derive(Clone)]
pub struct Means {
    pub db: Db,
    pub reachability: Arc<Reachability>,
    /// How long a statement may take to be answered.
    pub limit: Duration,
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Means")
    }
}

/// Items of one kind that wait for their statement.
pub struct BatchQueue<I, O> {
    statement: Statement<I, O>,
    entrance: mpsc::Sender<Waiting<I, O>>,
    exit: Mutex<mpsc::Receiver<Waiting<I, O>>>,
}

struct Waiting<I, O> {
    item: I,
    answer: Answer<O>,
}

/// The way back to the caller that waits for an outcome.
type Answer<O> = oneshot::Sender<Result<O>>;

impl<I, O> fmt::Debug for BatchQueue<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchQueue")
    }
}

impl<I: OfTenant, O: Send + 'static> BatchQueue<I, O> {
    /// Creates a queue for this statement.
    #[must_use]
    pub fn new(statement: Statement<I, O>) -> Self {
        let (entrance, exit) = mpsc::channel(QUEUE_LENGTH);
        Self { statement, entrance, exit: Mutex::new(exit) }
    }

    /// Adds an item to the next statement and waits for its outcome. The item is then as durable as after a statement
    /// of its own. A caller that stops waiting before the item is sent withdraws it.
    ///
    /// # Errors
    /// Those of the statement; [`StoreError::Overloaded`] if too many items wait; [`StoreError::TookTooLong`] if it is
    /// not known whether the item is stored.
    pub async fn submit(&self, item: I) -> Result<O> {
        let (answer, outcome) = oneshot::channel();
        self.entrance.try_send(Waiting { item, answer }).map_err(|_| StoreError::Overloaded)?;
        outcome.await.map_err(|_| StoreError::Overloaded)?
    }

    /// Waits for an item and for a connection, and takes all items that wait by then. Runs one statement for each of their
    /// tenants, concurrently. If there is no connection, all of them are refused.
    pub async fn carry_out_next(&self, means: &Means) {
        let mut batch = Vec::new();
        let connection = {
            let mut exit = self.exit.lock().await;
            if exit.recv_many(&mut batch, 1).await == 0 {
                return;
            }
            let connection = means.db.acquire().await;
            while batch.len() < MAX_BATCH
                && let Ok(waiting) = exit.try_recv()
            {
                batch.push(waiting);
            }
            connection
        };
        let connection = match means.reachability.observe(connection.map_err(StoreError::from)) {
            Ok(connection) => connection,
            Err(error) => return refuse(batch.into_iter().map(|waiting| waiting.answer), &error),
        };
        let first = batch[0].item.tenant();
        if batch.iter().all(|waiting| waiting.item.tenant() == first) {
            return self.carry_out(means, Some(connection), first, batch).await;
        }
        let mut connection = Some(connection);
        let by_tenant = by_tenant(batch, |waiting| waiting.item.tenant());
        let statements: FuturesUnordered<_> = by_tenant
            .into_iter()
            .map(|(tenant, batch)| self.carry_out(means, connection.take(), tenant, batch))
            .collect();
        statements.collect::<()>().await;
    }

    async fn carry_out(
        &self,
        means: &Means,
        connection: Option<Lease>,
        tenant: TenantId,
        batch: Vec<Waiting<I, O>>,
    ) {
        let connection = match connection {
            Some(connection) => Ok(connection),
            None => means.db.acquire().await.map_err(StoreError::from),
        };
        let mut connection = match means.reachability.observe(connection) {
            Ok(connection) => connection,
            Err(error) => return refuse(batch.into_iter().map(|waiting| waiting.answer), &error),
        };
        let (items, answers) = Self::send(means, batch);
        if items.is_empty() {
            return;
        }
        let mut is_lost = false;
        match self.run(means, &mut connection, tenant, &items).await {
            // A fault of one item must not fail the others.
            Err(error) if items.len() > 1 && error.may_be_of_one_item() => {
                for (item, answer) in items.iter().zip(answers) {
                    if !answer.is_closed() {
                        let item = std::slice::from_ref(item);
                        answer_one(answer, self.run(means, &mut connection, tenant, item).await);
                    }
                }
            }
            Err(error) => {
                is_lost = error.is_of_connection();
                refuse(answers.into_iter(), &error);
            }
            Ok(outcomes) => answers
                .into_iter()
                .zip(outcomes)
                .for_each(|(answer, outcome)| answer_one(answer, Ok(vec![outcome]))),
        }
        if is_lost {
            connection.condemn();
        }
    }

    /// The items that somebody waits for, stamped.
    fn send(means: &Means, batch: Vec<Waiting<I, O>>) -> (Vec<I>, Vec<Answer<O>>) {
        let now = (means.now)();
        batch
            .into_iter()
            .filter_map(|Waiting { mut item, answer }| {
                (!answer.is_closed() && item.is_sent(now)).then_some((item, answer))
            })
            .unzip()
    }

    async fn run(
        &self,
        means: &Means,
        connection: &mut Lease,
        tenant: TenantId,
        items: &[I],
    ) -> Result<Vec<O>> {
        let outcome = timeout(means.limit, (self.statement)(&mut *connection, tenant, items)).await;
        means.reachability.observe(outcome.unwrap_or(Err(StoreError::TookTooLong)))
    }
}

/// Tells all of them the same.
fn refuse<O>(answers: impl Iterator<Item = Answer<O>>, error: &StoreError) {
    answers.for_each(|answer| answer_one(answer, Err(error.clone())));
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
}
