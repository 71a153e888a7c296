//! Which file uses which, and the circles in it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::paths::{rust_files, used_paths};

/// The most files that may go round in a circle: types that know each other.
const LARGEST_CIRCLE: usize = 4;

type Module = Vec<String>;

#[test]
fn no_circle_of_files_is_large() {
    let modules: HashMap<Module, PathBuf> =
        rust_files(PathBuf::from("src")).into_iter().map(|file| (module_of(&file), file)).collect();
    let arrows: HashMap<_, _> =
        modules.iter().map(|(module, file)| (module.clone(), used_by(module, file, &modules))).collect();
    assert!(arrows.values().map(HashSet::len).sum::<usize>() > 1000, "the arrows are not found");
    let large: Vec<_> = circles(&arrows).into_iter().filter(|circle| circle.len() > LARGEST_CIRCLE).collect();
    assert!(large.is_empty(), "files in circles: {large:#?}");
}

#[test]
fn route_tables_declare_routes_and_nothing_else() {
    let mut tables = 0;
    let mut others = Vec::new();
    for file in rust_files(PathBuf::from("src/http")) {
        let text = fs::read_to_string(&file).unwrap();
        if !file.ends_with("mod.rs") || !text.contains("pub fn router(") {
            continue;
        }
        tables += 1;
        let allowed = |line: &&str| {
            let declares = ["//", "#[", "mod ", "use ", "fn router(", "}"];
            let bare =
                line.strip_prefix("pub ").or_else(|| Some(line.strip_prefix("pub(")?.split_once(") ")?.1));
            line.starts_with(' ') || declares.iter().any(|start| bare.unwrap_or(line).starts_with(start))
        };
        let foreign = text.lines().filter(|line| !line.is_empty() && !allowed(line));
        others.extend(foreign.map(|line| format!("{}: {line}", file.display())));
    }
    assert!(tables > 8, "{tables} route tables");
    assert!(others.is_empty(), "not a route:\n{}", others.join("\n"));
}

/// The path of a file in the crate: `src/http/pages/mod.rs` is `http::pages`.
fn module_of(file: &Path) -> Module {
    let inside = file.strip_prefix("src").expect("a file of src").with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_str().expect("a name").to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

/// The files that a file uses, tests aside. A module that is declared is not yet used.
fn used_by(module: &Module, file: &Path, modules: &HashMap<Module, PathBuf>) -> HashSet<Module> {
    let text = fs::read_to_string(file).expect("a file");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let text = without_comments(text);
    let declared: Vec<_> = text
        .split("mod ")
        .skip(1)
        .filter_map(|rest| rest.split_once(';').map(|(name, _)| name))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .map(str::to_owned)
        .collect();
    let mut paths = used_paths(&text);
    for start in declared.iter().map(String::as_str).chain(["super", "self"]) {
        paths.extend(inline_paths(&text, start));
    }
    let found = paths.iter().filter_map(|path| resolve(path, module, &declared, modules));
    found.filter(|used| used != module).collect()
}

fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n").replace("pub(in crate::", "pub(")
}

/// The paths in the text that begin with this name.
fn inline_paths(text: &str, start: &str) -> Vec<String> {
    let is_of_path = |character: char| character.is_alphanumeric() || "_:".contains(character);
    text.match_indices(&format!("{start}::"))
        .filter(|(at, _)| !text[..*at].ends_with(is_of_path))
        .map(|(at, _)| text[at..].chars().take_while(|character| is_of_path(*character)).collect::<String>())
        .filter(|path| !path.ends_with("::"))
        .collect()
}

/// The file that a path leads into: the longest part of it that is a module.
fn resolve(
    path: &str,
    module: &Module,
    declared: &[String],
    modules: &HashMap<Module, PathBuf>,
) -> Option<Module> {
    let path = path.split(" as ").next()?.trim();
    // What a group stands behind.
    if path.ends_with("::") {
        return None;
    }
    let mut names = path.split("::").peekable();
    let mut place = match *names.peek()? {
        "crate" => {
            names.next();
            Module::new()
        }
        "super" | "self" => module.clone(),
        name if declared.iter().any(|declared| declared == name) => module.clone(),
        _ => return None,
    };
    while let Some(name) = names.next_if(|name| ["super", "self"].contains(name)) {
        if name == "super" {
            place.pop();
        }
    }
    for name in names {
        place.push(name.to_owned());
        if !modules.contains_key(&place) {
            place.pop();
            break;
        }
    }
    modules.contains_key(&place).then_some(place)
}

/// The sets of files of which each uses every other, by some way.
fn circles(arrows: &HashMap<Module, HashSet<Module>>) -> Vec<Vec<Module>> {
    let reach: HashMap<_, _> = arrows.keys().map(|module| (module, reached_from(module, arrows))).collect();
    let mut seen = HashSet::new();
    let mut circles = Vec::new();
    for (module, reached) in &reach {
        if !reached.contains(*module) || !seen.insert(*module) {
            continue;
        }
        let circle: Vec<_> = reach
            .keys()
            .copied()
            .filter(|other| reached.contains(*other) && reach[other].contains(*module))
            .collect();
        seen.extend(circle.iter().copied());
        circles.push(circle.into_iter().cloned().collect());
    }
    circles
}

fn reached_from(module: &Module, arrows: &HashMap<Module, HashSet<Module>>) -> HashSet<Module> {
    let mut reached = HashSet::new();
    let mut next: Vec<_> = arrows[module].iter().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module.clone()) {
            next.extend(&arrows[module]);
        }
    }
    reached
}

#[test]
fn a_circle_is_found() {
    let modules: HashMap<Module, PathBuf> = ["a", "a::b", "a::c"]
        .map(|path| (path.split("::").map(str::to_owned).collect(), PathBuf::new()))
        .into();
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    assert_eq!(resolve("crate::a::b::Type", &module("a::c"), &[], &modules), Some(module("a::b")));
    assert_eq!(resolve("super::Type", &module("a::c"), &[], &modules), Some(module("a")));
    assert_eq!(resolve("b::Type", &module("a"), &["b".to_owned()], &modules), Some(module("a::b")));
    assert_eq!(resolve("std::fmt", &module("a"), &[], &modules), None);
    let arrows: HashMap<Module, HashSet<Module>> = [("a", "a::b"), ("a::b", "a::c"), ("a::c", "a::b")]
        .map(|(from, to)| (module(from), HashSet::from([module(to)])))
        .into();
    let found = circles(&arrows);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].len(), 2, "{found:?}");
}
