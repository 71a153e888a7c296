//! Where settings come from, for messages that say what to correct and in which line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Table;
use toml::de::DeTable;

use super::{ConfigError, layers};

/// Start of the names of environment variables that are settings.
const ENVIRONMENT_PREFIX: &str = "LATCHKEY__";

#[derive(Debug, Default)]
pub(super) struct Sources {
    file: Option<SettingsFile>,
    /// The environment variables whose names begin with `LATCHKEY`.
    variables: Vec<Variable>,
}

#[derive(Debug)]
struct SettingsFile {
    path: PathBuf,
    text: String,
    settings: Table,
}

#[derive(Debug)]
struct Variable {
    name: String,
    value: String,
}

impl Sources {
    /// Reads the file and takes our variables. Fails where the file is not TOML, by its line, and where the value of a
    /// setting is not UTF-8.
    pub(super) fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut variables = Vec::new();
        for (name, value) in environment {
            let Ok(name) = name.into_string() else { continue };
            if !name.to_ascii_uppercase().starts_with("LATCHKEY") {
                continue;
            }
            let value = match value.into_string() {
                Ok(value) => value,
                Err(_) if path(&name).is_some() => {
                    return Err(ConfigError::Unreadable(format!("{name}: must be UTF-8")));
                }
                Err(_) => String::new(),
            };
            variables.push(Variable { name, value });
        }
        let file = file.map(SettingsFile::read).transpose()?;
        Ok(Self { file, variables })
    }

    /// What they set, from the weakest to the strongest: the file, then each variable.
    pub(super) fn layers(&self, defaults: &Table) -> Vec<Table> {
        let file = self.file.iter().map(|file| file.settings.clone());
        let variables = self.variables.iter().filter_map(|variable| {
            let path = path(&variable.name)?;
            Some(layers::of_variable(&path, &variable.value, defaults))
        });
        file.chain(variables).collect()
    }

    /// Where `key` is set, as an addition to a message: the environment goes over the file. Empty where neither sets it.
    pub(super) fn place(&self, key: &str) -> String {
        let variable = variable(key);
        if self.variables.iter().any(|given| given.name.eq_ignore_ascii_case(&variable)) {
            return format!(" (in {variable})");
        }
        let Some(file) = &self.file else { return String::new() };
        match file.line_of(key) {
            Some(line) => format!(" (in {}, line {line})", file.path.display()),
            None => String::new(),
        }
    }

    /// Fails where a variable is not read but looks like a setting, such as `LATCHKEY_SERVER_LISTEN`. Others, such as
    /// those that Kubernetes sets for a service named latchkey, are left alone.
    pub(super) fn check_names(&self, keys: &[String]) -> Result<(), ConfigError> {
        for Variable { name, .. } in &self.variables {
            if let Some(right) =
                meant(name, keys).map(variable).filter(|right| !right.eq_ignore_ascii_case(name))
            {
                return Err(ConfigError::Misspelled { name: name.clone(), right });
            }
        }
        Ok(())
    }
}

impl SettingsFile {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        if !path.exists() {
            return Err(ConfigError::NoFile(path.display().to_string()));
        }
        let unreadable = |problem: String| ConfigError::File { path: path.display().to_string(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(format!(": {error}")))?;
        Self::parse(path, text)
            .map_err(|(line, problem)| unreadable(format!(", line {line}: not TOML: {problem}")))
    }

    /// Reads TOML. Fails with the line, counted from one, and the problem.
    fn parse(path: &Path, text: String) -> Result<Self, (usize, String)> {
        match text.parse() {
            Ok(settings) => Ok(Self { path: path.to_owned(), text, settings }),
            Err(error) => {
                let line = line_at(&text, error.span().map_or(0, |span| span.start));
                Err((line, error.message().trim().replace('\n', ", ")))
            }
        }
    }

    /// The line where `key` is set, counted from one.
    fn line_of(&self, key: &str) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let mut table = document.get_ref();
        let mut found = None;
        for word in key.split('.') {
            let (name, value) = table.get_key_value(word)?;
            found = Some(name.span());
            match value.get_ref().as_table() {
                Some(inner) => table = inner,
                None => break,
            }
        }
        found.map(|span| line_at(&self.text, span.start))
    }
}

