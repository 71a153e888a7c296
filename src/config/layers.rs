//! Settings as trees of values, of which one is put over another.

use toml::{Table, Value};

/// A value that has no place among the settings.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) key: String,
    /// What is wrong with it; `None` means that no setting has this key.
    pub(super) problem: Option<String>,
}

/// Puts `upper` over `lower`, section by section. A list replaces a list.
pub(super) fn put_over(lower: &mut Table, upper: Table) {
    for (name, value) in upper {
        match (lower.get_mut(&name), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => put_over(lower, upper),
            (_, value) => {
                lower.insert(name, value);
            }
        }
    }
}

/// Finds the first value of `given` whose key is not among the defaults, which have all keys.
pub(super) fn misfit(given: &Table, defaults: &Table) -> Option<Misfit> {
    given.iter().find_map(|(name, value)| {
        let inner = match (defaults.get(name), value) {
            (None, Value::Table(members)) => misfit(members, &Table::new()),
            (None, _) => None,
            (Some(Value::Table(defaults)), Value::Table(members)) => {
                return misfit(members, defaults).map(|misfit| misfit.below(name));
            }
            (Some(Value::Table(_)), other) => {
                let problem = format!("must be a section of settings, found {}", other.type_str());
                return Some(Misfit { key: name.clone(), problem: Some(problem) });
            }
            // Whether the value is of the right kind is found when it is read.
            (Some(_), _) => return None,
        };
        Some(inner.map_or_else(|| Misfit { key: name.clone(), problem: None }, |misfit| misfit.below(name)))
    })
}

impl Misfit {
    fn below(self, section: &str) -> Self {
        Self { key: format!("{section}.{}", self.key), ..self }
    }
}

/// Lists the keys of all values, such as `server.listen`.
pub(super) fn keys(settings: &Table) -> Vec<String> {
    settings
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Table(members) => keys(members).into_iter().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        })
        .collect()
}

/// Makes a tree of the one value that an environment variable sets.
pub(super) fn of_variable(path: &[String], text: &str, defaults: &Table) -> Table {
    let Some((name, rest)) = path.split_first() else { return Table::new() };
    let default = defaults.get(name);
    let value = if rest.is_empty() {
        read(text, default)
    } else {
        let none = Table::new();
        Value::Table(of_variable(rest, text, default.and_then(Value::as_table).unwrap_or(&none)))
    };
    Table::from_iter([(name.clone(), value)])
}

/// Reads the text of a variable as the kind that its default is of. What is none of that kind stays text, and is refused
/// as such when the settings are read.
fn read(text: &str, default: Option<&Value>) -> Value {
    let trimmed = text.trim();
    let is_between = |start, end| trimmed.len() > 1 && trimmed.starts_with(start) && trimmed.ends_with(end);
    let as_toml = || trimmed.parse::<Value>().ok();
    let read = match default {
        Some(Value::Array(members)) => Some(list(trimmed, members.first())),
        // Some settings are a word or a list.
        Some(Value::String(_)) if is_between('[', ']') => Some(list(trimmed, None)),
        // Text may be in quotes; digits alone are text too.
        Some(Value::String(_)) | None => is_between('"', '"').then(as_toml).flatten(),
        Some(_) => as_toml(),
    };
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads members separated by commas, in brackets or without.
fn list(text: &str, member: Option<&Value>) -> Value {
    if let Ok(list @ Value::Array(_)) = text.parse() {
        return list;
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let members = bare.split(',').map(str::trim).filter(|text| !text.is_empty());
    Value::Array(members.map(|text| read(text, member)).collect())
}
