//! Settings that cannot work are refused at start, in a sentence that names the key.

use super::process::{latchkey, refusal};

#[test]
fn a_bad_variable_is_refused_by_its_key() {
    for (name, value, key) in [
        ("LATCHKEY__SERVER__LISEN", "127.0.0.1:0", "lisen"),
        ("LATCHKEY__SERVER__LISTEN", "nowhere", "server.listen"),
        ("LATCHKEY__SERVER__LISTEN", "0.0.0.0:0", "server.public_url"),
        ("LATCHKEY__SERVER__PUBLIC_URL", "http://login.example.org", "server.public_url"),
        ("LATCHKEY__DEVICE_FLOW__POLL_INTERVAL_SECONDS", "0", "device_flow.poll_interval_seconds"),
        ("LATCHKEY__DATABASE__URL", "mysql://db/latchkey", "database.url"),
        ("LATCHKEY__KEYS__ANNOUNCE_HOURS", "0", "keys.announce_hours"),
        ("LATCHKEY__RATE_LIMITS__ENABLED", "perhaps", "rate_limits.enabled"),
    ] {
        for subcommand in ["serve", "migrate"] {
            let mut command = latchkey(&[subcommand]);
            command.env(name, value);
            let said = refusal(command);
            assert!(said.starts_with("latchkey: setting ") && said.contains(key), "{name}={value}: {said}");
        }
    }
}

#[test]
fn a_bad_file_is_refused_by_its_key() {
    let file = std::env::temp_dir().join(format!("latchkey-settings-{}.toml", std::process::id()));
    std::fs::write(&file, "[device_flow]\ncode_lifetime_seconds = 30\n").expect("a file");
    let said = refusal(latchkey(&["serve", "--config", file.to_str().expect("text")]));
    std::fs::remove_file(&file).expect("the file is there");
    assert!(said.contains("device_flow.code_lifetime_seconds"), "{said}");
}

#[test]
fn a_wrong_line_of_a_file_is_named() {
    let file = std::env::temp_dir().join(format!("latchkey-lines-{}.toml", std::process::id()));
    let path = file.to_str().expect("text");
    for (text, place, said) in [
        ("[server]\nlisten =\n", "line 2: not TOML", ""),
        (
            "[server]\nlisten = \"localhost:8628\"\n",
            "line 2)",
            "setting server.listen: must be an IP address",
        ),
        (
            "\n[server]\nlisen = \"x\"\n",
            "line 3)",
            "setting server.lisen: no such setting; did you mean server.listen",
        ),
        (
            "[device_flow]\n\ncode_lifetime_seconds = 30\n",
            "line 3)",
            "setting device_flow.code_lifetime_seconds: must be",
        ),
        (
            "[tokens]\naccess_lifetime_seconds = \"x\"\n",
            "line 2)",
            "setting tokens.access_lifetime_seconds: must be",
        ),
        ("[log]\nformat = \"xml\"\n", "line 2)", "setting log.format: must be one of text, json"),
        ("[server]\npublic_url = \"login.example.org\"\n", "line 2)", "use https://login.example.org"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let refused = refusal(latchkey(&["serve", "--config", path]));
        for expected in [place, said, path] {
            assert!(refused.contains(expected), "{expected:?} is not in {refused}");
        }
    }
    std::fs::remove_file(&file).expect("the file is there");
}

#[test]
fn a_misspelled_variable_is_rejected_with_its_right_spelling() {
    for (name, right) in [
        ("LATCHKEY_SERVER_LISTEN", "use LATCHKEY__SERVER__LISTEN"),
        ("LATCHKEY__SERVER_LISTEN", "use LATCHKEY__SERVER__LISTEN"),
        ("LATCHKEY__SERVER__LISEN", "did you mean server.listen, as variable LATCHKEY__SERVER__LISTEN"),
    ] {
        let mut command = latchkey(&["serve"]);
        command.env(name, "127.0.0.1:0");
        let said = refusal(command);
        assert!(said.contains(name) && said.contains(right), "{said}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let said = refusal(latchkey(&["serve", "--config", "/no/such/latchkey.toml"]));
    assert!(said.contains("/no/such/latchkey.toml"), "{said}");
}

#[test]
fn a_database_of_ones_own_needs_a_master_key() {
    let mut command = latchkey(&["serve"]);
    command.env("LATCHKEY__DATABASE__URL", "postgres://nobody@127.0.0.1:1/nothing");
    let said = refusal(command);
    assert!(said.contains("secrets.master_key_file") && said.contains("openssl rand -hex 32"), "{said}");
}
