//! Below the statements: whatever a transaction of a tenant runs, it sees and changes no other tenant's rows.

use latchkey::model::ids::TenantId;
use latchkey::store::db::Db;
use latchkey::store::tenant_transactions::{self, RowSecurity};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgConnection};

use super::two_estates;
use crate::support::TestServer;

/// The tables with rows of tenants, and the column that names the tenant.
async fn tables(server: &TestServer) -> Vec<(String, String)> {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         JOIN information_schema.tables USING (table_schema, table_name)
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
         AND (column_name = 'tenant_id' OR (table_name, column_name) = ('tenants', 'id'))",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("tables can be listed");
    assert!(tables.len() > 20, "{tables:?}");
    tables
}

async fn run(db: &mut PgConnection, sql: String) -> Result<u64, String> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await;
    match done {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => {
            let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
            Err(code.expect("an answer of the database").into_owned())
        }
    }
}

async fn count(db: impl sqlx::PgExecutor<'_>, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.expect("rows can be counted")
}

const NOT_PERMITTED: &str = "42501";

#[tokio::test]
async fn a_transaction_of_a_tenant_reaches_no_row_of_another() {
    let (server, theirs, ours) = two_estates().await;
    let (theirs, ours) = (theirs.tenant, ours.tenant);
    assert_eq!(server.app.row_security().await.expect("the database answers"), RowSecurity::AsRole);
    let mut with_rows = 0;
    for (table, column) in tables(&server).await {
        let of_others = format!("SELECT count(*) FROM {table} WHERE {column} <> '{ours}'");
        let mut transaction = server.app.begin(ours).await.expect("a transaction");
        with_rows += usize::from(count(&server.app.db, of_others.clone()).await > 0);
        assert_eq!(count(&mut *transaction, of_others).await, 0, "{table} is read");
        let update = format!("UPDATE {table} SET {column} = {column} WHERE {column} = '{theirs}'");
        let update = run(&mut transaction, update).await;
        let mut transaction = server.app.begin(ours).await.expect("a transaction");
        let delete = run(&mut transaction, format!("DELETE FROM {table} WHERE {column} = '{theirs}'")).await;
        let wanted = match table.as_str() {
            "audit_events" | "audit_seals" => Err(NOT_PERMITTED.to_owned()),
            _ => Ok(0),
        };
        assert_eq!((&update, &delete), (&wanted, &wanted), "{table} is changed");
    }
    assert!(with_rows > 15, "only {with_rows} tables have rows of others");
}

#[tokio::test]
async fn a_transaction_of_a_tenant_writes_no_row_for_another() {
    let server = TestServer::start().await;
    let ((ours, _), (theirs, _)) = (server.tenant("wombat").await, server.tenant("quokka").await);
    let scope = |name: &str, tenant: TenantId| {
        format!(
            "INSERT INTO scopes (tenant_id, name, description, created_at) VALUES ('{tenant}', '{name}', '', now())"
        )
    };
    let mut transaction = server.app.begin(ours).await.expect("a transaction");
    assert_eq!(run(&mut transaction, scope("ours", ours)).await, Ok(1));
    let moved = format!("UPDATE scopes SET tenant_id = '{theirs}' WHERE name = 'ours'");
    assert_eq!(run(&mut transaction, moved).await, Err(NOT_PERMITTED.to_owned()));
    let mut transaction = server.app.begin(ours).await.expect("a transaction");
    assert_eq!(run(&mut transaction, scope("theirs", theirs)).await, Err(NOT_PERMITTED.to_owned()));
}

#[tokio::test]
async fn a_transaction_of_a_tenant_gives_no_row_to_another() {
    let (server, theirs, ours) = two_estates().await;
    let (theirs, ours) = (theirs.tenant, ours.tenant);
    let mut with_rows = 0;
    for (table, column) in tables(&server).await {
        let own =
            count(&server.app.db, format!("SELECT count(*) FROM {table} WHERE {column} = '{ours}'")).await;
        let mut transaction = server.app.begin(ours).await.expect("a transaction");
        let given = format!("UPDATE {table} SET {column} = '{theirs}' WHERE {column} = '{ours}'");
        let given = run(&mut transaction, given).await;
        let is_append_only = ["audit_events", "audit_seals"].contains(&table.as_str());
        let wanted = if own > 0 || is_append_only { Err(NOT_PERMITTED.to_owned()) } else { Ok(0) };
        assert_eq!(given, wanted, "{table}");
        with_rows += usize::from(own > 0);
    }
    assert!(with_rows > 15, "only {with_rows} tables have rows");
}

