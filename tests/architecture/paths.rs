//! The paths that a file of Rust names.

use std::fs;
use std::path::PathBuf;

/// All files of Rust below a folder, or the one file.
pub(crate) fn rust_files(folder: PathBuf) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every path that a file imports, groups taken apart, and every `crate::` path in its text.
pub(crate) fn used_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for statement in text.split("use ").skip(1) {
        let tree: String =
            statement.split(';').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        expand("", &tree, &mut paths);
    }
    for inline in text.split("crate::").skip(1) {
        let path: String =
            inline.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        paths.push(format!("crate::{path}"));
    }
    paths
}

/// Takes a use tree apart: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let mut depth = 0;
    let mut start = 0;
    let mut branches = Vec::new();
    for (at, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&tree[start..]);
    for branch in branches.into_iter().map(str::trim).filter(|branch| !branch.is_empty()) {
        match branch.split_once('{') {
            Some((head, rest)) => {
                let inner = rest.strip_suffix('}').unwrap_or(rest);
                expand(&format!("{prefix}{head}"), inner, paths);
            }
            None => paths.push(format!("{prefix}{branch}")),
        }
    }
}

#[test]
fn grouped_and_inline_paths_are_found() {
    let text = "use crate::{app::App, store::{users, clients as c}};\nuse sqlx::PgPool;\nfn f() { crate::domain::x() }";
    let found = used_paths(text);
    for expected in [
        "crate::app::App",
        "crate::store::users",
        "crate::store::clients as c",
        "sqlx::PgPool",
        "crate::domain::x",
    ] {
        assert!(found.iter().any(|path| path == expected), "{expected} is not in {found:?}");
    }
}
