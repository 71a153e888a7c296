//! Reading the settings: defaults, then a file, then the environment.

use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use figment::value::Value;

use super::Config;
use super::sources::{ENVIRONMENT_PREFIX, Sources, nearest, variable};

const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown or its value cannot be read.
    #[error("setting {0}")]
    Unreadable(String),
    /// The values contradict each other or cannot work.
    #[error("setting {key}: {problem}")]
    Impossible {
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// An environment variable that is not read resembles a setting.
    #[error("setting {name}: not a variable of a setting; use {right}")]
    Misspelled { name: String, right: String },
    /// The file given with `--config` is not there.
    #[error("the settings file {0} does not exist")]
    NoFile(String),
    /// The file given with `--config` cannot be read, or is not TOML.
    #[error("the settings file {path}{problem}")]
    File {
        path: String,
        /// The line, if one is wrong, and what is wrong.
        problem: String,
    },
}

/// Reads the settings, and refuses those that cannot work.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let sources = Sources::read(file, variables)?;
    let keys = keys();
    sources.check_names(&keys)?;
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(text) = sources.text() {
        figment = figment.merge(Toml::string(text));
    }
    let config = extract(&figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__")), &sources)?;
    config.validate().map_err(|error| match error {
        ConfigError::Impossible { key, problem } => {
            ConfigError::Impossible { key, problem: problem + &sources.place(key) }
        }
        other => other,
    })?;
    Ok(config)
}

fn extract(figment: &Figment, sources: &Sources) -> Result<Config, ConfigError> {
    figment.extract().map_err(|error| {
        let mut path = error.path.clone();
        let problem = match &error.kind {
            Kind::UnknownField(name, _) => {
                if path.last() != Some(name) {
                    path.push(name.clone());
                }
                match nearest(&path.join("."), &keys()) {
                    Some(key) => {
                        format!("no such setting; did you mean {key}, as variable {}?", variable(key))
                    }
                    None => "no such setting; config/default.toml lists all settings".to_owned(),
                }
            }
            Kind::InvalidType(found, expected) => {
                format!("must be {}, found {found}", kind_of_value(expected))
            }
            Kind::UnknownVariant(found, known) => {
                format!("must be one of {}, found {found}", known.join(", "))
            }
            kind => kind.to_string(),
        };
        let key = path.join(".");
        ConfigError::Unreadable(format!("{key}: {problem}{}", sources.place(&key)))
    })
}

/// The name of a type, in words.
fn kind_of_value(expected: &str) -> &str {
    match expected {
        "bool" | "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    }
}

fn keys() -> Vec<String> {
    let defaults: figment::value::Dict =
        Figment::from(Toml::string(DEFAULTS)).extract().expect("config/default.toml is TOML");
    let mut keys = Vec::new();
    for (name, value) in defaults {
        collect(name, &value, &mut keys);
    }
    keys
}

fn collect(name: String, value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Dict(_, members) => {
            for (inner, value) in members {
                collect(format!("{name}.{inner}"), value, keys);
            }
        }
        _ => keys.push(name),
    }
}

impl Default for Config {
    /// The settings as `config/default.toml` has them, whatever the environment says.
    fn default() -> Self {
        extract(&Figment::from(Toml::string(DEFAULTS)), &Sources::default())
            .expect("config/default.toml is complete")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(toml: &str) -> Result<Config, ConfigError> {
        let config =
            extract(&Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(toml)), &Sources::default())?;
        config.validate()?;
        Ok(config)
    }

    #[test]
    fn the_defaults_are_the_promised_ones() {
        let config = Config::default();
        config.validate().unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8628");
        assert_eq!(config.public_origin(), "http://127.0.0.1:8628");
        assert_eq!(config.device_flow.code_lifetime_seconds, 600);
        assert_eq!(config.device_flow.poll_interval_seconds, 5);
        assert!(config.rate_limits.enabled);
        assert!(config.server.trusted_proxies.is_empty());
        assert_eq!((config.keys.rotation_days, config.keys.announce_hours), (90, 24));
    }

