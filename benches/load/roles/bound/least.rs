//! The least that a durable change can cost: a row of 200 bytes inserted by a `UUIDv7` key, and a change of such a row by
//! its key that writes no index. Both go through the product's own batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use latchkey::model::ids::TenantId;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::batches::{BatchQueue, Outcomes};
use sqlx::{PgConnection, PgExecutor};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Bench, Step};
use crate::Fault;

/// As many statements of a kind are under way as in the product.
const AT_ONCE: usize = 2;
/// How many rows are changed in turn.
const ROWS: usize = 2_000;

type Queue = BatchQueue<(TenantId, Uuid), ()>;

/// A table with a key and nothing else to maintain.
pub(super) struct Table {
    bench: Arc<Bench>,
    inserts: Queue,
    updates: Queue,
    rows: Mutex<VecDeque<Uuid>>,
    workers: Mutex<JoinSet<()>>,
}

impl Table {
    /// Makes the table, and fills it.
    pub(super) async fn open(bench: Arc<Bench>) -> Result<Arc<Self>, Fault> {
        sqlx::raw_sql(
            "DROP TABLE IF EXISTS least;
             CREATE TABLE least (id uuid PRIMARY KEY, changes bigint NOT NULL DEFAULT 0, filler text NOT NULL)
             WITH (fillfactor = 80)",
        )
        .execute(&bench.db)
        .await?;
        let rows: Vec<Uuid> = (0..ROWS).map(|_| bench.random.uuid_v7(bench.clock.now())).collect();
        insert(&bench.db, &rows).await?;
        sqlx::raw_sql("VACUUM ANALYZE least").execute(&bench.db).await?;
        let table = Arc::new(Self {
            inserts: BatchQueue::new(insert_all),
            updates: BatchQueue::new(update_all),
            rows: Mutex::new(rows.into()),
            workers: Mutex::default(),
            bench,
        });
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let picks: [fn(&Self) -> &Queue; 2] = [|table| &table.inserts, |table| &table.updates];
            for pick in picks {
                let worked = Arc::downgrade(&table);
                workers.spawn(async move {
                    while let Some(table) = worked.upgrade() {
                        pick(&table).carry_out_next(&table.bench.means).await;
                    }
                });
            }
        }
        *table.workers.lock().unwrap_or_else(PoisonError::into_inner) = workers;
        Ok(table)
    }
}

fn insert_all<'a>(db: &'a mut PgConnection, _: TenantId, items: &'a [(TenantId, Uuid)]) -> Outcomes<'a, ()> {
    Box::pin(async move {
        let ids: Vec<Uuid> = items.iter().map(|(_, id)| *id).collect();
        insert(db, &ids).await?;
        Ok(vec![(); items.len()])
    })
}

async fn insert(db: impl PgExecutor<'_>, ids: &[Uuid]) -> sqlx::Result<()> {
    let sql =
        "INSERT INTO least (id, filler) SELECT id, repeat('x', 200) FROM unnest($1::uuid[]) AS new (id)";
    sqlx::query(sql).bind(ids).execute(db).await.map(drop)
}

fn update_all<'a>(db: &'a mut PgConnection, _: TenantId, items: &'a [(TenantId, Uuid)]) -> Outcomes<'a, ()> {
    Box::pin(async move {
        let ids: Vec<Uuid> = items.iter().map(|(_, id)| *id).collect();
        let sql = "UPDATE least SET changes = changes + 1 FROM unnest($1::uuid[]) AS asked (id)
                   WHERE least.id = asked.id";
        sqlx::query(sql).bind(ids).execute(db).await?;
        Ok(vec![(); items.len()])
    })
}

pub(super) async fn insert_next(table: Arc<Table>) -> Result<Step, Fault> {
    let id = table.bench.random.uuid_v7(table.bench.clock.now());
    table.inserts.submit((DEFAULT_TENANT, id)).await?;
    Ok(Step::Done)
}

pub(super) async fn update_next(table: Arc<Table>) -> Result<Step, Fault> {
    let next = table.rows.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let Some(id) = next else { return Ok(Step::NothingLeft) };
    table.updates.submit((DEFAULT_TENANT, id)).await?;
    table.rows.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    Ok(Step::Done)
}
