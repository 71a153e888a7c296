//! `latchkey openapi`

use super::process::{latchkey, run};

#[test]
fn the_document_is_printed_without_a_database_or_settings() {
    let mut command = latchkey(&["openapi"]);
    command.env("LATCHKEY__DATABASE__URL", "postgres://nobody@127.0.0.1:1/nothing");
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    let committed = include_bytes!("../../../openapi/openapi.json");
    assert!(output.stdout == committed, "it differs from openapi/openapi.json");
}
