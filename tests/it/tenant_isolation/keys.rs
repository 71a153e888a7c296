//! Below the handlers: the database's own keys keep rows of tenants apart, and no statement finds a row by what
//! another tenant could know without naming the tenant.

use std::path::Path;

use serde_json::Value;

use crate::support::TestServer;

/// Statements that read rows of tenants without naming the tenant, by a piece of their text, and why they may. Whatever
/// a caller names is read first, with the tenant; writes then go to the rows that were read.
const WITHOUT_TENANT: [(&str, &str); 3] = [
    ("unnest($1::uuid[]) AS asked", "which of the sessions in memory are over: of all tenants at once"),
    (
        "SELECT kid FROM signing_keys WHERE kid = ANY($1)",
        "which keys have become ours to sign with: of all tenants",
    ),
    ("SELECT confirmation_mac", "by the session that was found before"),
];

#[tokio::test]
async fn every_reference_between_tables_of_tenants_names_the_tenant() {
    let server = TestServer::start().await;
    let references: Vec<(String, String, Vec<String>, Vec<String>)> = sqlx::query_as(
        "SELECT c.conrelid::regclass::text || ' ' || c.conname, c.confrelid::regclass::text,
                ARRAY(SELECT a.attname::text FROM unnest(c.conkey) k JOIN pg_attribute a
                      ON a.attrelid = c.conrelid AND a.attnum = k),
                ARRAY(SELECT a.attname::text FROM unnest(c.confkey) k JOIN pg_attribute a
                      ON a.attrelid = c.confrelid AND a.attnum = k)
         FROM pg_constraint c
         WHERE c.contype = 'f'
         AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.conrelid AND attname = 'tenant_id')
         AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.confrelid AND attname = 'tenant_id')",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("the catalogue can be read");
    assert!(references.len() > 10, "{references:?}");
    for (name, target, columns, targets) in references {
        let names = |columns: &[String]| columns.iter().any(|column| column == "tenant_id");
        assert!(names(&columns) && names(&targets), "{name} refers to {target} by {columns:?} alone");
    }
}

#[tokio::test]
async fn every_read_of_tenants_rows_names_the_tenant() {
    let server = TestServer::start().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id'",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("tables can be listed");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let mut reads = 0;
    let mut excused = [0; WITHOUT_TENANT.len()];
    for file in std::fs::read_dir(folder).expect("the statements") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a statement");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let statement = document["query"].as_str().expect("a query");
        let words: Vec<_> = statement.split_whitespace().collect();
        let has_rows = words.windows(2).any(|pair| {
            matches!(pair[0], "FROM" | "JOIN")
                && tables.iter().any(|table| pair[1].trim_end_matches([',', ')']) == table)
        });
        if words[0] != "SELECT" || !has_rows {
            continue;
        }
        reads += 1;
        if !statement.contains("tenant_id") {
            let statement = words.join(" ");
            let excuse = WITHOUT_TENANT.iter().position(|(piece, _)| statement.contains(piece));
            excused[excuse.unwrap_or_else(|| panic!("names no tenant: {statement}"))] += 1;
        }
    }
    assert!(reads > 40, "{reads}");
    assert!(excused.iter().all(|times| *times > 0), "an excuse that is not needed: {excused:?}");
}
