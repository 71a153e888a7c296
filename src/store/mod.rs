//! The only SQL, one file per table, and what must be remembered between requests. Nothing is decided here.
//!
//! Every function takes the time it needs as a parameter: the clock that compares is the one that issued.

pub mod activity;
pub mod announcements;
pub mod approval_notices;
pub mod approvals;
pub mod attempt_budgets;
pub mod audit_events;
pub mod audit_seals;
pub mod batches;
pub mod browser_sessions;
pub mod cached;
pub mod clients;
pub mod connections;
pub mod database_clock;
pub mod db;
pub mod device_authorizations;
pub mod device_trust;
pub mod devices;
mod due_rows;
mod error;
pub mod event_keys;
pub mod first_administrator_links;
pub mod frozen_sources;
pub mod half_sign_ins;
pub mod hosts;
mod inconsistent;
pub mod mac_keys;
pub mod memory;
pub mod password_links;
pub mod poolers;
pub mod queues;
pub mod reachability;
pub mod recent_proofs;
pub mod recovery_codes;
pub mod refresh_tokens;
pub mod registration_tokens;
pub mod request_buckets;
pub mod resources;
pub mod revoked_access_tokens;
mod roles;
pub mod schema;
pub mod scopes;
pub mod sealed;
pub mod sending;
pub mod sign_ins;
pub mod signing_keys;
pub mod source_accounts;
pub mod standings;
pub mod tenant_transactions;
pub mod tenants;
pub mod totp_secrets;
pub mod transactions;
pub mod used_jtis;
pub mod users;
pub mod verified_tokens;
pub mod webhook_deliveries;
pub mod webhooks;

pub use error::{Result, StoreError};
pub use inconsistent::InconsistentError;
/// A connection, most often in a transaction.
pub use sqlx::PgConnection as Connection;
/// What carries out a statement: the pool, or a connection.
pub use sqlx::PgExecutor as Executor;

use std::fmt::Display;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use self::inconsistent::RowOf;
use crate::model::policy::PolicyChanges;

fn host(network: Option<IpNet>) -> Option<IpAddr> {
    network.map(|network| network.addr())
}

/// Changes of a policy, as a column has them.
fn policy_changes<I: Display>(row: &RowOf<I>, stored: Value) -> Result<PolicyChanges> {
    let Value::Object(members) = stored else { return row.take("policy", None) };
    Ok(PolicyChanges(members))
}
