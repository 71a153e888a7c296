//! Phishing campaigns: sources of codes that people were talked into approving.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::Done;
use crate::app::App;
use crate::domain::campaigns;
use crate::model::audit_event::Actor;
use crate::model::ids::TenantId;
use crate::model::request_origin::limit_unit;

#[derive(Debug, Args)]
pub(super) struct RevokeCampaign {
    /// Where the codes were asked for: an address (IPv6: its /64) or a network, such as 192.0.2.0/24.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_source)]
    source: IpNet,
    /// Only what came since then, such as 2026-01-15T10:20:00Z; without it, of the last seven days.
    #[arg(long, value_name = "INSTANT")]
    since: Option<DateTime<Utc>>,
    /// Only say what would be undone.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListCampaigns {
    /// What happened since then; without it, in the last seven days.
    #[arg(long, value_name = "INSTANT")]
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseSource {
    /// The address or network, as list-campaigns names it.
    #[arg(value_name = "ADDRESS", value_parser = parse_source)]
    source: IpNet,
}

fn parse_source(text: &str) -> Result<IpNet, String> {
    let address = text.parse().map(limit_unit);
    address.or_else(|_| text.parse().map(|network: IpNet| network.trunc())).map_err(|_| {
        "a source is an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64".to_owned()
    })
}

fn a_week_ago(app: &App) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(7)
}

pub(super) async fn revoke_campaign(app: &App, tenant: TenantId, which: &RevokeCampaign) -> Done {
    let (source, since) = (which.source, which.since.unwrap_or_else(|| a_week_ago(app)));
    let (undone, says) = if which.dry_run {
        (campaigns::inspect(app, tenant, source, since).await?, "would be undone")
    } else {
        (
            campaigns::revoke(app, tenant, source, since, Actor::Operator).await?,
            "undone; the source is frozen",
        )
    };
    let (devices, accounts, codes) = (undone.devices, undone.accounts, undone.codes);
    let sentence = format!("{devices} devices of {accounts} accounts and {codes} codes of {source}: {says}");
    let document = json!({"source": source, "since": since, "devices": devices, "accounts": accounts,
                          "codes": codes, "dry_run": which.dry_run});
    Ok((sentence, document))
}

pub(super) async fn list_campaigns(app: &App, tenant: TenantId, which: &ListCampaigns) -> Done {
    let since = which.since.unwrap_or_else(|| a_week_ago(app));
    let found = campaigns::list(app, tenant, since).await?;
    let mut lines = vec!["SOURCE  ACCOUNTS  APPROVED FROM FAR  REPORTED  FROZEN UNTIL".to_owned()];
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
        return Err("this source is not frozen".into());
    }
    Ok((format!("{} may ask for codes again", which.source), json!({"released": which.source})))
}
