//! Detects sources whose requests many users were tricked into approving, freezes them and revokes what they
//! got.
//!
//! A shared office or machine must not look like a campaign: only users count that had nothing to do with the source
//! before, and only approvals from far away and reports from other networks.

use std::collections::HashSet;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use serde_json::json;

use super::approval::{Proximity, network_of};
use super::audit::By;
use super::change::Change;
use super::testimony::{self, Witness};
use super::token_families::{Ending, record_end};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, Outcome, Target};
use crate::model::ids::{DeviceAuthorizationId, DeviceId, TenantId, UserId};
use crate::model::policy::approval::{ApprovalPolicy, CampaignPolicy, Mode};
use crate::model::request_origin::limit_unit;
use crate::model::token_family::RevocationReason;
use crate::store::device_authorizations::sources;
use crate::store::devices::endings;
use crate::store::frozen_sources::{self, FrozenSource};
use crate::store::source_accounts::{self, Contact, Signs, SuspectedSource};
use crate::store::{self, Connection};

/// How many codes are ended with one statement.
const BATCH: i64 = 1000;

/// Whether a source is to be frozen that so much speaks against.
fn is_campaign(policy: &CampaignPolicy, signs: Signs) -> bool {
    let reached =
        |weight: i64, limit: u32| limit > 0 && weight >= i64::from(limit) * i64::from(testimony::FULL);
    reached(signs.far_weight, policy.far_approvals) || reached(signs.report_weight, policy.reports)
}

/// Whether a source lies in a network that is never frozen.
fn is_trusted(policy: &CampaignPolicy, source: IpNet) -> bool {
    policy.trusted_networks.iter().any(|network| network.contains(&source))
}

/// An account that speaks against the source of a code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Testimony {
    pub(super) user: UserId,
    pub(super) contact: Contact,
    /// The address of the code's device.
    pub(super) asker: IpAddr,
    pub(super) browser: IpAddr,
}

/// Notes what speaks against a source, and freezes the source if that makes it a campaign: its waiting codes are denied.
/// Returns `true` if it was frozen.
pub(super) async fn note(
    change: &mut Change<'_>,
    tenant: TenantId,
    testimony: Testimony,
    policy: &ApprovalPolicy,
) -> store::Result<bool> {
    let (now, campaign) = (change.app().clock.now(), &policy.campaign);
    let Testimony { user, contact, asker, browser } = testimony;
    let (source, network) = (limit_unit(asker), network_of(asker));
    let since = now - TimeDelta::seconds(campaign.window_seconds.into());
    let known = source_accounts::known(&mut **change, tenant, user, (source, network), since).await?;
    let weight = testimony::weight(Witness {
        age: now - known.created_at,
        proximity: Proximity::of(Some(asker), browser),
        is_at_home: known.is_at_home,
        other_sources: known.other_sources,
    });
    if weight == 0 {
        return Ok(false);
    }
    source_accounts::note(&mut **change, tenant, source, user, (contact, weight), now).await?;
    if is_trusted(campaign, source) {
        return Ok(false);
    }
    let signs = source_accounts::signs(&mut **change, tenant, source, since).await?;
    if !is_campaign(campaign, signs) {
        return Ok(false);
    }
    if policy.mode == Mode::ReportOnly {
        let details = json!({"signs": told(signs), "mode": policy.mode});
        let done = (Action::SourceFrozen, Outcome::Refused);
        change.audit_by(&By::SERVER, done, Target::Source(source), details).await?;
        return Ok(false);
    }
    let until = now + TimeDelta::seconds(campaign.freeze_seconds.into());
    freeze(change, tenant, FrozenSource { source, until }, signs, &By::SERVER).await?;
    Ok(true)
}

/// Returns the number of codes that were denied.
async fn freeze(
    change: &mut Change<'_>,
    tenant: TenantId,
    frozen: FrozenSource,
    signs: Signs,
    by: &By<'_>,
) -> store::Result<usize> {
    let (now, source) = (change.app().clock.now(), frozen.source);
    let is_new = frozen_sources::freeze(change, tenant, frozen, by.actor.kind(), signs, now).await?;
    let codes = refuse_waiting(change, tenant, source, now).await?;
    change.denied(&codes).await?;
    change.renews();
    if is_new {
        let details = json!({"signs": told(signs), "until": frozen.until, "codes": codes.len()});
        let done = (Action::SourceFrozen, Outcome::Success);
        change.audit_by(by, done, Target::Source(source), details).await?;
        metrics::counter!("latchkey_sources_frozen_total").increment(1);
        tracing::warn!(tenant = %tenant, source = %source, ?signs, "source frozen");
    }
    Ok(codes.len())
}

/// Ends the codes of a source that wait for a decision.
async fn refuse_waiting(
    db: &mut Connection,
    tenant: TenantId,
    source: IpNet,
    now: DateTime<Utc>,
) -> store::Result<Vec<DeviceAuthorizationId>> {
    let mut codes = Vec::new();
    loop {
        let killed = sources::kill_waiting(&mut *db, tenant, source, BATCH, now).await?;
        let last = i64::try_from(killed.len()).unwrap_or(0) < BATCH;
        codes.extend(killed);
        if last {
            return Ok(codes);
        }
    }
}

