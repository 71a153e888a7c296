//! Housekeeping works for one tenant a statement. One statement first asks which tenants have rows that are due, oldest
//! first and a batch at most; then one statement for each of them deletes those rows. Rows that another instance has
//! locked are skipped.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The rows of a tenant that are due.
pub(super) struct DueRows {
    pub(super) tenant_id: Uuid,
    /// The time of the oldest.
    pub(super) first: DateTime<Utc>,
    /// The time of the newest in the batch.
    pub(super) last: DateTime<Utc>,
}

/// Runs a statement for each tenant that has due rows. Returns the number of rows that the statements changed.
///
/// The first statement returns [`DueRows`]. The second gets tenant, first and last time as `$1` to `$3`, then its own
/// values.
macro_rules! for_each_due_tenant {
    ($db:expr, $due:literal, [$($of_due:expr),*], $work:literal, [$($of_work:expr),*] $(,)?) => {{
        let due = sqlx::query_as!(crate::store::due_rows::DueRows, $due, $($of_due),*).fetch_all($db).await?;
        let mut changed = 0;
        for rows in due {
            let work = sqlx::query!($work, rows.tenant_id, rows.first, rows.last, $($of_work),*);
            changed += work.execute($db).await?.rows_affected();
        }
        Ok(changed)
    }};
}

pub(super) use for_each_due_tenant;
