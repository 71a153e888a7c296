//! Combinations that cannot work, found before anything starts.

use chrono::TimeDelta;

use super::{Config, ConfigError};
use crate::model::device_authorization::MAX_CODE_LIFETIME;
use crate::model::scope::{BY_NAME_ONLY, ScopeSet};
use crate::model::signing_key_life::{LEAST_ANNOUNCEMENT, LONGEST_TOKEN_LIFETIME_SECONDS};

/// The longest time in which the exchange of a refresh token may be repeated without proof.
const LONGEST_REFRESH_REPEAT_SECONDS: u32 = 600;

impl Config {
    /// Refuses settings that contradict each other or a standard.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_public_url()?;
        self.check_database()?;
        self.check_device_flow()?;
        self.check_tokens()?;
        self.check_keys()?;
        self.check_mail()?;
        require(
            self.secrets.master_key.is_none() || self.secrets.master_key_file.is_none(),
            "secrets.master_key",
            "must not be combined with secrets.master_key_file; set only one of them",
        )?;
        self.policy.check().map_err(|problem| ConfigError::Impossible { key: "policy", problem })?;
        require(
            (100..=5000).contains(&self.clients.jwks_timeout_milliseconds),
            "clients.jwks_timeout_milliseconds",
            "must be between 100 and 5000, because a request waits for it",
        )?;
        self.check_clients()?;
        self.check_registration()?;
        require(
            (100..=60_000).contains(&self.webhooks.timeout_milliseconds),
            "webhooks.timeout_milliseconds",
            "must be between 100 and 60000",
        )?;
        require(
            self.sign_in.idle_seconds > 0 && self.sign_in.idle_seconds <= self.sign_in.absolute_seconds,
            "sign_in.idle_seconds",
            "must be more than 0 and at most sign_in.absolute_seconds",
        )?;
        require(
            self.sign_in.concurrent_password_checks > 0,
            "sign_in.concurrent_password_checks",
            "must be at least 1, or no one can sign in",
        )?;
        require(
            self.rate_limits.device_authorization_burst > 0
                && self.rate_limits.device_authorization_per_minute > 0,
            "rate_limits.device_authorization_burst",
            "burst and rate must be at least 1; to disable the limits set rate_limits.enabled = false",
        )?;
        require(self.server.max_header_bytes >= 8192, "server.max_header_bytes", "must be at least 8192")?;
        require(
            self.server.keep_alive_seconds > 60,
            "server.keep_alive_seconds",
            "must be more than 60, the longest polling interval, or connections close between two polls",
        )?;
        require(self.server.max_connections >= 32, "server.max_connections", "must be at least 32")
    }

    fn check_public_url(&self) -> Result<(), ConfigError> {
        const KEY: &str = "server.public_url";
        let Some(url) = &self.server.public_url else {
            return require(
                self.server.listen.ip().is_loopback(),
                KEY,
                "is required when server.listen is not a loopback address",
            );
        };
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        require(
            url.scheme() == "https" || url.scheme() == "http" && loopback,
            KEY,
            "must be https, or http with a loopback host",
        )?;
        require(
            url.path() == "/" && url.query().is_none() && url.fragment().is_none(),
            KEY,
            "must be an origin with only scheme, host and port (RFC 8414 §2)",
        )?;
        require(
            url.username().is_empty() && url.password().is_none(),
            KEY,
            "must not contain a user or password",
        )
    }

    fn check_database(&self) -> Result<(), ConfigError> {
        let scheme_fits = self
            .database
            .url
            .as_ref()
            .is_none_or(|url| url.starts_with("postgres://") || url.starts_with("postgresql://"));
        require(scheme_fits, "database.url", "must start with postgres:// or postgresql://")?;
        // Only beside the embedded database is there a place for a key of Latchkey's own making.
        require(
            self.database.url.is_none()
                || self.secrets.master_key.is_some()
                || self.secrets.master_key_file.is_some(),
            "secrets.master_key_file",
            "is required with database.url and must be the same on all instances; create a key with: (umask \
             077; openssl rand -hex 32 > master.key)",
        )?;
        require(self.database.max_connections >= 2, "database.max_connections", "must be at least 2")
    }

    fn check_device_flow(&self) -> Result<(), ConfigError> {
        require(
            (TimeDelta::minutes(2)..=MAX_CODE_LIFETIME).contains(&self.device_flow.code_lifetime()),
            "device_flow.code_lifetime_seconds",
            "must be between 120 and 900",
        )?;
        require(
            (1..=60).contains(&self.device_flow.poll_interval_seconds),
            "device_flow.poll_interval_seconds",
            "must be between 1 and 60",
        )
    }

    fn check_tokens(&self) -> Result<(), ConfigError> {
        let audience = self.tokens.default_audience.as_deref().unwrap_or_default();
        require(
            audience.trim_end_matches('/') != self.public_origin(),
            "tokens.default_audience",
            "must not be the issuer, or an ID token could be used as an access token (RFC 9068 §3)",
        )?;
        require(
            (30..=LONGEST_TOKEN_LIFETIME_SECONDS).contains(&self.tokens.access_lifetime_seconds),
            "tokens.access_lifetime_seconds",
            "must be between 30 and 3600",
        )?;
        require(
            (30..=LONGEST_TOKEN_LIFETIME_SECONDS).contains(&self.tokens.id_lifetime_seconds),
            "tokens.id_lifetime_seconds",
            "must be between 30 and 3600",
        )?;
        require(
            self.tokens.refresh_idle_seconds > 0
                && self.tokens.refresh_absolute_seconds >= self.tokens.refresh_idle_seconds,
            "tokens.refresh_absolute_seconds",
            "must be at least tokens.refresh_idle_seconds",
        )?;
        require(
            self.tokens.refresh_repeat_seconds <= LONGEST_REFRESH_REPEAT_SECONDS,
            "tokens.refresh_repeat_seconds",
            "must be between 0 and 600",
        )
    }

    fn check_clients(&self) -> Result<(), ConfigError> {
        require(
            (60..=3600).contains(&self.clients.max_assertion_seconds),
            "clients.max_assertion_seconds",
            "must be between 60 and 3600",
        )
    }

    fn check_registration(&self) -> Result<(), ConfigError> {
        let fits =
            |name: &String| ScopeSet::parse_name(name).is_ok() && !BY_NAME_ONLY.contains(&name.as_str());
        require(
            self.registration.scopes.iter().all(fits),
            "registration.scopes",
            "must list scope names other than admin, admin:read, device:approve and clients, which an \
             administrator grants to a client explicitly",
        )
    }

    fn check_mail(&self) -> Result<(), ConfigError> {
        let Some(url) = &self.mail.smtp_url else { return Ok(()) };
        require(
            matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some_and(|host| !host.is_empty()),
            "mail.smtp_url",
            "must be smtp://host or smtps://host",
        )?;
        require(
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none(),
            "mail.smtp_url",
            "must contain only scheme, user, password, host and port",
        )?;
        require(
            url.username().is_empty() == url.password().is_none(),
            "mail.smtp_url",
            "must contain both user and password, or neither",
        )?;
        require(
            self.mail.from.parse::<lettre::message::Mailbox>().is_ok(),
            "mail.from",
            "must be an email address, such as `Example <no-reply@example.org>`",
        )?;
        require(
            (1..=60).contains(&self.mail.timeout_seconds),
            "mail.timeout_seconds",
            "must be between 1 and 60",
        )
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        let (rotation, announcement) = (self.keys.rotation_days, self.keys.announce_hours);
        require(
            (LEAST_ANNOUNCEMENT.num_hours()..=720).contains(&announcement.into()),
            "keys.announce_hours",
            "must be between 1 and 720, so that verifiers see a key before it signs",
        )?;
        require(
            rotation == 0 || (rotation <= 3650 && rotation * 24 >= 2 * announcement),
            "keys.rotation_days",
            "must be 0 (manual rotation only), or at most 3650 and at least twice keys.announce_hours",
        )
    }
}

fn require(holds: bool, key: &'static str, problem: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Impossible { key, problem: problem.to_owned() }) }
}
