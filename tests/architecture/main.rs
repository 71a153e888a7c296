//! The floors of `src`: `http → domain → app → store → model`. A floor uses only floors below it, and each has crates
//! that are none of its business. No files go round in circles.

mod arrows;
mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use paths::{rust_files, used_paths};

/// A floor, what of the crate it must not use, and which crates it must not know.
const FLOORS: [(&str, &[&str], &[&str]); 6] = [
    (
        "model",
        &[
            "http",
            "domain",
            "store",
            "app",
            "cli",
            "config",
            "clock",
            "outbound",
            "geo",
            "mail",
            "smtp",
            "themes",
            "languages",
            "hashing",
            "background",
        ],
        &["sqlx", "axum", "tokio", "utoipa", "maxminddb", "lettre"],
    ),
    (
        "store",
        &[
            "http",
            "domain",
            "app",
            "cli",
            "clock",
            "outbound",
            "geo",
            "mail",
            "smtp",
            "themes",
            "languages",
            "hashing",
            "background",
        ],
        &["axum", "utoipa", "maxminddb", "lettre"],
    ),
    (
        "app.rs",
        &["http", "domain", "cli", "mail", "languages", "background"],
        &["sqlx", "axum", "utoipa", "hyper", "reqwest", "maxminddb", "lettre"],
    ),
    (
        "domain",
        &["http", "cli", "mail", "smtp", "themes", "languages", "background"],
        &["sqlx", "axum", "utoipa", "hyper", "reqwest", "maxminddb", "lettre"],
    ),
    ("mail", &["http", "cli", "background"], &["sqlx", "axum", "utoipa", "lettre"]),
    ("http", &["cli", "outbound", "geo", "mail", "smtp"], &["sqlx", "maxminddb", "lettre"]),
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
    let outside: Vec<_> = files_with("src", &queries)
        .filter(|file| !file.starts_with("src/store") && !file.starts_with("src/embedded_postgres"))
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

#[test]
fn the_domain_changes_things_in_one_way() {
    let by_hand: Vec<_> = rust_files(PathBuf::from("src/domain"))
        .into_iter()
        .filter(|file| !file.ends_with(CHANGES))
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
    let others: Vec<_> = files_with("src", &sources).filter(|file| !file.ends_with("random.rs")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn every_error_type_ends_in_error() {
    let mut errors = 0;
    let mut others = Vec::new();
    for file in rust_files(PathBuf::from("src")) {
        let text = fs::read_to_string(&file).unwrap();
        // What derives an error, and what is named like a failure.
        let derived = text.split("thiserror::Error").skip(1).filter_map(name_of_type);
        let named = text.split('\n').filter_map(|line| name_of_type(line).filter(|_| line.contains("pub")));
        let named = named.filter(|name| ["Refused", "Failed"].iter().any(|end| name.ends_with(end)));
        for name in derived.chain(named) {
            errors += 1;
            if !name.ends_with("Error") {
                others.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(errors > 40, "{errors} errors");
    assert!(others.is_empty(), "{others:#?}");
}

/// The files of a folder that have one of these words.
fn files_with(folder: &str, words: &[&str]) -> impl Iterator<Item = PathBuf> {
    rust_files(PathBuf::from(folder)).into_iter().filter(|file| {
        let text = fs::read_to_string(file).expect("a file");
        words.iter().any(|word| text.contains(word))
    })
}

/// The name of the first type that a text declares.
fn name_of_type(text: &str) -> Option<&str> {
    let at = ["enum ", "struct "].iter().filter_map(|kind| Some(text.find(kind)? + kind.len())).min()?;
    let end = text[at..].find(|character: char| !character.is_alphanumeric() && character != '_')?;
    Some(&text[at..at + end])
}