/// The words of the setting that a variable sets, if it is one of a setting: `server`, `listen`.
fn path(variable: &str) -> Option<Vec<String>> {
    let name = variable.to_ascii_uppercase();
    let words = name.strip_prefix(ENVIRONMENT_PREFIX)?.to_ascii_lowercase();
    Some(words.split("__").map(str::to_owned).collect())
}

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The known key that most resembles `key`, if any does.
pub(super) fn nearest<'a>(key: &str, keys: &'a [String]) -> Option<&'a str> {
    let squeezed = squeeze(key);
    let distance = |other: &String| strsim::damerau_levenshtein(&squeezed, &squeeze(other));
    let best = keys.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= squeezed.len() / 5).then_some(best.as_str())
}

/// The setting that a variable means. Of those that are read, only the underscores are judged here: the rest is said of
/// the key, as in a file.
fn meant<'a>(name: &str, keys: &'a [String]) -> Option<&'a str> {
    let rest = name.get("LATCHKEY".len()..)?;
    if rest.is_empty() || !rest.starts_with('_') {
        return None;
    }
    let near = nearest(rest, keys)?;
    let is_read = name.to_ascii_uppercase().starts_with(ENVIRONMENT_PREFIX);
    (!is_read || squeeze(near) == squeeze(rest)).then_some(near)
}

/// A key without what separates its words.
fn squeeze(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sources {
        /// The same variables over a file that says `text`.
        pub(in crate::config) fn over_file(self, text: &str) -> Self {
            let file = SettingsFile::parse(Path::new("/etc/latchkey.toml"), text.to_owned()).expect("TOML");
            Self { file: Some(file), ..self }
        }
    }

    fn keys() -> Vec<String> {
        ["data_dir", "server.listen", "server.public_url", "log.filter", "policy.trust.allowed"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_misspelled_variable_is_rejected_with_the_right_spelling() {
        for (name, right) in [
            ("LATCHKEY_SERVER_LISTEN", Some("LATCHKEY__SERVER__LISTEN")),
            ("LATCHKEY_SERVER__LISTEN", Some("LATCHKEY__SERVER__LISTEN")),
            ("LATCHKEY__SERVER_LISTEN", Some("LATCHKEY__SERVER__LISTEN")),
            ("LATCHKEY_DATA_DIR", Some("LATCHKEY__DATA_DIR")),
            ("LATCHKEY__DATA__DIR", Some("LATCHKEY__DATA_DIR")),
            ("LATCHKEY_PUBLIC_URL", None),
            ("LATCHKEY_SERVER_LISEN", Some("LATCHKEY__SERVER__LISTEN")),
            ("LATCHKEY_SERVER_PUBLIC_URI", Some("LATCHKEY__SERVER__PUBLIC_URL")),
            ("LATCHKEY__SERVER__LISEN", None),
            ("LATCHKEY__SERVER__LISTEN", None),
            ("latchkey__server__listen", None),
            // Kubernetes, for a service of this name.
            ("LATCHKEY_SERVICE_HOST", None),
            ("LATCHKEY_SERVICE_PORT", None),
            ("LATCHKEY_PORT", None),
            ("LATCHKEY_PORT_8628_TCP_ADDR", None),
            ("LATCHKEY_INSTALL_POSTGRES", None),
            ("LATCHKEY", None),
            ("LATCHKEYS_X", None),
        ] {
            let sources = Sources::read(None, [(name.into(), "".into())].into_iter()).unwrap();
            let refused = sources.check_names(&keys()).err().map(|error| match error {
                ConfigError::Misspelled { right, .. } => right,
                other => panic!("{other}"),
            });
            assert_eq!(refused.as_deref(), right, "{name}");
        }
    }

    #[test]
    fn a_setting_is_found_in_its_line() {
        let text = "data_dir = \"/d\"\n\n[server]\n# address\nlisten = \"x\"\n[policy.trust]\nallowed = 1\n";
        let variable = ("LATCHKEY__LOG__FILTER".into(), "".into());
        let sources = Sources::read(None, [variable].into_iter()).unwrap().over_file(text);
        for (key, place) in [
            ("data_dir", " (in /etc/latchkey.toml, line 1)"),
            ("server.listen", " (in /etc/latchkey.toml, line 5)"),
            ("policy.trust.allowed", " (in /etc/latchkey.toml, line 7)"),
            ("policy", " (in /etc/latchkey.toml, line 6)"),
            ("server.public_url", ""),
            ("log.filter", " (in LATCHKEY__LOG__FILTER)"),
        ] {
            assert_eq!(sources.place(key), place, "{key}");
        }
    }
}
