//! Figures over time, for administrators: what happens is counted in memory where it happens, by this file and by
//! the polls themselves, and written down every few seconds; by a command, at its end. A server that is killed forgets
//! the last of them.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::model::activity::{Figures, Span};
use crate::model::audit_event::Action;
use crate::model::ids::TenantId;
use crate::store;
use crate::store::activity::{self, Grain};
use crate::store::connections::unattended;

/// A device asked for a code.
pub(super) fn count_start(app: &App, tenant: TenantId) {
    app.activity.of(tenant).start();
    metrics::counter!("latchkey_device_authorizations_started_total").increment(1);
}

pub(super) fn count_approval(app: &App, tenant: TenantId) {
    app.activity.of(tenant).approval();
    decided(Action::DeviceAuthorizationApproved, 1);
}

/// So many waiting codes were refused: by a person, an administrator or a rule.
pub(super) fn count_denials(app: &App, tenant: TenantId, count: usize) {
    if count > 0 {
        app.activity.of(tenant).denials(count as u64);
        decided(Action::DeviceAuthorizationDenied, count as u64);
    }
}

fn decided(action: Action, count: u64) {
    metrics::counter!("latchkey_device_authorizations_decided_total", "decision" => action.as_str())
        .increment(count);
}

/// Writes down what this process has counted until now. What cannot be written is kept.
pub async fn write(app: &App) -> store::Result<()> {
    let _turn = app.activity.turn().await;
    let taken = app.activity.take();
    let now = app.clock.now();
    for (written, (tenant, figures)) in taken.iter().enumerate() {
        if let Err(error) = unattended(activity::add(&app.db, *tenant, figures, now)).await {
            app.activity.put_back(&taken[written..]);
            return Err(error);
        }
    }
    Ok(())
}

/// What happened at a tenant in the last hour, day or month: part by part, the oldest first.
pub async fn read(app: &App, tenant: TenantId, span: Span) -> store::Result<Vec<(DateTime<Utc>, Figures)>> {
    let (now, grain) = (app.clock.now(), grain(span));
    let known = activity::since(&app.db, tenant, grain, span.begins_at(now)).await?;
    Ok(span.parts_with(&known, now))
}

/// Minutes are not kept for as long as a month.
const fn grain(span: Span) -> Grain {
    match span {
        Span::Hour | Span::Day => Grain::Minute,
        Span::Month => Grain::Hour,
    }
}
