//! Gathers the facts of an approval and applies the rule. Nothing is written.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::facts::{Facts, KeyStanding, Proximity, least_distance_km};
use super::finding::{Finding, heaviest};
use super::judge::{self, Sides, Step};
use crate::app::App;
use crate::domain::device_flow::consent::Consent;
use crate::domain::policies;
use crate::model::approver::Approver;
use crate::model::policy::approval::{ApprovalPolicy, Mode, Verdict};
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::model::user::User;
use crate::store::approvals::{self, Known, Question};
use crate::store::{self};

/// Who is about to approve, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Approving<'a> {
    pub user: &'a User,
    pub auth_time: DateTime<Utc>,
    pub origin: &'a RequestOrigin,
}

impl<'a> Approving<'a> {
    /// A person, at a browser or by a program that acts for them.
    #[must_use]
    pub const fn of(approver: &'a Approver, origin: &'a RequestOrigin) -> Self {
        Self { user: &approver.user, auth_time: approver.authentication.auth_time, origin }
    }
}

/// How an approval looks, and what it takes; `risk` in the consent API.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    pub verdict: Verdict,
    pub mode: Mode,
    pub reasons: Vec<Finding>,
    /// What the person must do before the approval counts, in this order.
    pub steps: Vec<Step>,
    pub facts: Facts,
}

impl Assessment {
    /// Whether the person must do this.
    #[must_use]
    pub fn needs(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }

    /// What would be enforced if the rules were.
    #[must_use]
    pub fn unenforced(&self) -> Verdict {
        heaviest(&self.reasons)
    }
}

/// Judges what `approver` is about to approve.
pub async fn assess(
    app: &App,
    tenant: &Tenant,
    approver: &Approving<'_>,
    consent: &Consent,
) -> store::Result<Assessment> {
    let policy = policies::effective(app, tenant, &consent.client).approval;
    let facts = gather(app, tenant, approver, consent, &policy).await?;
    let sides = Sides {
        asker: consent.request.ip_address,
        approver: approver.origin.ip_address,
        roles: &approver.user.roles,
    };
    let (switches, rules) = judge::find(&policy, &facts, sides);
    let verdict = judge::enforced(policy.mode, &switches, &rules);
    Ok(Assessment {
        verdict,
        mode: policy.mode,
        steps: judge::steps(&policy, &facts, verdict),
        reasons: [switches, rules].concat(),
        facts,
    })
}

async fn gather(
    app: &App,
    tenant: &Tenant,
    approver: &Approving<'_>,
    consent: &Consent,
    policy: &ApprovalPolicy,
) -> store::Result<Facts> {
    let (request, now) = (&consent.request, app.clock.now());
    let question = Question {
        tenant: tenant.id,
        user: approver.user.id,
        client: &consent.client.client_id,
        dpop_key: request.session.dpop_key,
        source: request.ip_address.map(limit_unit),
        window: TimeDelta::seconds(policy.campaign.window_seconds.into()),
        now,
    };
    let known = approvals::known(&app.db, &question).await?;
    // Where the browser is now, which may not be where it signed in.
    let approver_place = app.geo.place_of(approver.origin.ip_address);
    let both = request.place.as_ref().zip(approver_place.as_ref());
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    Ok(Facts {
        code_age_seconds: (now - request.created_at).num_seconds(),
        arrival: consent.arrival,
        network: Proximity::of(request.ip_address, approver.origin.ip_address),
        same_country: both.and_then(|(asker, approver)| asker.is_same_country(approver)),
        same_asn: both.and_then(|(asker, approver)| asker.is_same_asn(approver)),
        distance_km: both.and_then(|(asker, approver)| least_distance_km(asker, approver)),
        hosting_provider: request.place.as_ref().and_then(|place| place.is_hosting),
        first_device: !known.has_device_of_client,
        codes_of_source: count(known.codes_of_source),
        accounts_of_source: count(known.accounts_of_source),
        frozen_source: known.frozen,
        signed_in_since: approver.auth_time >= request.created_at,
        key: key_standing(question, known),
    })
}

fn key_standing(question: Question<'_>, known: Known) -> KeyStanding {
    match (question.dpop_key, known.key_connected_at) {
        (None, _) => KeyStanding::None,
        (Some(_), None) => KeyStanding::Unknown,
        (Some(_), Some(connected_at)) => KeyStanding::Known { name: known.key_device_name, connected_at },
    }
}
