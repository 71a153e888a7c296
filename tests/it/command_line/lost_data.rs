//! Data that is lost is never replaced by new, empty data: not the database, not the master key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::{Signal, test_kill_process};

use super::process::{DataDir, SharedDatabase, refusal, run_json};

/// How data gets lost, and how it comes back if it was only moved.
enum Loss {
    ClusterMoved,
    DirectoryMoved,
    Emptied,
}

fn remove_all_in(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        // The server writes its log and record in the meantime.
        let _ = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
    }
}

#[test]
fn a_vanished_cluster_stops_the_server_and_is_not_replaced() {
    for loss in [Loss::ClusterMoved, Loss::DirectoryMoved, Loss::Emptied] {
        let data = DataDir::new();
        let server = data.serve();
        let postmaster = data.postmaster().expect("a running PostgreSQL");
        let (dir, cluster) = (data.path().to_owned(), data.path().join("postgres"));
        let away = dir.with_extension("away");
        match loss {
            Loss::ClusterMoved => fs::rename(&cluster, &away).expect("it moves"),
            Loss::DirectoryMoved => fs::rename(&dir, &away).expect("it moves"),
            Loss::Emptied => remove_all_in(&dir),
        }

        let (status, log) = server.ended();
        assert_eq!(status.code(), Some(1), "{log:#?}");
        let said = log.last().expect("a sentence");
        let sentence = format!(
            "latchkey: the PostgreSQL cluster that Latchkey was using is no longer in {}",
            cluster.display()
        );
        assert!(said.starts_with(&sentence), "{said}");
        assert!(test_kill_process(postmaster).is_err(), "PostgreSQL ends with the server");

        // As a supervisor would.
        for command in [&["serve"][..], &["admin", "list-keys"]] {
            let mut command = data.latchkey(command);
            command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
            let said = refusal(command);
            assert!(said.contains("is missing: move it back"), "{said}");
            assert!(said.contains("cluster.id"), "{said}");
        }
        assert!(!cluster.exists() && !dir.join("master.key").exists() || matches!(loss, Loss::ClusterMoved));

        match loss {
            Loss::ClusterMoved => fs::rename(&away, &cluster).expect("it moves back"),
            Loss::DirectoryMoved => {
                fs::remove_dir_all(&dir).expect("it goes");
                fs::rename(&away, &dir).expect("it moves back");
            }
            Loss::Emptied => fs::remove_file(dir.join("cluster.id")).expect("a record"),
        }
        let (status, log) = data.serve().stop(Signal::TERM);
        assert!(status.success(), "{log:#?}");
    }
}

#[test]
fn a_missing_or_broken_master_key_is_not_replaced_beside_data() {
    let data = DataDir::new();
    data.serve().kill();
    let (key, copy) = (data.path().join("master.key"), data.path().join("copy"));
    fs::copy(&key, &copy).expect("a copy");
    for broken in [None, Some(""), Some("0123"), Some("not hexadecimal")] {
        fs::remove_file(&key).expect("a key");
        if let Some(text) = broken {
            fs::write(&key, text).expect("a file");
            fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
        for command in [&["serve"][..], &["migrate"], &["admin", "list-keys"]] {
            let mut command = data.latchkey(command);
            command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
            let said = refusal(command);
            assert!(said.contains(key.to_str().expect("text")) && said.contains("your backup"), "{said}");
        }
        assert_eq!(fs::read_to_string(&key).ok().as_deref(), broken, "nothing was written");
        fs::copy(&copy, &key).expect("the copy goes back");
    }
    assert_eq!(
        run_json(data.latchkey(&["admin", "list-keys", "--json"]))["keys"].as_array().map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn commands_reject_a_master_key_that_does_not_fit_the_database() {
    let database = SharedDatabase::new().await;
    let _server = database.serve_with(&[]);
    for command in
        [&["serve"][..], &["migrate"], &["admin", "create-tenant", "acme"], &["admin", "list-keys"]]
    {
        let mut command = database.latchkey(command);
        command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
        command.env("LATCHKEY__SECRETS__MASTER_KEY", "0f".repeat(32));
        let said = refusal(command);
        assert!(
            said.contains("encrypted with a different master key than the one in secrets.master_key"),
            "{said}"
        );
    }
    let mut command = database.latchkey(&["admin", "list-keys"]);
    command.env_remove("LATCHKEY__SECRETS__MASTER_KEY");
    command.env("LATCHKEY__SECRETS__MASTER_KEY_FILE", "/no/such/master.key");
    let said = refusal(command);
    assert!(said.contains("/no/such/master.key is missing"), "{said}");
    assert_eq!(database.row::<(i64,)>("SELECT count(*) FROM tenants WHERE slug = 'acme'").await, (0,));
}