#[tokio::test]
async fn a_transaction_leaves_nothing_of_its_tenant_on_the_connection() {
    let server = TestServer::start().await;
    let (ours, _) = server.tenant("wombat").await;
    let options = server.app.db.connect_options().as_ref().clone();
    let one =
        Db::from(PgPoolOptions::new().max_connections(1).connect_with(options).await.expect("a connection"));
    for commits in [true, false] {
        let transaction = tenant_transactions::begin(&one, RowSecurity::AsRole, ours).await.expect("begins");
        if commits { transaction.commit().await } else { transaction.rollback().await }.expect("ends");
        let after = "SELECT count(*) FROM tenants WHERE current_user = session_user";
        assert_eq!(count(&one, after.to_owned()).await, 2);
    }
}

/// A database user of a test, who is gone with it.
struct DatabaseUser {
    admin: Db,
    name: String,
    pool: Db,
}

impl DatabaseUser {
    async fn new(server: &TestServer, rights: &str) -> Self {
        let admin = server.app.db.clone();
        let options = admin.connect_options().as_ref().clone();
        let name = format!("{}_user", options.get_database().expect("a database"));
        let sql = format!("CREATE ROLE {name} NOSUPERUSER; {}", rights.replace("{name}", &name));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&admin).await.expect("a database user");
        let become_user = format!("SET SESSION AUTHORIZATION {name}");
        let pool = PgPoolOptions::new().after_connect(move |connection, _| {
            let sql = AssertSqlSafe(become_user.clone());
            Box::pin(async move { sqlx::raw_sql(sql).execute(connection).await.map(drop) })
        });
        let pool = pool.connect_with(options).await.expect("a connection");
        Self { admin, name, pool: pool.into() }
    }

    async fn drop(self) {
        self.pool.close().await;
        let sql =
            format!("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.admin).await.expect("the user goes");
    }
}

#[tokio::test]
async fn a_database_user_who_owns_nothing_is_held_as_it_is() {
    let server = TestServer::start().await;
    let (ours, _) = server.tenant("wombat").await;
    let rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}";
    let user = DatabaseUser::new(&server, rights).await;
    let found = tenant_transactions::find_out(&user.pool).await.expect("the database answers");
    assert_eq!(found, RowSecurity::AsUser);
    let tenants = || "SELECT count(*) FROM tenants".to_owned();
    assert_eq!(count(&user.pool, tenants()).await, 2, "what names no tenant is not held");
    let mut transaction = tenant_transactions::begin(&user.pool, found, ours).await.expect("begins");
    assert_eq!(count(&mut *transaction, tenants()).await, 1);
    drop(transaction);
    user.drop().await;
}

#[tokio::test]
async fn an_owner_who_may_not_become_the_role_goes_without() {
    let server = TestServer::start().await;
    let (ours, _) = server.tenant("wombat").await;
    let rights = "DO $$ DECLARE r regclass; BEGIN
                  FOR r IN SELECT polrelid::regclass FROM pg_policy LOOP
                      EXECUTE format('ALTER TABLE %s OWNER TO {name}', r);
                  END LOOP; END $$";
    let user = DatabaseUser::new(&server, rights).await;
    let found = tenant_transactions::find_out(&user.pool).await.expect("the database answers");
    assert_eq!(found, RowSecurity::Off);
    let mut transaction = tenant_transactions::begin(&user.pool, found, ours).await.expect("begins");
    assert_eq!(count(&mut *transaction, "SELECT count(*) FROM tenants".to_owned()).await, 2);
    drop(transaction);
    user.drop().await;
}