    #[test]
    fn every_refusal_names_its_key() {
        for (toml, key) in [
            ("[server]\nlisen = \"x\"", "lisen"),
            ("[server]\nlisten = \"x\"", "server.listen"),
            ("nonsense = 1", "nonsense"),
            ("[server]\npublic_url = \"http://login.example.org\"", "server.public_url"),
            ("[server]\npublic_url = \"https://login.example.org/?x\"", "server.public_url"),
            ("[server]\nlisten = \"0.0.0.0:80\"", "server.public_url"),
            ("[server]\ntrusted_proxies = [\"nobody\"]", "server.trusted_proxies"),
            ("[server]\nkeep_alive_seconds = 60", "server.keep_alive_seconds"),
            ("[server]\nmax_connections = 10", "server.max_connections"),
            ("[device_flow]\ncode_lifetime_seconds = 60", "device_flow.code_lifetime_seconds"),
            ("[device_flow]\npoll_interval_seconds = 0", "device_flow.poll_interval_seconds"),
            ("[database]\nmax_connections = 0", "database.max_connections"),
            ("[database]\nurl = \"mysql://x\"", "database.url"),
            ("[database]\nurl = \"postgres://x\"", "secrets.master_key_file"),
            ("[tokens]\nsigning_algorithm = \"none\"", "tokens.signing_algorithm"),
            ("[tokens]\ndefault_audience = \"http://127.0.0.1:8628/\"", "tokens.default_audience"),
            ("[tokens]\nrefresh_absolute_seconds = 1", "tokens.refresh_absolute_seconds"),
            ("[keys]\nannounce_hours = 0", "keys.announce_hours"),
            ("[keys]\nannounce_hours = 721", "keys.announce_hours"),
            ("[keys]\nrotation_days = 1", "keys.rotation_days"),
            ("[keys]\nrotation_days = 4000000000", "keys.rotation_days"),
            ("[tokens]\naccess_lifetime_seconds = 3601", "tokens.access_lifetime_seconds"),
            ("[tokens]\nid_lifetime_seconds = 29", "tokens.id_lifetime_seconds"),
            ("[clients]\njwks_networks = [\"intranet\"]", "clients.jwks_networks"),
            ("[clients]\njwks_timeout_milliseconds = 60000", "clients.jwks_timeout_milliseconds"),
            ("[mail]\nsmtp_url = \"mail.example.org\"", "mail.smtp_url"),
            ("[mail]\nsmtp_url = \"https://mail.example.org\"", "mail.smtp_url"),
            ("[mail]\nsmtp_url = \"smtp://mail.example.org/?tls=opportunistic\"", "mail.smtp_url"),
            ("[mail]\nsmtp_url = \"smtps://user@mail.example.org\"", "mail.smtp_url"),
            ("[mail]\nsmtp_url = \"smtps://mail.example.org\"", "mail.from"),
            (
                "[mail]\nsmtp_url = \"smtps://m.example\"\nfrom = \"a@b.example\"\ntimeout_seconds = 0",
                "mail.timeout",
            ),
            ("[secrets]\nmaster_key = \"00\"\nmaster_key_file = \"/x\"", "secrets.master_key"),
        ] {
            let refusal = with(toml).expect_err(toml).to_string();
            assert!(refusal.contains(key), "{toml:?} gave {refusal:?}");
        }
    }

    #[test]
    fn mail_goes_out_encrypted_unless_the_server_is_on_this_machine_and_its_password_is_not_printed() {
        let server = |url: &str| {
            let config = with(&format!("[mail]\nsmtp_url = \"{url}\"\nfrom = \"a@b.example\"")).unwrap();
            assert!(!format!("{config:?}").contains("hush"));
            config.mail.server_url()
        };
        for url in ["smtp://localhost", "smtp://127.0.0.1:2525", "smtp://[::1]", "smtps://u:hush@m.example"] {
            assert_eq!(server(url), url);
        }
        assert_eq!(server("smtp://u:hush@m.example:587"), "smtp://u:hush@m.example:587?tls=required");
        assert_eq!(server("smtp://127.0.0.1.example"), "smtp://127.0.0.1.example?tls=required");
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let config = with("[server]\ntrusted_proxies = \"10.0.0.1, fd00::/8\"").unwrap();
        assert_eq!(config.server.trusted_proxies[0].to_string(), "10.0.0.1/32");
        assert_eq!(config.server.trusted_proxies.len(), 2);
    }
}
