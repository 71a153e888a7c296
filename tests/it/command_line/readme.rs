//! The commands of the README, run as they stand there.

use std::path::Path;
use std::process::Command;

use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use super::process::{DataDir, run, run_json};
use crate::support::signer::ClientKey;

pub(super) const README: &str = include_str!("../../../README.md");

/// The commands in the README's shell blocks that contain `latchkey admin`, each with its continuation lines.
fn commands() -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut in_shell = false;
    let mut continues = false;
    for line in README.lines() {
        if line.starts_with("```") {
            in_shell = line == "```sh";
        } else if in_shell && continues {
            let command = found.last_mut().expect("a command that goes on");
            command.push('\n');
            command.push_str(line);
            continues = line.ends_with('\\');
        } else if in_shell && line.contains("latchkey admin") {
            found.push(line.to_owned());
            continues = line.ends_with('\\');
        }
    }
    found
}

/// The command in a shell, with the program on its PATH and `dir` as its directory.
pub(super) fn shell(data: &DataDir, dir: &Path, command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_latchkey")).parent().expect("a directory").display();
    // Only to copy what else the tests set.
    let latchkey = data.latchkey(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in latchkey.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", &format!("PATH=\"{program}:$PATH\"; {command}")]).current_dir(dir);
    shell
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    shell
}

#[test]
fn the_admin_commands_of_the_readme_work_as_they_stand() {
    let data = DataDir::new();
    let _server = data.serve();
    let dir = data.path().with_extension("readme");
    std::fs::create_dir(&dir).expect("a directory");
    let key = ClientKey::generate(SigningAlgorithm::EdDsa);
    std::fs::write(dir.join("robot.jwks.json"), key.jwks().to_string()).expect("a file");

    let commands = commands();
    assert!(commands.len() > 20, "{commands:#?}");
    for command in &commands {
        let mut command = command.clone();
        if command.contains(" KID") {
            let keys = run_json(data.latchkey(&["admin", "list-keys", "--json"]));
            command =
                command.replace(" KID", &format!(" {}", keys["keys"][0]["kid"].as_str().expect("a key")));
        }
        if command.contains("release-source") {
            let source = command.split_whitespace().nth(3).expect("a source");
            run_json(data.latchkey(&["admin", "revoke-campaign", "--source", source, "--json"]));
        }
        let output = run(shell(&data, &dir, &command));
        assert!(output.status.success(), "{command}\n{output:?}");
    }
    std::fs::remove_dir_all(&dir).expect("it goes");

    // What the examples for policies set one after the other is all in force.
    let shown = |more: &[&str]| {
        let show = [&["admin", "show-policy", "--json"][..], more].concat();
        run_json(data.latchkey(&show))["members"].clone()
    };
    let set = |value: Value, by: &str| json!({"value": value, "set_by": by});
    let (tenant, tv) = (shown(&[]), shown(&["--client", "tv"]));
    assert_eq!(tenant["approval.mode"], set(json!("report_only"), "tenant"));
    assert_eq!(tv["approval.mode"], set(json!("report_only"), "tenant"));
    assert_eq!(tv["approval.rules.other_country"], set(json!("deny"), "client"));
    assert_eq!(tv["approval.reverse_confirmation"], set(json!("always"), "client"));
    assert_eq!(tv["step_up.max_age_seconds"], set(json!(300), "client"));
    assert_eq!(tv["trust.allowed"], set(json!("key_bound"), "default"));
}
