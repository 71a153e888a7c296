//! Reading the settings: defaults, then a file, then the environment.

use std::path::Path;

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::Config;
use super::layers::{self, Misfit};
use super::sources::{Sources, nearest, variable};
use super::wording::in_words;

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
    let sources = Sources::read(file, std::env::vars_os())?;
    sources.check_names(&layers::keys(&defaults()))?;
    let config = merge(&sources)?;
    config.validate().map_err(|error| match error {
        ConfigError::Impossible { key, problem } => {
            ConfigError::Impossible { key, problem: problem + &sources.place(key) }
        }
        other => other,
    })?;
    Ok(config)
}

/// Puts what the sources say over the defaults, and reads the whole. Fails at the first key that no setting has, or whose
/// value is of the wrong kind.
fn merge(sources: &Sources) -> Result<Config, ConfigError> {
    let defaults = defaults();
    let mut settings = defaults.clone();
    for layer in sources.layers(&defaults) {
        if let Some(Misfit { key, problem }) = layers::misfit(&layer, &defaults) {
            let problem = problem.unwrap_or_else(|| unknown(&key, &defaults));
            return Err(unreadable(&key, &problem, sources));
        }
        layers::put_over(&mut settings, layer);
    }
    serde_path_to_error::deserialize(Value::Table(settings)).map_err(|error| {
        // The members of a list are in the line of their list, and have no variables of their own.
        let names = error.path().iter().map_while(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            _ => None,
        });
        let key = names.collect::<Vec<_>>().join(".");
        unreadable(&key, &in_words(error.inner().message()), sources)
    })
}

fn unreadable(key: &str, problem: &str, sources: &Sources) -> ConfigError {
    ConfigError::Unreadable(format!("{key}: {problem}{}", sources.place(key)))
}

/// Says that `key` is no setting, and which one may be meant.
fn unknown(key: &str, defaults: &Table) -> String {
    match nearest(key, &layers::keys(defaults)) {
        Some(key) => format!("no such setting; did you mean {key}, as variable {}?", variable(key)),
        None => "no such setting; config/default.toml lists all settings".to_owned(),
    }
}

fn defaults() -> Table {
    DEFAULTS.parse().expect("config/default.toml is TOML")
}

