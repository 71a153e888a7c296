//! The messages of all languages, in the binary.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use super::Language;

/// Takes in the files of these names from the folder of each language.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        const fn sources(language: Language) -> &'static [&'static str] {
            match language {
                Language::English => &[$(include_str!(concat!("locales/en/", $name, ".ftl"))),*],
                Language::German => &[$(include_str!(concat!("locales/de/", $name, ".ftl"))),*],
                Language::SimplifiedChinese => {
                    &[$(include_str!(concat!("locales/zh-Hans/", $name, ".ftl"))),*]
                }
            }
        }
    };
}

// One line each: many hands add to it.
#[rustfmt::skip]
files!(
    "browsers",
    "consent",
    "device",
    "devices",
    "first-administrator",
    "layout",
    "not-me",
    "notices",
    "set-password",
    "places",
    "risk",
    "security",
    "sign-in",
    "words",
);

type Messages = FluentBundle<FluentResource>;

static MESSAGES: LazyLock<[Messages; 3]> = LazyLock::new(|| Language::ALL.map(read));

fn read(language: Language) -> Messages {
    let locale: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut messages = FluentBundle::new_concurrent(vec![locale]);
    // Values never pass through Fluent; phrases isolate them.
    messages.set_use_isolating(false);
    for source in sources(language) {
        let (resource, faults) = match FluentResource::try_new((*source).to_owned()) {
            Ok(resource) => (resource, Vec::new()),
            Err((resource, faults)) => (resource, faults),
        };
        debug_assert!(faults.is_empty(), "{language:?}: {faults:?} in {source}");
        let added = messages.add_resource(resource);
        debug_assert!(added.is_ok(), "{language:?}: {added:?} in {source}");
    }
    messages
}

/// The message in the language with the values in it; a fault in it is ours, and shows in tests.
pub(super) fn message(language: Language, key: &str, values: &FluentArgs<'_>) -> String {
    let messages = &MESSAGES[language as usize];
    let Some(pattern) = messages.get_message(key).and_then(|message| message.value()) else {
        debug_assert!(false, "there is no message {key} in {language:?}");
        return key.to_owned();
    };
    let mut faults = Vec::new();
    let text = messages.format_pattern(pattern, Some(values), &mut faults).into_owned();
    debug_assert!(faults.is_empty(), "{key} in {language:?}: {faults:?}");
    text
}

#[cfg(test)]
mod tests;
