//! Reading the settings: defaults, then a file, then the environment.

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format, Toml};

use super::Config;

const DEFAULTS: &str = include_str!("../../config/default.toml");
const ENVIRONMENT_PREFIX: &str = "LATCHKEY__";

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown or its value cannot be read.
    #[error("setting {0}")]
    Unreadable(String),
    /// The values contradict each other or cannot work.
    #[error("setting {key}: {problem}")]
    Impossible {
        /// The key.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The file given with `--config` is not there.
    #[error("the settings file {0} does not exist")]
    NoFile(String),
}

/// Reads the settings, and refuses those that cannot work.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(ConfigError::NoFile(path.display().to_string()));
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    let config = extract(&figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__")))?;
    config.validate()?;
    Ok(config)
}

fn extract(figment: &Figment) -> Result<Config, ConfigError> {
    figment.extract().map_err(|error| {
        let key = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
        let source =
            error.metadata.as_ref().map(|metadata| format!(" (in {})", metadata.name)).unwrap_or_default();
        ConfigError::Unreadable(format!("{key}{}{source}", error.kind))
    })
}

impl Default for Config {
    /// The settings as `config/default.toml` has them, whatever the environment says.
    fn default() -> Self {
        extract(&Figment::from(Toml::string(DEFAULTS))).expect("config/default.toml is complete")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(toml: &str) -> Result<Config, ConfigError> {
        let config = extract(&Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(toml)))?;
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
