//! Master keys are rotated with the commands of docs/operations.md, and by `latchkey admin reseal`.

use rustix::process::Signal;

use super::process::{DataDir, SharedDatabase, refusal, run, run_json};
use crate::documents::{self, shell};

/// The commands of the section about rotation, one for each of its steps.
fn steps() -> Vec<String> {
    let page = documents::page("operations.md");
    page.section("### Rotate the master key").shell().map(|block| block.text.trim().to_owned()).collect()
}

#[test]
fn the_documented_steps_rotate_the_master_key() {
    let data = DataDir::with_cluster();
    let file = data.path().join("master.key");
    let stop = |server: super::process::Served| {
        let (status, log) = server.stop(Signal::TERM);
        assert!(status.success(), "{log:#?}");
    };
    stop(data.serve());
    let old = std::fs::read_to_string(&file).expect("a key");
    let steps = steps();
    assert_eq!(steps.len(), 4, "{steps:#?}");
    for step in &steps {
        // With the keys of the step before.
        let server = data.serve();
        let output = run(shell(&data.latchkey(&[]), data.path(), step));
        assert!(output.status.success(), "{step}\n{output:?}");
        if step.contains("reseal") {
            let said = String::from_utf8(output.stdout).expect("text");
            assert!(
                said.contains("nothing in the database needs it") && said.contains("signing keys"),
                "{said}"
            );
        }
        stop(server);
    }
    let new = std::fs::read_to_string(&file).expect("a key");
    assert_eq!((old.len(), new.len(), old == new), (65, 65, false));
    let done = run_json(data.latchkey(&["admin", "reseal", "--json"]));
    assert_eq!(done["keys"].as_array().map(Vec::len), Some(1), "{done}");
    assert_eq!(done["resealed"].as_object().map(serde_json::Map::len), Some(0), "{done}");
    stop(data.serve());
    std::fs::write(&file, old).expect("the old key");
    assert!(refusal(data.latchkey(&["serve"])).contains("encrypted with a different master key"));
}

#[tokio::test]
async fn reseal_fails_while_values_of_an_unknown_key_are_left() {
    let database = SharedDatabase::new().await;
    let command = |arguments: &[&str], keys: &[u8]| {
        let keys: Vec<_> = keys.iter().map(|byte| hex::encode([*byte; 32])).collect();
        let mut command = database.latchkey(arguments);
        command.env("LATCHKEY__SECRETS__MASTER_KEY", keys.join(" "));
        command
    };
    run_json(command(&["admin", "create-tenant", "acme", "--json"], &[7]));
    let reseal = ["admin", "reseal", "--json"];
    let done = run_json(command(&reseal, &[9, 7]));
    assert_eq!(done["keys"][1]["removable"], true, "{done}");
    run_json(command(&["admin", "create-tenant", "other", "--json"], &[5, 9]));
    let said = refusal(command(&reseal, &[9]));
    assert!(
        said.contains("which is not among the master keys") && said.contains("cannot be decrypted"),
        "{said}"
    );
    run_json(command(&reseal, &[9, 5]));
    let done = run_json(command(&reseal, &[9]));
    assert_eq!(done["resealed"], serde_json::json!({}), "{done}");
}
