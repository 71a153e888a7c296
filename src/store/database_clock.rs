//! The database's clock.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;

/// Reads what it shows at this moment, also within a transaction.
pub async fn read(db: impl PgExecutor<'_>) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(db).await?)
}
