//! The commands of the documents. `latchkey admin` is run on a database for each page, in the order of the page. Every other
//! command is parsed, or is one of a few programs whose use is checked elsewhere.

use clap::CommandFactory;
use clap::error::ErrorKind;
use latchkey::cli::Cli;
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use super::{Page, directory, page, pages, shell};
use crate::command_line::process::{SharedDatabase, run, run_json};
use crate::support::signer::ClientKey;

/// Programs other than Latchkey's that the documents use.
const OTHERS: [&str; 14] = [
    "#",
    "LATCHKEY_INSTALL_POSTGRES=1",
    "bash",
    "cargo",
    "curl",
    "docker",
    "echo",
    "export",
    "hosts=",
    "install",
    "mv",
    "openssl",
    "sed",
    "tac",
];

/// What a page may take for granted, unless it creates it.
const GIVEN: [(&str, &str); 4] = [
    (
        "create-user ada",
        "echo 'correct horse battery staple' | latchkey admin create-user ada --password-stdin",
    ),
    ("create-client --id tv", "latchkey admin create-client --id tv --grant device_code --scope openid"),
    (
        "create-client --id robot",
        "latchkey admin create-client --id robot --confidential --grant device_code --scope openid",
    ),
    ("revoke-campaign --source 192.0.2.7", "latchkey admin revoke-campaign --source 192.0.2.7"),
];

/// The commands of a page's shell blocks that contain `latchkey admin`, each with its continuation lines.
fn admin_commands(page: &Page) -> Vec<String> {
    let commands = page.shell().flat_map(|block| logical_lines(&block.text));
    commands.filter(|command| command.contains("latchkey admin")).collect()
}

/// The lines of a block, each with those that continue it.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.push('\n');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// The simple commands of a line, as a shell would split it, far enough for the documents.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut parentheses = 0_u32;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let command = commands.last_mut().expect("a command");
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            // A substitution is part of its word.
            (None, '$') if characters.peek() == Some(&'(') => {
                parentheses += 1;
                word.get_or_insert_default().push_str("$(");
                characters.next();
            }
            (None, ')') if parentheses > 0 => {
                parentheses -= 1;
                word.get_or_insert_default().push(')');
            }
            _ if parentheses > 0 => word.get_or_insert_default().push(character),
            (None, '\\') if characters.peek() == Some(&'\n') => {
                characters.next();
                command.extend(word.take());
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '(' | ')') => {
                command.extend(word.take());
                commands.push(Vec::new());
            }
            (None, '<' | '>') => {
                command.extend(word.take());
                // What follows is a file, and not an argument.
                while characters.next_if(|next| matches!(next, '>' | ' ')).is_some() {}
                while characters.next_if(|next| !next.is_whitespace()).is_some() {}
            }
            (None, _) if character.is_whitespace() => command.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    commands.last_mut().expect("a command").extend(word);
    commands.retain(|command| !command.is_empty());
    commands
}

fn recipes() -> Vec<String> {
    let justfile =
        std::fs::read_to_string(std::path::Path::new(super::ROOT).join(".justfile")).expect(".justfile");
    let names = justfile.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    names.filter_map(|line| line.split([' ', ':']).next().map(ToOwned::to_owned)).collect()
}

/// What is wrong with a command.
fn complaint(words: &[String]) -> Option<String> {
    let parse = |arguments: &[String]| {
        let words = std::iter::once("latchkey").chain(arguments.iter().map(String::as_str));
        let error = Cli::command().try_get_matches_from(words).err()?;
        (error.kind() != ErrorKind::DisplayHelp).then(|| error.to_string())
    };
    match words.first().map(String::as_str)? {
        "latchkey" => parse(&words[1..]),
        "cargo" => match words.iter().position(|word| word == "--") {
            Some(at) if words[1] == "run" => parse(&words[at + 1..]),
            _ => None,
        },
        "just" => (!recipes().contains(&words[1])).then(|| format!("no recipe {}", words[1])),
        "umask" => None,
        first => {
            let is_assignment = first.split_once('=').is_some_and(|(name, _)| {
                name.chars().all(|character| character.is_ascii_uppercase() || character == '_')
            });
            let is_known = OTHERS
                .iter()
                .any(|other| *other == first || other.ends_with('=') && first.starts_with(other));
            (!is_known && !is_assignment && first != "jq").then(|| format!("{first} is not a known program"))
        }
    }
}

