//! Batched statements on a database that answers late: items that no one waits for are not sent.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::join_all;
use latchkey::model::ids::TenantId;
use latchkey::store::StoreError;
use latchkey::store::batches::{BatchQueue, Means, OfTenant, Outcomes};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::support::patience::PATIENCE;
use crate::support::{database, until};

const A: TenantId = TenantId(Uuid::from_u128(1));
const B: TenantId = TenantId(Uuid::from_u128(2));

/// What the clock shows.
fn shown() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(7)
}

/// An item, when it was sent, and how many were sent with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    tenant: TenantId,
    at: DateTime<Utc>,
}

impl OfTenant for Item {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.at = now;
        true
    }
}

fn of(tenant: TenantId) -> Item {
    Item { tenant, at: DateTime::UNIX_EPOCH }
}

/// Returns the items as they were sent, and how many there were in each statement.
fn report<'a>(_: &'a mut PgConnection, _: TenantId, items: &'a [Item]) -> Outcomes<'a, (Item, usize)> {
    Box::pin(async move { Ok(items.iter().map(|item| (*item, items.len())).collect()) })
}

/// Never answers.
fn hang<'a>(db: &'a mut PgConnection, _: TenantId, items: &'a [Item]) -> Outcomes<'a, ()> {
    Box::pin(async move {
        sqlx::query("SELECT pg_sleep(3600)").execute(db).await?;
        Ok(vec![(); items.len()])
    })
}

async fn means(limit: Duration) -> (Means, PgConnection) {
    let options = database::create_empty().await;
    let direct = PgConnection::connect_with(&options).await.expect("the database answers");
    let db = database::pool(options, PATIENCE);
    (Means { db, reachability: Arc::default(), limit, now: Arc::new(shown) }, direct)
}

#[tokio::test]
async fn a_statement_contains_the_items_of_one_tenant() {
    let (means, _direct) = means(PATIENCE).await;
    let queue = BatchQueue::new(report);
    let submitted = join_all([A, B, A].map(|tenant| queue.submit(of(tenant))));
    let (outcomes, ()) = tokio::join!(submitted, queue.carry_out_next(&means));
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("an outcome")).collect();
    let sent = |tenant| Item { tenant, at: shown() };
    assert_eq!(outcomes, [(sent(A), 2), (sent(B), 1), (sent(A), 2)]);
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_sent() {
    let (means, _direct) = means(PATIENCE).await;
    let queue = BatchQueue::new(report);
    assert!(queue.submit(of(A)).now_or_never().is_none());
    let (outcome, ()) = tokio::join!(queue.submit(of(A)), queue.carry_out_next(&means));
    let (_, in_all) = outcome.expect("an outcome");
    assert_eq!(in_all, 1);
}

#[tokio::test]
async fn a_statement_that_is_not_answered_is_given_up_with_its_connection() {
    let (means, mut direct) = means(Duration::from_millis(100)).await;
    let queue = BatchQueue::new(hang);
    let (outcome, ()) = tokio::join!(queue.submit(of(A)), queue.carry_out_next(&means));
    assert!(matches!(outcome, Err(StoreError::TookTooLong)), "{outcome:?}");
    assert!(!means.reachability.is_given());
    // The database notices that nobody waits, and lets go of what the statement held.
    let running = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep(3600)%'";
    until("the statement ends", async || {
        sqlx::query_scalar::<_, i64>(running).fetch_one(&mut direct).await.expect("a count") == 0
    })
    .await;
}
