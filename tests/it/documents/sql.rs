//! The SQL of the documents, run on a database. `tenant_isolation::postgres_versions` runs what sets up a database.

use super::pages;
use crate::command_line::process::SharedDatabase;

#[tokio::test]
async fn the_sql_of_the_documents_is_accepted() {
    let database = SharedDatabase::new().await;
    // Roles belong to the cluster that other tests share: these go with their transaction.
    let role = format!("documents_{}", std::process::id());
    let mut run = 0;
    for page in pages() {
        let blocks = page.blocks().into_iter().filter(|block| block.language == "sql");
        for block in blocks.filter(|block| !block.text.contains("CREATE DATABASE")) {
            let text = block.text.replace("'ID'", "'01a203f6-2b3d-769b-b16c-0881286f221f'");
            let text = if text.contains("ALTER ROLE") {
                let text = text.replace("ROLE latchkey ", &format!("ROLE {role} "));
                format!("BEGIN; CREATE ROLE {role}; {text} ROLLBACK;")
            } else {
                text
            };
            database.execute(text.leak()).await;
            run += 1;
        }
    }
    assert!(run >= 3, "{run} blocks");
}
