//! docs/configuration.md and docs/cli.md below their mark are generated from config/default.toml and from `--help`. `just
//! docs` renews both.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use latchkey::cli::Cli;

use super::{ROOT, page};

const MARK: &str = "<!-- Generated below this line by `just docs`. -->\n";

/// Compares the generated part of a page, or renews it.
fn compare(name: &str, generated: &str) {
    let page = page(name);
    let (written, _) = page.text.split_once(MARK).expect("the mark");
    let expected = format!("{written}{MARK}\n{}\n", generated.trim());
    #[expect(clippy::disallowed_methods, reason = "this is for who runs the test")]
    let renew = std::env::var_os("LATCHKEY_RENEW_DOCUMENTS").is_some();
    if renew {
        std::fs::write(Path::new(ROOT).join(&page.path), expected).expect("the page is written");
    } else {
        assert!(page.text == expected, "{} is out of date: run `just docs`", page.path);
    }
}

/// One or more settings that share an explanation.
#[derive(Default)]
struct Group {
    comment: Vec<String>,
    /// Names with their values.
    settings: Vec<(String, String)>,
}

/// config/default.toml as a page: a heading for each section and each group of settings.
fn configuration(file: &str) -> String {
    let mut out = String::new();
    let mut section = String::new();
    let mut comment: Vec<String> = Vec::new();
    let mut group = Group::default();
    let mut lines = file.lines().skip_while(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix('#') {
            flush(&mut out, &section, &mut group);
            comment.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
        } else if let Some(name) = line.strip_prefix('[') {
            flush(&mut out, &section, &mut group);
            name.trim_end_matches(']').clone_into(&mut section);
            let _ = write!(out, "\n## `[{section}]`\n");
            paragraphs(&mut out, &std::mem::take(&mut comment));
        } else if let Some((name, value)) = line.split_once(" = ") {
            let mut value = value.trim().to_owned();
            while value.starts_with('[') && !value.ends_with(']') {
                let more = lines.next().expect("the rest of a list");
                let _ = write!(value, " {}", more.trim());
            }
            if !comment.is_empty() {
                flush(&mut out, &section, &mut group);
                group.comment = std::mem::take(&mut comment);
            }
            group.settings.push((name.to_owned(), value));
        } else {
            flush(&mut out, &section, &mut group);
        }
    }
    flush(&mut out, &section, &mut group);
    out
}

fn flush(out: &mut String, section: &str, group: &mut Group) {
    let Group { comment, settings } = std::mem::take(group);
    if settings.is_empty() {
        return;
    }
    let key = |name: &str| if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
    let names: Vec<_> = settings.iter().map(|(name, _)| format!("`{}`", key(name))).collect();
    let _ = writeln!(out, "\n### {}", names.join(", "));
    paragraphs(out, &comment);
    out.push('\n');
    for (name, value) in settings {
        let variable = format!("LATCHKEY__{}", key(&name).replace('.', "__").to_uppercase());
        let _ = writeln!(out, "- `{variable}`, default `{value}`");
    }
}

/// Comment lines as paragraphs; what Markdown would take for markup is escaped outside of code.
fn paragraphs(out: &mut String, comment: &[String]) {
    for (number, line) in comment.iter().enumerate() {
        if number == 0 {
            out.push('\n');
        }
        for (at, part) in line.split('`').enumerate() {
            if at % 2 == 0 {
                let part = part.replace('<', "&lt;").replace('*', r"\*").replace('[', r"\[");
                out.push_str(&part.replace(" _", r" \_"));
            } else {
                let _ = write!(out, "`{part}`");
            }
        }
        out.push('\n');
    }
}

/// The help of every command.
fn help(command: &mut Command, path: &[&str], out: &mut String) {
    let words: Vec<_> = path.iter().copied().chain(["--help"]).collect();
    let shown = Cli::command().try_get_matches_from(words).expect_err("help ends the program").to_string();
    let shown: String = shown.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let level = "#".repeat(path.len().min(2) + 1);
    let _ = write!(out, "\n{level} {}\n\n```text\n{shown}```\n", path.join(" "));
    let names: Vec<_> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        let inner = command.find_subcommand_mut(name).expect("it is there");
        help(inner, &[path, &[name.as_str()]].concat(), out);
    }
}

#[test]
fn the_page_of_settings_is_config_default_toml() {
    let file = std::fs::read_to_string(Path::new(ROOT).join("config/default.toml")).expect("the file");
    let page = configuration(&file);
    for key in super::settings::keys() {
        assert!(page.contains(&format!("`{key}`")) || page.contains(&format!("[{key}")), "{key}");
    }
    compare("configuration.md", &page);
}

#[test]
fn the_page_of_commands_is_the_help_of_the_program() {
    let mut out = String::new();
    help(&mut Cli::command(), &["latchkey"], &mut out);
    compare("cli.md", &out);
}
