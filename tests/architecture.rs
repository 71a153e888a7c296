//! The four floors of `src`: `http → domain → store → model`. A floor uses only floors below it, and each has
//! crates that are none of its business.

use std::fs;
use std::path::{Path, PathBuf};

/// A floor, what of the crate it must not use, and which crates it must not know.
const FLOORS: [(&str, &[&str], &[&str]); 4] = [
    (
        "model",
        &["http", "domain", "store", "app", "cli", "config", "clock", "outbound", "geo", "mail", "themes"],
        &["sqlx", "axum", "tokio", "utoipa", "maxminddb", "lettre"],
    ),
    (
        "store",
        &["http", "domain", "app", "cli", "clock", "outbound", "geo", "mail", "themes"],
        &["axum", "utoipa", "maxminddb", "lettre"],
    ),
    (
        "domain",
        &["http", "cli", "mail", "themes"],
        &["sqlx", "axum", "utoipa", "hyper", "reqwest", "maxminddb", "lettre"],
    ),
    ("http", &["cli", "outbound", "geo", "mail"], &["sqlx", "maxminddb", "lettre"]),
];

#[test]
fn a_floor_uses_only_floors_below_it() {
    let mut violations = Vec::new();
    for (floor, modules, crates) in FLOORS {
        for file in rust_files(Path::new("src").join(floor)) {
            let text = fs::read_to_string(&file).unwrap();
            for path in used_paths(&text) {
                let foreign_module = path
                    .strip_prefix("crate::")
                    .is_some_and(|rest| modules.contains(&rest.split("::").next().unwrap_or_default()));
                let foreign_crate = crates.contains(&path.split("::").next().unwrap_or_default());
                if foreign_module || foreign_crate {
                    violations.push(format!("{}: {path}", file.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "floors above or crates out of place:\n{}", violations.join("\n"));
}

#[test]
fn sql_is_written_in_the_store_only() {
    let queries = ["query!(", "query_as!(", "query_scalar!(", "sqlx::query"];
    let outside: Vec<_> = rust_files(PathBuf::from("src"))
        .into_iter()
        .filter(|file| !file.starts_with("src/store") && !file.starts_with("src/embedded_postgres"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            queries.iter().any(|query| text.contains(query))
        })
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

/// A column whose value cannot be read is an error that names it (`RowOf` in `store/inconsistent.rs`).
#[test]
fn no_column_that_cannot_be_read_becomes_another_value() {
    for file in rust_files(PathBuf::from("src/store")) {
        let found = defaulted_columns(&fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
    for (code, count) in [
        ("u32::try_from(self.interval).unwrap_or(1)", 1),
        ("Method::parse(&row.method)\n    .unwrap_or(Method::None)", 1),
        ("serde_json::from_value(self.ceiling(x)).unwrap_or_default()", 1),
        ("TenantSlug::parse(&row.slug).unwrap_or_else(|_| TenantSlug::root())", 1),
        ("key.take(\"method\", Method::parse(&row.method))?", 0),
        ("i32::try_from(seconds).unwrap_or(i32::MAX)", 0),
    ] {
        assert_eq!(defaulted_columns(code).len(), count, "{code}");
    }
}

/// What reads a column of a row and goes on with a default where it cannot.
fn defaulted_columns(text: &str) -> Vec<String> {
    let code: String = text.split_whitespace().collect();
    let starts = ["try_from(", "parse(", "from_value("];
    let reads = starts.iter().flat_map(|start| code.match_indices(start).map(|(at, _)| at + start.len()));
    reads
        .filter_map(|inside| {
            let column = code[inside..].trim_start_matches('&');
            let mut open = 1;
            let end = inside
                + code[inside..].find(|c| {
                    open += i32::from(c == '(') - i32::from(c == ')');
                    open == 0
                })?;
            let is_defaulted = code[end..].starts_with(").unwrap_or");
            let is_column = column.starts_with("row.") || column.starts_with("self.");
            (is_column && is_defaulted).then(|| code[inside..end].to_owned())
        })
        .collect()
}

/// What changes rows of tenants in transactions that are of no one tenant, and so without row-level security.
const OF_NO_TENANT: [&str; 2] = ["src/domain/tenants/create.rs", "src/domain/tenants/mod.rs"];
/// The one file that begins them.
const CHANGES: &str = "src/domain/change.rs";

#[test]
fn transactions_name_their_tenant() {
    let nameless: Vec<_> = rust_files(PathBuf::from("src/domain"))
        .into_iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            let begins = text.contains("transactions::begin(&app.db, \"BEGIN\")") && !file.ends_with(CHANGES);
            begins || text.contains("Change::begin_of_directory(")
        })
        .collect();
    let expected: Vec<_> = OF_NO_TENANT.iter().map(PathBuf::from).collect();
    assert!(
        nameless.iter().all(|file| expected.contains(file)) && nameless.len() == expected.len(),
        "App::begin takes the tenant: {nameless:?}"
    );
}

/// What undoes its transaction in any case, to say what it would do.
const DRY_RUN: &str = "src/domain/campaigns.rs";

#[test]
fn the_domain_changes_things_in_one_way() {
    let by_hand: Vec<_> = rust_files(PathBuf::from("src/domain"))
        .into_iter()
        .filter(|file| !file.ends_with(CHANGES) && !file.ends_with(DRY_RUN))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.contains("app.begin(")
                || text.contains("record_in(") && !file.ends_with("src/domain/audit.rs")
        })
        .collect();
    assert!(by_hand.is_empty(), "a change is begun by Change::begin and recorded by it: {by_hand:?}");
}

#[test]
fn the_model_neither_waits_nor_reads_the_clock() {
    for file in rust_files(PathBuf::from("src/model")) {
        let text = fs::read_to_string(&file).unwrap();
        for forbidden in ["async fn", ".await", "Utc::now", "std::fs", "std::env"] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", file.display());
        }
    }
}

#[test]
fn chance_comes_from_one_file_only() {
    let sources = ["SystemRandom", "rand::", "getrandom", "new_v4", "now_v7", "OsRng", "SecureRandom"];
    let others: Vec<_> = rust_files(PathBuf::from("src"))
        .into_iter()
        .filter(|file| !file.ends_with("random.rs"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            sources.iter().any(|source| text.contains(source))
        })
        .collect();
    assert!(others.is_empty(), "{others:?}");
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

fn rust_files(folder: PathBuf) -> Vec<PathBuf> {
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
fn used_paths(text: &str) -> Vec<String> {
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
