//! Signing keys.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::clients::parse_algorithm;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::signing_keys::remove::remove;
use crate::domain::signing_keys::rotate::{TakeOver, rotate};
use crate::model::ids::TenantId;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::signing_key_life::{KeyLife, Prospect, Step};
use crate::store;

#[derive(Debug, Args)]
pub(super) struct RotateKey {
    /// Algorithm to rotate: ES256, RS256 or EdDSA [default: all].
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    algorithm: Option<SigningAlgorithm>,
    /// Start signing immediately; services that cache the published keys may reject new tokens for about ten
    /// minutes.
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveKey {
    /// Key ID, as shown by list-keys.
    #[arg(allow_hyphen_values = true)]
    kid: String,
}

pub(super) async fn list_keys(app: &App, tenant: TenantId) -> Done {
    let keys = store::signing_keys::all(&app.db, tenant).await?;
    Ok((lines(app, &keys), json!({"keys": describe_all(app, &keys)})))
}

pub(super) async fn rotate_key(app: &App, tenant: TenantId, which: &RotateKey) -> Done {
    let take_over = if which.now { TakeOver::AtOnce } else { TakeOver::WhenKnown };
    let mut successors = Vec::new();
    for algorithm in SigningAlgorithm::ALL {
        if which.algorithm.is_none_or(|wanted| wanted == algorithm) {
            successors.push(rotate(app, tenant, algorithm, take_over, &By::OPERATOR).await?);
        }
    }
    Ok((lines(app, &successors), json!({"keys": describe_all(app, &successors)})))
}

pub(super) async fn remove_key(app: &App, tenant: TenantId, which: &RemoveKey) -> Done {
    let removed = remove(app, tenant, &which.kid, &By::OPERATOR).await?;
    let removed = removed.ok_or("key not found or already removed")?;
    let alg = removed.algorithm.as_str();
    Ok((
        format!("Removed key {}; {} now signs {alg} tokens", which.kid, removed.signing),
        json!({"removed": which.kid, "alg": alg, "signing": removed.signing}),
    ))
}

fn lines(app: &App, keys: &[KeyLife]) -> String {
    let line = |key: &KeyLife| {
        let next = app.config.keys.schedule().prospect(key, keys).map(|(prospect, at)| match prospect {
            Prospect::Step(Step::TakeOver) => format!(", signs from {}", written(at)),
            Prospect::Step(Step::Succession) => format!(", gets a successor from {}", written(at)),
            Prospect::Step(Step::Removal) => format!(", is removed from {}", written(at)),
            Prospect::Retirement => format!(", is replaced by its announced successor from {}", written(at)),
        });
        let (state, since) = (key.state.as_str(), written(key.since()));
        let (kid, alg) = (&key.kid, key.algorithm.as_str());
        format!("{kid} {alg:5} {state} since {since}{}", next.unwrap_or_default())
    };
    keys.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn describe_all(app: &App, keys: &[KeyLife]) -> Vec<Value> {
    let describe = |key: &KeyLife| {
        let next = app.config.keys.schedule().prospect(key, keys);
        json!({
            "kid": key.kid,
            "alg": key.algorithm.as_str(),
            "state": key.state.as_str(),
            "created_at": written(key.created_at),
            "signing_since": key.signing_since.map(written),
            "retired_at": key.retired_at.map(written),
            "removed_at": key.removed_at.map(written),
            "next": next.map(|(step, at)| json!({"step": step.as_str(), "at": written(at)})),
        })
    };
    keys.iter().map(describe).collect()
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
