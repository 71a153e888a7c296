//! Below the handlers: keys and references contain the tenant.

use crate::support::TestServer;

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
    assert!(references.len() > 7, "{references:?}");
    for (name, target, columns, targets) in references {
        let names = |columns: &[String]| columns.iter().any(|column| column == "tenant_id");
        assert!(names(&columns) && names(&targets), "{name} refers to {target} by {columns:?} alone");
    }
}

#[tokio::test]
async fn every_key_of_a_table_of_tenants_contains_the_tenant() {
    let server = TestServer::start().await;
    let keys: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT t.relname::text, k.indexrelid::regclass::text, a.attnum = ANY (k.indkey)
         FROM pg_class t
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         JOIN pg_index k ON k.indrelid = t.oid AND k.indisunique
         WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("the catalog can be read");
    assert!(keys.len() > 30, "{keys:?}");
    let faults: Vec<_> = keys.iter().filter(|(_, _, names)| !names).map(|(_, key, _)| key).collect();
    assert!(faults.is_empty(), "without tenant_id: {faults:?}");
}
