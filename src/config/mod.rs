//! The settings. `config/default.toml` is their documentation and the source of every default; over it lie a
//! file and the environment. Whatever cannot work is refused at start, by the name of its key.

mod layers;
mod load;
mod mail;
mod origin;
mod sources;
mod validate;
mod values;
mod wording;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

pub use load::{ConfigError, load};
pub use mail::Mail;
pub use values::parse_address;

use crate::model::database_limits::Limits;
use crate::model::policy::Policy;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::Schedule;
use crate::model::user::Role;

/// All settings; each is described in `config/default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "values::empty_is_none")]
    pub data_dir: Option<PathBuf>,
    pub server: Server,
    pub database: Database,
    pub secrets: SecretSettings,
    pub device_flow: DeviceFlow,
    pub tokens: Tokens,
    pub clients: Clients,
    pub registration: Registration,
    pub dpop: Dpop,
    pub keys: Keys,
    pub sign_in: SignIn,
    pub rate_limits: RateLimits,
    pub geo: Geo,
    pub mail: Mail,
    pub pages: Pages,
    pub log: Log,
    pub sessions: Sessions,
    pub policy: Policy,
    pub audit: Audit,
    pub webhooks: Webhooks,
    pub housekeeping: Housekeeping,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    #[serde(deserialize_with = "values::address")]
    pub listen: SocketAddr,
    #[serde(deserialize_with = "values::web_origin")]
    pub public_url: Option<Url>,
    #[serde(deserialize_with = "values::networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub hsts_include_subdomains: bool,
    #[serde(deserialize_with = "values::optional_address")]
    pub operations_listen: Option<SocketAddr>,
    pub max_body_bytes: usize,
    pub max_header_bytes: usize,
    pub header_timeout_seconds: u64,
    pub keep_alive_seconds: u64,
    pub max_connections: usize,
    pub body_timeout_seconds: u64,
    pub request_timeout_seconds: u64,
    pub shutdown_grace_seconds: u64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    #[serde(deserialize_with = "values::empty_is_none")]
    pub url: Option<String>,
    pub max_connections: u32,
    pub acquire_timeout_milliseconds: u64,
    pub idle_in_transaction_timeout_milliseconds: u32,
    pub lock_timeout_milliseconds: u32,
    pub statement_timeout_milliseconds: u32,
    pub migrate_on_start: bool,
    #[serde(deserialize_with = "values::empty_is_none")]
    pub postgres_bin_dir: Option<PathBuf>,
}

impl Database {
    /// What the database ends by itself on connections that serve requests.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let span = |milliseconds: u32| Duration::from_millis(milliseconds.into());
        Limits {
            idle_in_transaction: span(self.idle_in_transaction_timeout_milliseconds),
            lock: span(self.lock_timeout_milliseconds),
            statement: span(self.statement_timeout_milliseconds),
        }
    }

    /// How long whoever finds no connection free waits for one.
    #[must_use]
    pub fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_milliseconds)
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    #[serde(deserialize_with = "values::empty_is_none")]
    pub master_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "values::digits")]
    pub master_key: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceFlow {
    pub code_lifetime_seconds: u32,
    pub poll_interval_seconds: u32,
    pub verification_uri_complete: bool,
    pub max_pending_per_client_and_address: i64,
    pub max_pending_per_tenant: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub access_lifetime_seconds: u32,
    pub id_lifetime_seconds: u32,
    pub refresh_idle_seconds: u32,
    pub refresh_absolute_seconds: u32,
    pub refresh_repeat_seconds: u32,
    #[serde(deserialize_with = "values::algorithm")]
    pub signing_algorithm: SigningAlgorithm,
    #[serde(deserialize_with = "values::algorithm")]
    pub id_token_signing_algorithm: SigningAlgorithm,
    #[serde(deserialize_with = "values::empty_is_none")]
    pub default_audience: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    pub require_assertion_typ: bool,
    pub max_assertion_seconds: u32,
    #[serde(deserialize_with = "values::networks")]
    pub jwks_networks: Vec<IpNet>,
    pub jwks_timeout_milliseconds: u64,
    #[serde(deserialize_with = "values::empty_is_none")]
    pub owner_role: Option<Role>,
    pub owner_quota: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub enabled: bool,
    pub scopes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dpop {
    pub require_nonce: bool,
    pub remembered_proofs: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub rotation_days: u32,
    pub announce_hours: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub idle_seconds: u32,
    pub absolute_seconds: u32,
    pub fresh_seconds: u32,
    #[serde(deserialize_with = "values::roles")]
    pub second_factor_for_roles: Vec<Role>,
    pub concurrent_password_checks: usize,
    pub queued_password_checks: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    pub enabled: bool,
    pub device_authorization_burst: u32,
    pub device_authorization_per_minute: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geo {
    #[serde(deserialize_with = "values::empty_is_none")]
    pub city_file: Option<PathBuf>,
    #[serde(deserialize_with = "values::empty_is_none")]
    pub asn_file: Option<PathBuf>,
    pub hosting_asns: Vec<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    #[serde(deserialize_with = "values::empty_is_none")]
    pub theme_dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
    pub requests: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    pub coherence: Coherence,
    pub capacity: usize,
    pub bookkeeping_rows_per_second: usize,
    pub max_waiting_polls: usize,
    pub max_waiting_polls_per_client: usize,
    pub max_waiting_polls_per_address: usize,
}

/// How instances that share a database learn of decisions.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Coherence {
    /// By `LISTEN` and `NOTIFY`.
    Notify,
    /// Not at all: the database is asked every time.
    ReadThrough,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    pub refreshes: AuditedRefreshes,
}

/// The refreshes that the audit log contains.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AuditedRefreshes {
    Each,
    /// Those that are more than the plain exchange of a token.
    Unusual,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    #[serde(deserialize_with = "values::networks")]
    pub networks: Vec<IpNet>,
    pub per_tenant: u32,
    pub timeout_milliseconds: u64,
    pub deliveries_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Housekeeping {
    pub decided_sessions_days: u32,
    pub ended_devices_days: u32,
    pub audit_days: u32,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl DeviceFlow {
    #[must_use]
    pub fn code_lifetime(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.code_lifetime_seconds))
    }
}

impl Keys {
    /// When signing keys take their steps.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        Schedule {
            rotation: (self.rotation_days > 0).then(|| TimeDelta::days(self.rotation_days.into())),
            announcement: TimeDelta::hours(self.announce_hours.into()),
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SecretSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSettings(…)")
    }
}
