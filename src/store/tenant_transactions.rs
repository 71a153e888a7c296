//! Transactions of one tenant, behind row-level security.
//!
//! Every table has a policy that shows a transaction the rows of the tenant it names, and takes rows of that tenant
//! only. PostgreSQL does not hold the owner of a table to its policies, so a transaction becomes another role for as
//! long as it lasts: [`ROLE`], which owns nothing, cannot log in and may not change the audit trail. A database user
//! who is not the owner is held as it is. Where neither can be, composite keys and the tenant in each statement are
//! what keeps tenants apart.

use sqlx::AssertSqlSafe;

use super::db::Db;
use super::transactions::Transaction;
use super::{Result, transactions};
use crate::model::ids::TenantId;

/// What transactions of one tenant run as.
pub const ROLE: &str = "latchkey_tenant";

/// What a database user needs on [`ROLE`] to become it. From PostgreSQL 16 on membership alone is not enough: whoever
/// creates a role is a member of it that may pass it on but not become it.
const PRIVILEGE: &str =
    "CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END";

/// What holds transactions of one tenant to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSecurity {
    /// They run as [`ROLE`].
    AsRole,
    /// The database user does not own the tables, so policies hold it as it is.
    AsUser,
    /// Nothing: the database user owns the tables and may not become [`ROLE`].
    Off,
}

/// Makes [`ROLE`] and gives it what it needs, if the database user may do that and it was not done yet.
pub(super) async fn make_role(db: &Db) -> Result<()> {
    if find_out(db).await? == RowSecurity::AsRole {
        return Ok(());
    }
    // Roles belong to the whole cluster, where somebody may make this one at the same moment. Whoever may not make or
    // grant it goes without.
    let sql = format!(
        "DO $$
         DECLARE relation regclass;
         BEGIN
             PERFORM pg_advisory_xact_lock(hashtext('{ROLE}'));
             IF to_regrole('{ROLE}') IS NULL THEN CREATE ROLE {ROLE} NOLOGIN; END IF;
             IF NOT pg_has_role('{ROLE}', {PRIVILEGE}) THEN
                 EXECUTE format(CASE {PRIVILEGE} WHEN 'SET' THEN 'GRANT {ROLE} TO %I WITH SET TRUE, INHERIT FALSE'
                                ELSE 'GRANT {ROLE} TO %I' END, current_user);
             END IF;
             EXECUTE format('GRANT USAGE ON SCHEMA %I TO {ROLE}', current_schema());
             FOR relation IN SELECT polrelid::regclass FROM pg_policy WHERE polname = 'rows_of_tenant' LOOP
                 EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO {ROLE}', relation);
             END LOOP;
             REVOKE UPDATE, DELETE ON audit_events, audit_seals FROM {ROLE};
         EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
         END $$"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// What holds transactions of one tenant, on this database and for this database user.
pub async fn find_out(db: &Db) -> Result<RowSecurity> {
    let sql = format!("SELECT coalesce(pg_has_role(to_regrole('{ROLE}'), {PRIVILEGE}), false)");
    let may_become: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await?;
    if may_become && has_what_it_needs(db).await? {
        return Ok(RowSecurity::AsRole);
    }
    let is_held =
        sqlx::query_scalar!(r#"SELECT row_security_active('users') AS "is_held!""#).fetch_one(db).await?;
    Ok(if is_held { RowSecurity::AsUser } else { RowSecurity::Off })
}

/// Whether the user can become the role, which is tried, and the role has its privileges.
async fn has_what_it_needs(db: &Db) -> Result<bool> {
    let mut transaction = transactions::begin(db, "BEGIN").await?;
    if sqlx::raw_sql(AssertSqlSafe(format!("SET LOCAL ROLE {ROLE}")))
        .execute(&mut *transaction)
        .await
        .is_err()
    {
        return Ok(false);
    }
    let has_all = sqlx::query_scalar!(
        r#"SELECT coalesce(bool_and(has_table_privilege(polrelid, 'INSERT')), false) AS "has_all!"
           FROM pg_policy WHERE polname = 'rows_of_tenant'"#
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(has_all)
}

/// Begins a transaction of one tenant, in one round trip. `SET LOCAL` names the tenant, for a database that distributes
/// tables tells its shards of that alone. What is sent with `BEGIN` must not fail, for the connection
/// would go back to the pool with a failed transaction in it; so a membership that was taken away meanwhile is asked
/// for once more.
pub async fn begin(db: &Db, row_security: RowSecurity, tenant: TenantId) -> Result<Transaction> {
    let role = match row_security {
        RowSecurity::AsRole => format!(
            "; SELECT set_config('role', CASE WHEN pg_has_role(to_regrole('{ROLE}'), {PRIVILEGE}) THEN '{ROLE}' ELSE 'none' END, true)"
        ),
        RowSecurity::AsUser | RowSecurity::Off => String::new(),
    };
    let sql = format!("BEGIN; SET LOCAL latchkey.tenant = '{}'{role}", tenant.0.as_hyphenated());
    transactions::begin(db, AssertSqlSafe(sql)).await
}
