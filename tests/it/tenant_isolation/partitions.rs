//! A statement belongs to one tenant: with every table partitioned by tenant, each statement reads and writes one
//! partition only. So a database that distributes rows by tenant can run it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::support::TestServer;

/// Statements that cross tenants, by a piece of their text, and why they may.
const CROSS_TENANTS: [(&str, &str); 11] = [
    ("SELECT t.id FROM tenants t WHERE EXISTS", "which tenants have devices to delete"),
    (
        "SELECT t.id FROM tenants t WHERE (SELECT true FROM device_authorizations",
        "which tenants have decided ones",
    ),
    (r#"min(at) AS "first!", max(at) AS "last!" FROM (SELECT"#, "which tenants have rows to clear away"),
    ("FROM approval_notices WHERE due_at <= $1 GROUP BY tenant_id", "which tenants have due messages"),
    (
        "FROM webhooks w CROSS JOIN LATERAL",
        "shares the slots among tenants; each message is claimed in its own",
    ),
    ("SELECT DISTINCT tenant_id FROM audit_unsealed", "which tenants have events to seal"),
    (
        "FROM audit_seals WHERE cleared_mac IS NULL AND last_at < $1 GROUP BY",
        "which tenants have seals to clear",
    ),
    ("UNION SELECT tenant_id FROM audit_events", "which tenants an operator's check of the whole log reads"),
    ("FROM tenants UNION SELECT tenant_id FROM mac_keys", "which tenants have sealed values to seal anew"),
    ("LEFT JOIN expiries_counted e", "which tenants have expired codes to count"),
    ("SELECT tenant_id, kid FROM signing_keys k", "which tenants have signing keys to move on"),
];

/// The value of every parameter that is a tenant, and of every other UUID.
const TENANT: &str = "'00000000-0000-0000-0000-000000000001'::uuid";

/// The statements of the crate, as the checked macros stored them.
fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = std::fs::read_dir(folder).expect("the statements");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a statement");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        document["query"].as_str().expect("a query").to_owned()
    };
    files.map(read).collect()
}

fn in_one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn run(db: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.map(drop)
}

/// A table that has rows of tenants.
struct Table {
    name: String,
    /// The position of the tenant among its columns.
    tenant_at: usize,
}

/// Creates each table of tenants again, with four partitions, in a schema that hides the first one.
async fn partition(db: &mut PgConnection) -> Vec<Table> {
    let tables: Vec<(String, i64)> = sqlx::query_as(
        "SELECT t.relname::text,
                (SELECT count(*) FROM pg_attribute b
                 WHERE b.attrelid = t.oid AND b.attnum > 0 AND b.attnum < a.attnum AND NOT b.attisdropped)
         FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id'
         WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *db)
    .await
    .expect("the tables");
    run(db, "CREATE SCHEMA partitioned; SET search_path = partitioned, public".to_owned())
        .await
        .expect("a schema");
    for (name, _) in &tables {
        let create = |indexes: &str| {
            format!(
                "CREATE TABLE {name} (LIKE public.{name} INCLUDING ALL {indexes}) PARTITION BY HASH (tenant_id)"
            )
        };
        // PostgreSQL refuses a key without the tenant.
        if run(db, create("")).await.is_err() {
            run(db, create("EXCLUDING INDEXES")).await.expect("a partitioned table");
        }
        for part in 0..4 {
            let sql = format!(
                "CREATE TABLE {name}_p{part} PARTITION OF {name} FOR VALUES WITH (MODULUS 4, REMAINDER {part})"
            );
            run(db, sql).await.expect("a partition");
        }
    }
    let named =
        |(name, tenant_at)| Table { name, tenant_at: usize::try_from(tenant_at).expect("a position") };
    tables.into_iter().map(named).collect()
}

/// A literal of this type.
fn sample(kind: &str) -> String {
    if let Some(element) = kind.strip_suffix("[]") {
        return format!("ARRAY[{}]", sample(element));
    }
    match kind {
        "uuid" => TENANT.to_owned(),
        "inet" => "'192.0.2.1'::inet".to_owned(),
        "jsonb" => "'{}'::jsonb".to_owned(),
        "bytea" => r"'\x00'::bytea".to_owned(),
        "boolean" => "true".to_owned(),
        "interval" => "'1 second'::interval".to_owned(),
        "timestamp with time zone" => "'2026-01-01 00:00Z'::timestamptz".to_owned(),
        // Also the place of a row.
        "text" => "'(0,1)'".to_owned(),
        number => format!("1::{number}"),
    }
}

/// The plan of a statement for the values at hand.
async fn plan(db: &mut PgConnection, statement: &str) -> sqlx::Result<Value> {
    run(db, format!("PREPARE asked AS {statement}")).await?;
    let kinds: Vec<String> = sqlx::query_scalar(
        "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'asked'",
    )
    .fetch_all(&mut *db)
    .await?;
    let values: Vec<_> = kinds.iter().map(|kind| format!("{}::{kind}", sample(kind))).collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let sql = format!("EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE asked{values}");
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *db).await?;
    let plan: Value = row.try_get(0)?;
    run(db, "DEALLOCATE asked".to_owned()).await?;
    Ok(plan[0]["Plan"].clone())
}

