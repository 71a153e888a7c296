//! Phishing campaigns: sources of codes that people were talked into approving.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::done::Done;
use crate::app::App;
use crate::domain::campaigns;
use crate::model::audit_event::Actor;
use crate::model::ids::TenantId;
use crate::model::request_origin::limit_unit;

#[derive(Debug, Args)]
pub(super) struct RevokeCampaign {
    /// Source address (IPv6: its /64) or network, such as 192.0.2.0/24.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_source)]
    source: IpNet,
    /// Start time, such as 2026-01-15T10:20:00Z [default: seven days ago].
    #[arg(long, value_name = "INSTANT")]
    since: Option<DateTime<Utc>>,
    /// Show what would be revoked, without changing anything.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListCampaigns {
    /// Start time [default: seven days ago].
    #[arg(long, value_name = "INSTANT")]
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseSource {
    /// Address or network, as shown by list-campaigns.
    #[arg(value_name = "ADDRESS", value_parser = parse_source)]
    source: IpNet,
}

fn parse_source(text: &str) -> Result<IpNet, String> {
    let address = text.parse().map(limit_unit);
    address.or_else(|_| text.parse().map(|network: IpNet| network.trunc())).map_err(|_| {
        "must be an IP address or network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64".to_owned()
    })
}

fn a_week_ago(app: &App) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(7)
}

pub(super) async fn revoke_campaign(app: &App, tenant: TenantId, which: &RevokeCampaign) -> Done {
    let (source, since) = (which.source, which.since.unwrap_or_else(|| a_week_ago(app)));
    let (undone, says) = if which.dry_run {
        (campaigns::inspect(app, tenant, source, since).await?, "would be revoked")
    } else {
        (campaigns::revoke(app, tenant, source, since, Actor::Operator).await?, "revoked; source frozen")
    };
    let (devices, accounts, codes) = (undone.devices, undone.accounts, undone.codes);
    let sentence = format!("{devices} devices of {accounts} users and {codes} codes of {source}: {says}");
    let document = json!({"source": source, "since": since, "devices": devices, "accounts": accounts,
                          "codes": codes, "dry_run": which.dry_run});
    Ok((sentence, document))
}

pub(super) async fn list_campaigns(app: &App, tenant: TenantId, which: &ListCampaigns) -> Done {
    let since = which.since.unwrap_or_else(|| a_week_ago(app));
    let found = campaigns::list(app, tenant, since).await?;
    let mut lines = vec!["SOURCE  USERS  DISTANT APPROVALS  REPORTS  FROZEN UNTIL".to_owned()];
    lines.extend(found.iter().map(|suspected| {
        let until = suspected.frozen_until.map_or_else(|| "-".to_owned(), |until| format!("{until:?}"));
        let (accounts, far, reports) = (suspected.accounts, suspected.far_approvals, suspected.reports);
        format!("{}  {accounts}  {far}  {reports}  {until}", suspected.source)
    }));
    let sources: Vec<Value> = found
        .iter()
        .map(|suspected| {
            json!({"source": suspected.source, "accounts": suspected.accounts,
                   "far_approvals": suspected.far_approvals, "reports": suspected.reports,
                   "last_seen_at": suspected.last_seen_at, "frozen_until": suspected.frozen_until})
        })
        .collect();
    Ok((lines.join("\n"), json!({"sources": sources})))
}

pub(super) async fn release_source(app: &App, tenant: TenantId, which: &ReleaseSource) -> Done {
    if !campaigns::release(app, tenant, which.source, Actor::Operator).await? {
        return Err("source not frozen".into());
    }
    Ok((format!("Released {}", which.source), json!({"released": which.source})))
}
