//! A message with its values, ready to be written into a page.

use std::fmt::{self, Write};

use askama::filters::{Html, HtmlSafe, escape};
use fluent_bundle::{FluentArgs, FluentValue};

use super::{Language, catalogue};

/// Where values go stands one of these characters, which no message has; so no value passes through Fluent,
/// and none can be taken for markup or for the place of another (Unicode, Supplementary Private Use Area-A).
const FIRST_PLACE: u32 = 0xF0000;
/// First strong isolate and its end (UAX #9): they keep a name's direction to itself where no `bdi` can.
const ISOLATE: char = '\u{2068}';
const END_OF_ISOLATE: char = '\u{2069}';

/// A message with its values. Written with `{}` it is HTML, escaped; [`Phrase::plain`] is its text.
#[derive(Clone, Debug)]
pub struct Phrase {
    language: Language,
    key: &'static str,
    values: Vec<(&'static str, Value)>,
}

#[derive(Clone, Debug)]
enum Value {
    Name(String),
    Code(String),
    Text(String),
    Number(i64),
    Phrase(Phrase),
}

impl Phrase {
    pub(super) fn new(language: Language, key: &'static str) -> Self {
        Self { language, key, values: Vec::new() }
    }

    /// A name that somebody gave: it is never translated, and its direction is its own.
    #[must_use]
    pub fn name(self, variable: &'static str, name: &str) -> Self {
        self.with(variable, Value::Name(name.to_owned()))
    }

    /// A user code or another word of the protocol, to be read letter by letter.
    #[must_use]
    pub fn code(self, variable: &'static str, code: &str) -> Self {
        self.with(variable, Value::Code(code.to_owned()))
    }

    /// Text that means the same in all languages, as a time of day.
    #[must_use]
    pub fn text(self, variable: &'static str, text: &str) -> Self {
        self.with(variable, Value::Text(text.to_owned()))
    }

    /// A number, by which messages may choose the form of their words.
    #[must_use]
    pub fn number(self, variable: &'static str, number: i64) -> Self {
        self.with(variable, Value::Number(number))
    }

    /// A phrase within the phrase.
    #[must_use]
    pub fn phrase(self, variable: &'static str, phrase: Self) -> Self {
        self.with(variable, Value::Phrase(phrase))
    }

    fn with(mut self, variable: &'static str, value: Value) -> Self {
        self.values.push((variable, value));
        self
    }

    /// The text without markup, for titles and attributes; whoever writes it, escapes it.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                Part::Message(message) => {
                    text.push_str(&message.replace("<strong>", "").replace("</strong>", ""));
                }
                Part::Value(Value::Name(name)) => {
                    text.extend([ISOLATE].into_iter().chain(name.chars()).chain([END_OF_ISOLATE]));
                }
                Part::Value(Value::Code(value) | Value::Text(value)) => text.push_str(value),
                Part::Value(Value::Number(number)) => text.push_str(&number.to_string()),
                Part::Value(Value::Phrase(phrase)) => text.push_str(&phrase.plain()),
            }
        }
        text
    }

    /// What Fluent makes of the message, cut at the places of values.
    fn parts(&self) -> Vec<Part<'_>> {
        let mut arguments = FluentArgs::with_capacity(self.values.len());
        for (place, (variable, value)) in (FIRST_PLACE..).zip(&self.values) {
            let argument = match value {
                Value::Number(number) => FluentValue::from(*number),
                _ => FluentValue::from(String::from_iter(char::from_u32(place))),
            };
            arguments.set(*variable, argument);
        }
        let message = catalogue::message(self.language, self.key, &arguments);
        let mut parts = Vec::new();
        let mut literal = String::new();
        for letter in message.chars() {
            let place = u32::from(letter).checked_sub(FIRST_PLACE).and_then(|at| usize::try_from(at).ok());
            match place.and_then(|at| self.values.get(at)) {
                Some((_, value)) => {
                    parts.push(Part::Message(std::mem::take(&mut literal)));
                    parts.push(Part::Value(value));
                }
                None => literal.push(letter),
            }
        }
        parts.push(Part::Message(literal));
        parts
    }
}

/// A piece of a phrase.
enum Part<'a> {
    Message(String),
    Value(&'a Value),
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.parts() {
            match part {
                Part::Message(message) => {
                    let mut escaped = String::new();
                    write!(escaped, "{}", escaped_html(&message))?;
                    f.write_str(
                        &escaped
                            .replace("&#60;strong&#62;", "<strong>")
                            .replace("&#60;/strong&#62;", "</strong>"),
                    )?;
                }
                Part::Value(Value::Name(name)) => {
                    write!(f, r#"<bdi translate="no">{}</bdi>"#, escaped_html(name))?;
                }
                Part::Value(Value::Code(code)) => {
                    let code = escaped_html(code);
                    write!(
                        f,
                        r#"<code class="inline-code unbroken" dir="ltr" translate="no">{code}</code>"#
                    )?;
                }
                Part::Value(Value::Text(text)) => write!(f, "{}", escaped_html(text))?,
                Part::Value(Value::Number(number)) => write!(f, "{number}")?,
                Part::Value(Value::Phrase(phrase)) => write!(f, "{phrase}")?,
            }
        }
        Ok(())
    }
}

/// Templates write phrases as they are: everything in them is escaped already.
impl HtmlSafe for Phrase {}

fn escaped_html(text: &str) -> impl fmt::Display {
    let Ok(escaped) = escape(text, Html);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_escaped_and_can_stand_for_nothing_but_itself() {
        let hostile = "<b>\u{F0000}{ $client }</b>\u{2069}";
        let phrase = Language::English.t("consent-title").name("client", hostile);
        assert_eq!(
            phrase.to_string(),
            "<bdi translate=\"no\">&#60;b&#62;\u{F0000}{ $client }&#60;/b&#62;\u{2069}</bdi> wants to connect to your account"
        );
    }

    #[test]
    fn a_number_chooses_the_form_of_its_word_and_is_not_isolated() {
        let days = |language: Language, count| language.t("span-days").number("count", count).to_string();
        assert_eq!(days(Language::English, 1), "1 day");
        assert_eq!(days(Language::English, 2), "2 days");
        assert_eq!(days(Language::German, 1), "1 Tag");
        assert_eq!(days(Language::SimplifiedChinese, 90), "90 天");
    }

    #[test]
    fn plain_text_has_no_markup_and_keeps_the_direction_of_names_to_themselves() {
        let phrase = Language::German.t("consent-title").name("client", "<TV>");
        assert_eq!(phrase.plain(), "\u{2068}<TV>\u{2069} möchte sich mit Ihrem Konto verbinden");
        let warning = Language::English.t("consent-warning");
        assert!(warning.to_string().starts_with("<strong>Decline unless you started this yourself</strong>"));
        assert!(warning.plain().starts_with("Decline unless you started this yourself on a device"));
    }
}
