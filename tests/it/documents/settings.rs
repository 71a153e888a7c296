//! The settings that the documents name exist, their theme can be read, and their unit of systemd starts the program.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use latchkey::cli::Cli;
use latchkey::config;
use latchkey::model::tenant::TenantSlug;
use latchkey::themes::Themes;
use toml::Table;

use super::{ROOT, directory, page, pages};

/// The keys and sections of config/default.toml.
pub(super) fn keys() -> BTreeSet<String> {
    fn collect(table: &Table, prefix: &str, keys: &mut BTreeSet<String>) {
        for (name, item) in table {
            let key = format!("{prefix}{name}");
            if let Some(table) = item.as_table() {
                collect(table, &format!("{key}."), keys);
            }
            keys.insert(key);
        }
    }
    let text = std::fs::read_to_string(Path::new(ROOT).join("config/default.toml")).expect("the file");
    let mut keys = BTreeSet::new();
    collect(&text.parse().expect("TOML"), "", &mut keys);
    keys
}

#[test]
fn every_setting_that_the_documents_name_exists() {
    let keys = keys();
    let mut unknown = Vec::new();
    for page in pages() {
        for (line, code) in page.code() {
            let key = code.split([' ', '=']).next().unwrap_or_default();
            let is_key =
                key.contains('.') && key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
            let section = key.split('.').next().unwrap_or_default();
            // Files and members of other things look alike.
            let is_file = [".rs", ".toml", ".md", ".json"].iter().any(|end| key.ends_with(end));
            if is_key && !is_file && keys.contains(section) && !keys.contains(key) {
                unknown.push(format!("{}:{line}: {key}", page.path));
            }
            if let Some(variable) = key.strip_prefix("LATCHKEY__") {
                let key = variable.to_lowercase().replace("__", ".");
                if key != "section.key" && !keys.contains(&key) {
                    unknown.push(format!("{}:{line}: LATCHKEY__{variable}", page.path));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn the_theme_of_the_documents_is_applied() {
    let page = page("theming.md");
    let block = page.blocks().into_iter().find(|block| block.language == "toml").expect("the theme");
    let dir = directory("theme");
    let folder = dir.join("acme");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("theme.toml"), block.text).expect("a file");
    for logo in ["logo.svg", "logo-dark.svg"] {
        std::fs::write(folder.join(logo), r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#).expect("a file");
    }
    let themes = Themes::new(&config::Pages { theme_dir: Some(dir.clone()) });
    themes.reread();
    let slug = TenantSlug::parse("acme").expect("a slug");
    assert!(themes.of(&slug).is_some());
    std::fs::remove_dir_all(&dir).expect("it goes");
}

#[test]
fn the_unit_of_systemd_starts_the_server() {
    let page = page("install.md");
    let block = page.blocks().into_iter().find(|block| block.language == "ini").expect("the unit");
    let start = block
        .text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"))
        .expect("a command");
    Cli::command().try_get_matches_from(start.split(' ')).expect("it is parsed");
}
