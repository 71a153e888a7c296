//! After a restore from a backup: nothing counts that was issued before.

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::done::Done;
use crate::app::App;
use crate::domain::tokens_not_before::{self, Subject};
use crate::model::tenant::TenantSlug;
use crate::store::tenants;

#[derive(Debug, Args)]
pub(super) struct TokensNotBefore {
    /// Limit to tokens of this user.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["client", "every_tenant"])]
    user: Option<String>,
    /// Limit to tokens of this client.
    #[arg(long, value_name = "ID", conflicts_with = "every_tenant")]
    client: Option<String>,
    /// Apply to all tenants.
    #[arg(long, conflicts_with = "tenant")]
    every_tenant: bool,
    /// Cutoff time, such as 2026-01-15T10:20:00Z, or `now`; it can only move forward.
    #[arg(long, value_name = "INSTANT", default_value = "now", value_parser = parse_instant)]
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Instant {
    Now,
    At(DateTime<Utc>),
}

fn parse_instant(text: &str) -> Result<Instant, String> {
    match DateTime::parse_from_rfc3339(text) {
        _ if text == "now" => Ok(Instant::Now),
        Ok(instant) => Ok(Instant::At(instant.to_utc())),
        Err(_) => Err("must be now or a time such as 2026-01-15T10:20:00Z".to_owned()),
    }
}

pub(super) async fn raise(app: &App, tenant: Option<&str>, raise: TokensNotBefore) -> Done {
    let instant = match raise.at {
        Instant::Now => app.clock.now(),
        Instant::At(instant) => instant,
    };
    let slugs = match tenant {
        None if raise.every_tenant => tenants::slugs(&app.db).await?,
        None => vec![TenantSlug::root()],
        Some(slug) => vec![TenantSlug::parse(slug)?],
    };
    let subject = match (raise.user, raise.client) {
        (Some(user), _) => Subject::User(user),
        (None, Some(client)) => Subject::Client(client),
        (None, None) => Subject::Tenant,
    };
    let mut in_force = instant;
    for slug in &slugs {
        let tenant = tenants::find(&app.db, slug).await?.ok_or("tenant not found")?.id;
        in_force = in_force.max(tokens_not_before::raise(app, tenant, &subject, instant).await?);
    }
    let sentence = format!("Everything issued before {in_force:?} is now invalid");
    Ok((sentence, json!({"tokens_not_before": in_force, "tenants": slugs.len()})))
}