/// The frozen sources, and those suspected since then.
pub async fn list(app: &App, tenant: TenantId, since: DateTime<Utc>) -> store::Result<Vec<SuspectedSource>> {
    source_accounts::suspected(&app.db, tenant, since, app.clock.now()).await
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    pub devices: usize,
    pub accounts: usize,
    /// Codes that waited for a decision, a confirmation or their collection.
    pub codes: usize,
}

/// What [`revoke`] would undo.
pub async fn inspect(
    app: &App,
    tenant: TenantId,
    source: IpNet,
    since: DateTime<Utc>,
) -> store::Result<Campaign> {
    let by = By { actor: Actor::Operator, origin: None };
    let (now, mut change) = (app.clock.now(), Change::begin(app, tenant, &by).await?);
    let undone = undo(&mut change, tenant, source, since, now).await?;
    let waiting = refuse_waiting(&mut change, tenant, source, now).await?;
    change.undo().await?;
    Ok(undone.campaign(waiting.len()))
}

/// Undoes all that came from a source since then, and freezes it: devices that were connected with its codes lose
/// their tokens, and codes on their way die.
pub async fn revoke(
    app: &App,
    tenant: TenantId,
    source: IpNet,
    since: DateTime<Utc>,
    actor: Actor,
) -> store::Result<Campaign> {
    let by = By { actor, origin: None };
    let (now, mut change) = (app.clock.now(), Change::begin(app, tenant, &by).await?);
    let freeze_seconds = app.config.policy.approval.campaign.freeze_seconds;
    let until = now + TimeDelta::seconds(freeze_seconds.into());
    let signs = source_accounts::signs(&mut *change, tenant, source, since).await?;
    let undone = undo(&mut change, tenant, source, since, now).await?;
    let waiting = freeze(&mut change, tenant, FrozenSource { source, until }, signs, &by).await?;
    for (device, _) in &undone.devices {
        let reason = RevocationReason::CampaignRevoked;
        record_end(&mut change, *device, Ending { reason, details: json!({"source": source}) }).await?;
    }
    let campaign = undone.campaign(waiting);
    let details = json!({"since": since, "devices": campaign.devices, "accounts": campaign.accounts,
                         "codes": campaign.codes});
    change.audit(Action::CampaignRevoked, Target::Source(source), details).await?;
    change.decided(&undone.taken_back).await?;
    change.commit().await?;
    Ok(campaign)
}

/// Lets a source go on before its time. Whether it was frozen.
pub async fn release(app: &App, tenant: TenantId, source: IpNet, actor: Actor) -> store::Result<bool> {
    let mut change = Change::begin(app, tenant, &By { actor, origin: None }).await?;
    if !frozen_sources::release(&mut change, tenant, source, app.clock.now()).await? {
        return Ok(false);
    }
    change.audit(Action::SourceReleased, Target::Source(source), json!({})).await?;
    change.renews();
    change.commit().await?;
    Ok(true)
}

/// What was undone in a transaction, beside the codes that wait.
struct Undone {
    devices: Vec<(DeviceId, UserId)>,
    /// Codes that were approved and not collected.
    taken_back: Vec<DeviceAuthorizationId>,
}

impl Undone {
    fn campaign(&self, waiting: usize) -> Campaign {
        let accounts: HashSet<UserId> = self.devices.iter().map(|(_, user)| *user).collect();
        let codes = self.taken_back.len() + waiting;
        Campaign { devices: self.devices.len(), accounts: accounts.len(), codes }
    }
}

async fn undo(
    db: &mut Connection,
    tenant: TenantId,
    source: IpNet,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> store::Result<Undone> {
    let reason = RevocationReason::CampaignRevoked;
    let devices = endings::revoke_of_source(&mut *db, tenant, source, since, reason, now).await?;
    let taken_back = sources::take_back_approved(db, tenant, source, since, now).await?;
    Ok(Undone { devices, taken_back })
}

fn told(signs: Signs) -> serde_json::Value {
    json!({"far_approvals": signs.far_approvals, "reports": signs.reports, "far_quarters": signs.far_weight,
           "report_quarters": signs.report_weight})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_source_is_frozen_by_either_sign_and_by_none_that_is_switched_off() {
        let mut policy = Config::default().policy.approval.campaign;
        let signs = |far_weight, report_weight| Signs {
            far_approvals: 1_000,
            reports: 1_000,
            far_weight,
            report_weight,
        };
        assert!(!is_campaign(&policy, signs(19, 11)));
        assert!(is_campaign(&policy, signs(20, 0)));
        assert!(is_campaign(&policy, signs(0, 12)));
        (policy.far_approvals, policy.reports) = (0, 0);
        assert!(!is_campaign(&policy, signs(4_000, 4_000)));
    }

    #[test]
    fn trusted_networks_are_never_frozen() {
        let mut policy = Config::default().policy.approval.campaign;
        let source: IpNet = "192.0.2.7/32".parse().unwrap();
        assert!(!is_trusted(&policy, source));
        policy.trusted_networks = vec!["192.0.2.0/24".parse().unwrap()];
        assert!(is_trusted(&policy, source));
    }
}
