//! Files and items that the documents name exist. rustdoc checks the links of docs/architecture.md as well, but it cannot
//! see private items from there.

use std::path::{Path, PathBuf};

use super::{ROOT, page, pages};

/// Where files are named from.
const FROM: [&str; 3] = ["", "src", "tests/it"];

fn find(name: &str) -> Option<PathBuf> {
    FROM.iter().map(|from| Path::new(ROOT).join(from).join(name)).find(|path| path.exists())
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let mut missing = Vec::new();
    for page in pages() {
        for (line, code) in page.code() {
            let plain = code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '-'));
            let is_file = [".rs", ".html", ".toml", ".json"].iter().any(|end| code.ends_with(end));
            let is_test = ["phishing/", "rfc8628/", "pages/"].iter().any(|start| code.starts_with(start));
            let is_named = code.contains('/') && !code.starts_with('/') && plain;
            let exists = if is_file {
                find(code).is_some()
            } else {
                find(&format!("{code}.rs")).or_else(|| find(code)).is_some()
            };
            if is_named && (is_file || is_test) && !exists {
                missing.push(format!("{}:{line}: {code}", page.path));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_item_that_the_architecture_names_is_in_its_file() {
    let text = page("architecture.md").text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut checked = 0;
    for (at, _) in text.match_indices("` in ") {
        let item = text[..at].rsplit('`').next().unwrap_or_default();
        let rest = text[at + "` in ".len()..].trim_start_matches('[');
        let Some(place) = rest.strip_prefix('`').and_then(|rest| rest.split('`').next()) else { continue };
        let file = match place.strip_prefix("crate::") {
            Some(path) => {
                let path = path.replace("::", "/");
                find(&format!("{path}.rs")).or_else(|| find(&format!("{path}/mod.rs")))
            }
            None => find(place),
        };
        let source = std::fs::read_to_string(file.expect(place)).expect("a file");
        let is_there = ["fn", "struct", "enum"].iter().any(|kind| {
            source.match_indices(&format!("{kind} {item}")).any(|(at, found)| {
                source[at + found.len()..].starts_with(|next: char| !next.is_alphanumeric() && next != '_')
            })
        });
        assert!(is_there, "{item} in {place}");
        checked += 1;
    }
    assert!(checked >= 10, "{checked} items");
}
