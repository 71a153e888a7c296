//! Texts of the pages, by their keys in the message catalogs.

use latchkey::languages::{Language, Phrase};
use latchkey::model::scope::Scope;

/// Stands where a message has a value.
const VALUE: char = '\u{1a}';
/// The variables of the messages that tests look for, but for those that choose the form of a word.
const VARIABLES: [&str; 13] = [
    "access", "account", "browser", "client", "code", "device", "least", "meaning", "most", "name", "tenant",
    "wait", "whole",
];

/// The English message with this key.
pub fn t(key: &'static str) -> Phrase {
    Language::English.t(key)
}

/// How a standard scope is described in a language.
pub fn of_scope(name: &str, language: Language) -> String {
    let scope = Scope::standard().find(|scope| scope.name == name).expect("a standard scope");
    scope.in_words([language.tag()]).to_owned()
}

/// The text of the English message before its first value, or all of it.
pub fn before_value(key: &'static str) -> String {
    pieces(Language::English, key).swap_remove(0)
}

/// Returns `true` if the markup holds the message, whatever its values are.
pub fn holds(html: &str, language: Language, key: &'static str) -> bool {
    let mut rest = Some(html);
    for piece in pieces(language, key) {
        rest = rest.and_then(|rest| rest.split_once(&piece)).map(|(_, after)| after);
    }
    rest.is_some()
}

/// The message, cut at its values.
fn pieces(language: Language, key: &'static str) -> Vec<String> {
    let mark = VALUE.to_string();
    let message = VARIABLES.into_iter().fold(language.t(key), |message, name| message.text(name, &mark));
    message.to_string().split(VALUE).map(str::to_owned).collect()
}