#[test]
fn every_command_of_the_documents_is_one() {
    let mut wrong = Vec::new();
    for page in pages() {
        for block in page.shell() {
            for line in logical_lines(&block.text) {
                for words in simple_commands(&line) {
                    if let Some(complaint) = complaint(&words) {
                        wrong.push(format!("{}:{}: {line}: {complaint}", page.path, block.line));
                    }
                }
            }
        }
        for (line, code) in page.code().into_iter().filter(|(_, code)| code.starts_with("latchkey ")) {
            let words = simple_commands(code).remove(0);
            let Err(error) = Cli::command().try_get_matches_from(words) else { continue };
            // Arguments may be left out in the text, and names stand for values.
            if matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
                wrong.push(format!("{}:{line}: {code}: {error}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the page's commands on a new database, which it returns.
async fn run_page(page: &Page) -> SharedDatabase {
    let database = SharedDatabase::new().await;
    let name = page.path.replace('/', "-");
    let dir = directory(&name);
    let key = ClientKey::generate(SigningAlgorithm::EdDsa);
    std::fs::write(dir.join("robot.jwks.json"), key.jwks().to_string()).expect("a file");
    let commands = admin_commands(page);
    let given = GIVEN.iter().filter(|(mark, _)| !commands.iter().any(|command| command.contains(mark)));
    let given: Vec<_> = given.map(|(_, command)| (*command).to_owned()).collect();
    for command in given.iter().chain(&commands) {
        let mut command = command.clone();
        if command.contains(" KID") {
            let keys = run_json(database.latchkey(&["admin", "list-keys", "--json"]));
            let kid = keys["keys"][0]["kid"].as_str().expect("a key");
            command = command.replace(" KID", &format!(" {kid}"));
        }
        let output = run(shell(&database.latchkey(&[]), &dir, &command));
        assert!(output.status.success(), "{}: {command}\n{output:?}", page.path);
    }
    std::fs::remove_dir_all(&dir).expect("it goes");
    database
}

#[tokio::test]
async fn the_admin_commands_of_the_documents_work_as_they_stand() {
    let pages: Vec<_> = pages().into_iter().filter(|page| !admin_commands(page).is_empty()).collect();
    let all: usize = pages.iter().map(|page| admin_commands(page).len()).sum();
    assert!(pages.len() > 10 && all > 40, "{all} commands on {} pages", pages.len());
    for page in &pages {
        run_page(page).await;
    }
}

#[tokio::test]
async fn the_policies_of_the_documents_are_in_force_together() {
    let database = run_page(&page("phishing.md")).await;
    let shown = |more: &[&str]| {
        let show = [&["admin", "show-policy", "--json"][..], more].concat();
        run_json(database.latchkey(&show))["members"].clone()
    };
    let set = |value: Value, by: &str| json!({"value": value, "set_by": by});
    let (tenant, tv) = (shown(&[]), shown(&["--client", "tv"]));
    assert_eq!(tenant["approval.mode"], set(json!("report_only"), "tenant"));
    assert_eq!(tv["approval.mode"], set(json!("report_only"), "tenant"));
    assert_eq!(tv["approval.rules.other_country"], set(json!("deny"), "client"));
    assert_eq!(tv["approval.reverse_confirmation"], set(json!("always"), "client"));
    assert_eq!(tv["trust.allowed"], set(json!("key_bound"), "default"));
    let users = run_page(&page("users-and-roles.md")).await;
    let shown = run_json(users.latchkey(&["admin", "show-policy", "--client", "tv", "--json"]));
    assert_eq!(shown["members"]["step_up.max_age_seconds"], set(json!(300), "client"));
}
