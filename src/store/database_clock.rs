//! The database's clock.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;

/// Reads its current time, not that of the transaction's start.
pub async fn read(db: impl PgExecutor<'_>) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(db).await?)
}
