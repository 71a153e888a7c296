use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast;

use super::*;

/// The variables of each message, by key.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages = BTreeMap::new();
    for source in sources(language) {
        let resource = fluent_syntax::parser::parse(*source).expect("a resource without faults");
        for entry in resource.body {
            let ast::Entry::Message(message) = entry else {
                assert!(
                    !matches!(entry, ast::Entry::Junk { .. } | ast::Entry::Term(_)),
                    "{language:?}: {entry:?}"
                );
                continue;
            };
            assert!(message.attributes.is_empty(), "{language:?}: {} has attributes", message.id.name);
            let mut variables = BTreeSet::new();
            of_pattern(&message.value.expect("a message with a value"), &mut variables);
            let before = messages.insert(message.id.name.to_owned(), variables);
            assert!(before.is_none(), "{language:?} has {} twice", message.id.name);
        }
    }
    messages
}

fn of_pattern(pattern: &ast::Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let ast::PatternElement::Placeable { expression } = element {
            of_expression(expression, variables);
        }
    }
}

fn of_expression(expression: &ast::Expression<&str>, variables: &mut BTreeSet<String>) {
    match expression {
        ast::Expression::Inline(inline) => of_inline(inline, variables),
        ast::Expression::Select { selector, variants } => {
            of_inline(selector, variables);
            for variant in variants {
                of_pattern(&variant.value, variables);
            }
        }
    }
}

fn of_inline(inline: &ast::InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    match inline {
        ast::InlineExpression::VariableReference { id } => {
            variables.insert(id.name.to_owned());
        }
        ast::InlineExpression::StringLiteral { .. } | ast::InlineExpression::NumberLiteral { .. } => {}
        ast::InlineExpression::Placeable { expression } => of_expression(expression, variables),
        other => panic!("messages have variables and literals only, and not {other:?}"),
    }
}

/// The keys written out in the pages, as what `t` is asked for.
fn used_keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a file of text");
        let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in before_tests.split(".t(").skip(1) {
            let key = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            keys.extend(key.map(str::to_owned));
        }
    }
    keys
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut found: Vec<_> = folders.iter().flat_map(|folder| files_below(folder)).collect();
    found.extend(
        files.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs" || ext == "html")),
    );
    found
}

#[test]
fn every_language_has_the_same_messages_with_the_same_variables() {
    let english = messages(Language::English);
    for language in Language::ALL {
        assert_eq!(messages(language), english, "{language:?}");
    }
}

#[test]
fn every_message_that_is_used_is_there_and_every_message_that_is_there_is_used() {
    let there: BTreeSet<_> = messages(Language::English).into_keys().collect();
    // The example of the module's head.
    let used: BTreeSet<_> =
        used_keys().into_iter().filter(|key| !["…", "keys-count"].contains(&key.as_str())).collect();
    let missing: Vec<_> = used.difference(&there).collect();
    assert!(missing.is_empty(), "used, but not there: {missing:?}");
    let unused: Vec<_> = there.difference(&used).collect();
    assert!(unused.is_empty(), "there, but not used: {unused:?}");
}

#[test]
fn no_message_has_markup_but_strong_or_a_character_that_stands_for_a_value() {
    for source in Language::ALL.into_iter().flat_map(sources) {
        let text = source.replace("<strong>", "").replace("</strong>", "");
        assert_eq!(source.matches("<strong>").count(), source.matches("</strong>").count());
        assert!(!text.contains(['<', '&']), "{source}");
        assert!(
            text.chars().all(
                |letter| u32::from(letter) < 0xE000 || letter > '\u{F8FF}' && u32::from(letter) < 0xF0000
            )
        );
    }
}