/// What a plan touches.
#[derive(Default)]
struct Touched {
    partitions: BTreeSet<String>,
    /// Tables that get rows of a tenant that is not the statement's.
    strange_rows: Vec<String>,
}

impl Touched {
    fn add(&mut self, node: &Value, tables: &[Table]) {
        let children = || node["Plans"].as_array().into_iter().flatten();
        if let Some(relation) = node["Relation Name"].as_str() {
            if let Some((table, part)) = relation.rsplit_once("_p")
                && tables.iter().any(|known| known.name == table)
            {
                self.partitions.insert(part.to_owned());
            }
            if node["Operation"] == "Insert"
                && let Some(table) = tables.iter().find(|known| known.name == relation)
            {
                let rows = children().find(|child| child["Parent Relationship"] == "Outer").expect("rows");
                let tenant = rows["Output"][table.tenant_at].as_str().unwrap_or_default();
                if tenant != TENANT && !tenant.ends_with(".tenant_id") {
                    self.strange_rows.push(format!("{relation} gets {tenant}"));
                }
            }
        }
        children().for_each(|child| self.add(child, tables));
    }
}

#[tokio::test]
async fn every_statement_touches_the_rows_of_one_tenant() {
    let server = TestServer::start().await;
    let mut db = sqlx::PgPool::acquire(&server.app.db).await.expect("a connection").detach();
    let tables = partition(&mut db).await;
    // Sample values violate checks, which must not decide what is read.
    let planning = "SET plan_cache_mode = force_custom_plan; SET constraint_exclusion = off";
    run(&mut db, planning.to_owned()).await.expect("settings");
    let (mut single, mut faults) = (0, Vec::new());
    let mut allowed = [0; CROSS_TENANTS.len()];
    for statement in statements() {
        let line = in_one_line(&statement);
        let mut touched = Touched::default();
        let plan = plan(&mut db, &statement).await.unwrap_or_else(|error| panic!("{error}: {line}"));
        touched.add(&plan, &tables);
        if touched.partitions.len() <= 1 && touched.strange_rows.is_empty() {
            single += touched.partitions.len();
        } else if let Some(which) = CROSS_TENANTS.iter().position(|(piece, _)| line.contains(piece)) {
            allowed[which] += 1;
        } else {
            faults.push(format!("{:?} {:?} {line}", touched.partitions, touched.strange_rows));
        }
    }
    assert!(faults.is_empty(), "{} cross tenants:\n{}", faults.len(), faults.join("\n"));
    assert!(single > 150, "{single}");
    assert!(allowed.iter().all(|times| *times > 0), "an exception that is not needed: {allowed:?}");
}

#[tokio::test]
async fn every_conflict_of_keys_names_the_whole_key() {
    for statement in statements() {
        let line = in_one_line(&statement);
        for rest in line.split("ON CONFLICT ").skip(1) {
            let key = rest.split(')').next().unwrap_or_default();
            let is_of_tenants = !line.contains("INSERT INTO tenants");
            assert!(key.starts_with('(') && (key.contains("tenant_id") || !is_of_tenants), "{line}");
        }
    }
}

#[tokio::test]
async fn no_trigger_needs_more_than_the_row_of_a_tenant() {
    let server = TestServer::start().await;
    let triggers: Vec<(String, bool, bool, String)> = sqlx::query_as(
        "SELECT g.tgname::text, g.tgoldtable IS NOT NULL OR g.tgnewtable IS NOT NULL,
                g.tgtype & 32 <> 0 AND g.tgtype & 28 <> 0, f.prosrc
         FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid JOIN pg_class t ON t.oid = g.tgrelid
         WHERE NOT g.tgisinternal AND t.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("the triggers");
    assert!(triggers.len() > 3, "{triggers:?}");
    for (name, has_transition_table, mixes_truncate, body) in triggers {
        assert!(!has_transition_table, "{name} has a transition table");
        assert!(!mixes_truncate, "{name} mixes TRUNCATE with row changes");
        assert!(!body.contains("pg_notify"), "{name} announces; the application does that");
    }
}

/// A setting that only `SET LOCAL` tells the shards of a database that distributes tables.
#[test]
fn settings_of_a_transaction_are_set_locally() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut calls = 0;
    for file in std::fs::read_dir(store).expect("the sources") {
        let path = file.expect("a file").path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for call in text.split("set_config(").skip(1) {
            // A role that may not be taken must not fail the transaction, and SET LOCAL has no condition.
            assert!(call.starts_with("'role',"), "{path:?} calls set_config");
            calls += 1;
        }
    }
    assert_eq!(calls, 1);
}
