//! Everything that is sealed with a master key, to be sealed with another: which values there are, and new ones in their
//! place. Each begins with the name of its key.

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use super::db::Db;
use crate::model::ids::TenantId;
use crate::secrets::KeyName;

/// A sealed value.
#[derive(Debug)]
pub struct Sealed<K> {
    /// Which row of the tenant it is in.
    pub key: K,
    /// What else its context needs; empty where nothing is.
    pub detail: String,
    pub sealed: Vec<u8>,
}

/// The number of values that are sealed with one master key.
#[derive(Debug)]
pub struct Count {
    /// The key's name, or what is in its place.
    pub name: Vec<u8>,
    pub values: i64,
}

/// Returns every tenant that has sealed values, also those that were erased.
pub async fn tenants(db: impl PgExecutor<'_>) -> Result<Vec<TenantId>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM tenants UNION SELECT tenant_id FROM mac_keys ORDER BY 1"#
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// Locks accounts until the transaction ends: whoever checks a code of an authenticator app holds the account, and does
/// not find the app's key changed meanwhile.
async fn lock_users(db: &mut PgConnection, tenant: TenantId, users: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "SELECT id FROM users WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        tenant.0,
        users
    )
    .fetch_all(db)
    .await?;
    Ok(())
}

/// Defines the statements about one column of sealed values: a page of those that are not sealed with a given key, new
/// ones in their place, and the number of values of each key.
macro_rules! sealed_column {
    ($module:ident, $key_type:ty, table: $table:tt, column: $column:tt, key: $key:tt, type: $sql_type:tt,
     detail: $detail:tt, only: $only:tt, lock: [$($lock:ident)?]) => {
        #[doc = concat!("`", $table, ".", $column, "`")]
        pub mod $module {
            use super::*;

            /// Returns values that are not sealed with the key `name`, in rows after `after`.
            pub async fn others(
                db: impl PgExecutor<'_>,
                tenant: TenantId,
                name: KeyName,
                after: Option<$key_type>,
                limit: i64,
            ) -> Result<Vec<Sealed<$key_type>>> {
                Ok(sqlx::query_as!(
                    Sealed,
                    "SELECT " + $key + " AS \"key!\", " + $detail + " AS \"detail!\", " + $column + " AS \"sealed!\" FROM "
                        + $table + " WHERE tenant_id = $1 AND substring(" + $column + " FOR 4) <> $2 AND " + $only
                        + " AND ($3::" + $sql_type + " IS NULL OR " + $key + " > $3) ORDER BY " + $key + " LIMIT $4",
                    tenant.0,
                    &name.0[..],
                    after as _,
                    limit
                )
                .fetch_all(db)
                .await?)
            }

            /// Puts `new` values in the place of the ones that were read, unless these have changed. Returns the number.
            pub async fn replace(
                db: &Db,
                tenant: TenantId,
                read: &[Sealed<$key_type>],
                new: &[Vec<u8>],
            ) -> Result<u64> {
                let keys: Vec<$key_type> = read.iter().map(|value| value.key.clone()).collect();
                let old: Vec<Vec<u8>> = read.iter().map(|value| value.sealed.clone()).collect();
                let mut transaction = crate::store::transactions::begin(db, "BEGIN").await?;
                $($lock(&mut transaction, tenant, &keys).await?;)?
                let replaced = sqlx::query!(
                    "UPDATE " + $table + " AS kept SET " + $column + " = renewed.new FROM unnest($2::" + $sql_type
                        + "[], $3::bytea[], $4::bytea[]) AS renewed (key, old, new) WHERE kept.tenant_id = $1 AND kept."
                        + $key + " = renewed.key AND kept." + $column + " = renewed.old",
                    tenant.0,
                    &keys,
                    &old,
                    new
                )
                .execute(&mut *transaction)
                .await?;
                transaction.commit().await?;
                Ok(replaced.rows_affected())
            }

            /// Counts the values of each key.
            pub async fn count(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Count>> {
                Ok(sqlx::query_as!(
                    Count,
                    "SELECT substring(" + $column + " FOR 4) AS \"name!\", count(*) AS \"values!\" FROM " + $table
                        + " WHERE tenant_id = $1 AND " + $column + " IS NOT NULL AND " + $only + " GROUP BY 1",
                    tenant.0
                )
                .fetch_all(db)
                .await?)
            }
        }
    };
}

sealed_column!(signing_keys, String, table: "signing_keys", column: "private_sealed", key: "kid", type: "text",
    detail: "''", only: "true", lock: []);
sealed_column!(mac_keys, Uuid, table: "mac_keys", column: "sealed", key: "id", type: "uuid",
    detail: "purpose", only: "true", lock: []);
sealed_column!(totp_secrets, Uuid, table: "totp_secrets", column: "secret_sealed", key: "user_id", type: "uuid",
    detail: "''", only: "true", lock: [lock_users]);
sealed_column!(webhooks, Uuid, table: "webhooks", column: "secret_sealed", key: "id", type: "uuid",
    detail: "''", only: "true", lock: []);
sealed_column!(approval_notices, Uuid, table: "approval_notices", column: "token_sealed",
    key: "device_authorization_id", type: "uuid", detail: "''", only: "true", lock: []);
// The user codes of authorizations that have ended are of no use any more.
sealed_column!(user_codes, Uuid, table: "device_authorizations", column: "user_code_sealed", key: "id", type: "uuid",
    detail: "''", only: "state IN ('pending', 'confirming', 'approved')", lock: []);
