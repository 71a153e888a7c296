//! Verifies the audit log.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::done::Done;
use crate::app::App;
use crate::domain::audit_trail::verify::{Fault, Head, Verdict, is_sealing_blocked, verify};
use crate::model::tenant::TenantSlug;
use crate::store::tenants;

#[derive(Debug, Args)]
pub(super) struct VerifyAudit {
    /// Seal recorded earlier (NUMBER:CODE) that the chain must still contain; needs --tenant if there are
    /// several.
    #[arg(long, value_name = "SEAL", value_parser = parse_head)]
    head: Option<Head>,
}

fn parse_head(text: &str) -> Result<Head, String> {
    let words = || "must be NUMBER:CODE with 64 hexadecimal digits, as printed by an earlier run".to_owned();
    let (number, mac) = text.split_once(':').ok_or_else(words)?;
    let mac = hex::decode(mac).ok().filter(|mac| mac.len() == 32).ok_or_else(words)?;
    Ok(Head { number: number.parse().map_err(|_| words())?, mac })
}

pub(super) async fn verify_audit(app: &App, tenant: Option<&str>, asked: VerifyAudit) -> Done {
    let tenant = match tenant {
        None => None,
        Some(slug) => {
            let slug = if slug.is_empty() { TenantSlug::root() } else { TenantSlug::parse(slug)? };
            Some(tenants::find(&app.db, &slug).await?.ok_or("tenant not found")?.id)
        }
    };
    let verdicts = verify(app, tenant, asked.head.as_ref()).await?;
    let sentences: Vec<String> = verdicts.iter().map(sentence).collect();
    if is_sealing_blocked(app).await? {
        let blocked = "audit events are not being sealed: another database session holds the lock; \
                       run: SELECT pid FROM pg_locks WHERE locktype = 'advisory'";
        return Err(sentences.into_iter().chain([blocked.to_owned()]).collect::<Vec<_>>().join("\n").into());
    }
    if verdicts.iter().any(|verdict| !verdict.faults.is_empty()) {
        return Err(sentences.join("\n").into());
    }
    Ok((sentences.join("\n"), json!({"tenants": verdicts.iter().map(document).collect::<Vec<_>>()})))
}

fn written(head: &Head) -> String {
    format!("{}:{}", head.number, hex::encode(&head.mac))
}

fn sentence(verdict: &Verdict) -> String {
    let Verdict { tenant, seals, events, unsealed, overdue, head, faults } = verdict;
    let state = if faults.is_empty() { "is intact" } else { "was tampered with" };
    let mut text = format!(
        "audit log of tenant {tenant} {state}: {events} events in {seals} seals, {unsealed} not sealed yet"
    );
    if *overdue > 0 {
        let _ = write!(
            text,
            "\n  {overdue} events have not been sealed for more than a minute: no instance was able to seal \
             them"
        );
    }
    if let Some(head) = head {
        let _ = write!(text, "\n  newest seal {}", written(head));
    }
    for fault in faults {
        let _ = write!(text, "\n  {fault}");
    }
    text
}

fn document(verdict: &Verdict) -> Value {
    json!({
        "tenant_id": verdict.tenant,
        "seals": verdict.seals,
        "events": verdict.events,
        "unsealed": verdict.unsealed,
        "overdue": verdict.overdue,
        "head": verdict.head.as_ref().map(written),
        "faults": verdict.faults.iter().map(Fault::to_string).collect::<Vec<_>>(),
    })
}