impl Default for Config {
    /// The settings as `config/default.toml` has them, whatever the environment says.
    fn default() -> Self {
        merge(&Sources::default()).expect("config/default.toml is complete")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::grant::OptionalScopes;

    fn with(toml: &str) -> Result<Config, ConfigError> {
        let config = merge(&Sources::default().over_file(toml))?;
        config.validate()?;
        Ok(config)
    }

    fn with_variable(name: &str, value: &str) -> Result<Config, ConfigError> {
        merge(&Sources::read(None, [(name.into(), value.into())].into_iter())?)
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

    #[test]
    fn a_text_from_a_variable_stays_text_whatever_it_looks_like() {
        for (value, text) in [
            ("123", "123"),
            ("007", "007"),
            ("true", "true"),
            ("2026-12-01", "2026-12-01"),
            ("[span]=debug", "[span]=debug"),
            ("\"[span]\"", "[span]"),
            ("\"in quotes\"", "in quotes"),
            ("\"A\" <a@b.example>", "\"A\" <a@b.example>"),
            ("", ""),
        ] {
            let config = with_variable("LATCHKEY__LOG__FILTER", value).unwrap();
            assert_eq!(config.log.filter, text, "{value}");
        }
        let digits = "01".repeat(32);
        for written in [digits.clone(), format!("\"{digits}\"")] {
            let config = with_variable("LATCHKEY__SECRETS__MASTER_KEY", &written).unwrap();
            assert_eq!(config.secrets.master_key.as_ref(), Some(&digits));
        }
    }

    #[test]
    fn a_list_from_a_variable_has_commas_with_or_without_brackets() {
        for value in ["24940, 16276", "[24940,16276]", "24940,16276,"] {
            let config = with_variable("LATCHKEY__GEO__HOSTING_ASNS", value).unwrap();
            assert_eq!(config.geo.hosting_asns, [24940, 16276], "{value}");
        }
        for value in ["openid,42", "[openid, 42]", "[\"openid\", \"42\"]"] {
            let config = with_variable("LATCHKEY__REGISTRATION__SCOPES", value).unwrap();
            assert_eq!(config.registration.scopes, ["openid", "42"], "{value}");
        }
        for value in ["", "[]"] {
            assert!(with_variable("LATCHKEY__GEO__HOSTING_ASNS", value).unwrap().geo.hosting_asns.is_empty());
        }
        let config = with_variable("LATCHKEY__POLICY__GRANT__OPTIONAL_SCOPES", "[profile, email]").unwrap();
        let names = ["email", "profile"].map(str::to_owned).into();
        assert_eq!(config.policy.grant.optional_scopes, OptionalScopes::Named(names));
    }

    #[test]
    fn a_variable_goes_over_the_file_and_leaves_the_rest_of_its_section() {
        let variable = ("LATCHKEY__server__KEEP_ALIVE_SECONDS".into(), " 90 ".into());
        let variables = Sources::read(None, [variable].into_iter()).unwrap();
        let file = "[server]\nkeep_alive_seconds = 80\nmax_body_bytes = 1000";
        let config = merge(&variables.over_file(file)).unwrap();
        assert_eq!((config.server.keep_alive_seconds, config.server.max_body_bytes), (90, 1000));
        assert_eq!(config.server.header_timeout_seconds, Config::default().server.header_timeout_seconds);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_in_words() {
        for (toml, said) in [
            ("[tokens]\nid_lifetime_seconds = -1", "from 0 to 4294967295, found integer `-1`"),
            ("[tokens]\nid_lifetime_seconds = \"x\"", "from 0 to 4294967295, found string \"x\""),
            ("[server]\nmax_connections = -1", "must be a whole number of 0 or more, found integer `-1`"),
            ("[rate_limits]\nenabled = \"perhaps\"", "must be true or false, found string \"perhaps\""),
            ("[log]\nfilter = 5", "must be text, found integer `5`"),
            ("[log]\nformat = 5", "must be text"),
            ("[log]\nformat = \"xml\"", "must be one of text, json, found xml"),
            ("[policy.approval]\nmode = \"on\"", "must be one of enforce, report_only, found on"),
            ("[policy.grant]\noptional_scopes = \"few\"", "must be \"all\", \"none\" or a list of scopes"),
            ("[geo]\nhosting_asns = \"x\"", "must be a list, found string \"x\""),
            ("[geo]\nhosting_asns = [1, true]", "hosting_asns: must be a whole number"),
            ("[server]\ntrusted_proxies = 5", "must be a list of texts, or a text with commas"),
            ("[server]\nlisten = 8628", "use 127.0.0.1:8628 instead of 8628"),
            ("[secrets]\nmaster_key = 17", "put the digits in double quotes"),
            ("\nserver = 5", "setting server: must be a section of settings, found integer"),
            ("[servr]\nlisten = 5", "setting servr.listen: no such setting; did you mean server.listen"),
        ] {
            let refusal = with(toml).expect_err(toml).to_string();
            assert!(refusal.contains(said), "{toml:?} gave {refusal:?}");
            assert!(refusal.ends_with(" (in /etc/latchkey.toml, line 2)"), "{refusal}");
        }
        for (name, value, said) in [
            ("LATCHKEY__GEO__HOSTING_ASNS", "1,x", "must be a whole number"),
            ("LATCHKEY__DATABASE__MAX_CONNECTIONS", "", "must be a whole number"),
            ("LATCHKEY__SERVER", "x", "setting server: must be a section of settings, found string"),
            ("LATCHKEY__SERVER__LISTEN__PORT", "5", "setting server.listen: must be text"),
            ("LATCHKEY__NONSENSE", "5", "setting nonsense: no such setting"),
        ] {
            let refusal = with_variable(name, value).unwrap_err().to_string();
            assert!(refusal.contains(said), "{name}={value} gave {refusal:?}");
        }
    }
}
