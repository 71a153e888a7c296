//! The policies of tenants and clients over the settings: which one counts, and changing them.

use serde_json::json;

use super::audit::By;
use super::change::Change;
use crate::app::App;
use crate::config::Config;
use crate::model::audit_event::{Action, Target};
use crate::model::client::Client;
use crate::model::policy::members::{self, Member};
use crate::model::policy::{InvalidPolicyError, MergedNull, Policy, PolicyChanges};
use crate::model::tenant::Tenant;
use crate::model::version::{MeantFor, VersionConflictError};
use crate::store::{self, StoreError, clients, tenants};

/// What to do with changes to a policy.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Merge them into those that were set before.
    Merge(PolicyChanges),
    /// Put them in place of those that were set before.
    Replace(PolicyChanges),
}

impl Edit {
    /// Returns what becomes of the changes that were set before. An unknown member is refused here, because a merge drops
    /// those without a value.
    fn apply(
        self,
        settings: &Policy,
        before: &PolicyChanges,
        null: MergedNull,
    ) -> Result<PolicyChanges, InvalidPolicyError> {
        let (Self::Merge(changes) | Self::Replace(changes)) = &self;
        settings.must_know(changes)?;
        Ok(match self {
            Self::Merge(changes) => before.merged(&changes, null),
            Self::Replace(changes) => changes,
        })
    }
}

/// A policy before and after a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The policy that applied until now.
    pub before: Policy,
    /// The policy that applies from now on.
    pub after: Policy,
}

/// Why a policy is not changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// What would come of it is no policy.
    #[error(transparent)]
    Invalid(#[from] InvalidPolicyError),
    /// A client's own changes do not fit what its tenant would have.
    #[error("the override of client {client} would conflict: {problem}")]
    DoesNotFitClient { client: String, problem: InvalidPolicyError },
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    /// There is no such tenant or client.
    #[error("tenant or client not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the policy for the devices of a client.
///
/// Overrides are validated when they are written. If later settings contradict an override, the settings apply and a log
/// line is written.
#[must_use]
pub fn effective(app: &App, tenant: &Tenant, client: &Client) -> Policy {
    if tenant.policy.0.is_empty() && client.policy.0.is_empty() {
        return app.config.policy.clone();
    }
    app.config.policy.changed_by(&[&tenant.policy, &client.policy]).unwrap_or_else(|error| {
        tracing::error!(tenant = %tenant.id, client_id = %client.client_id, %error, "policy override invalid; settings used");
        app.config.policy.clone()
    })
}

/// The policy where no client is known.
#[must_use]
pub fn of_tenant(app: &App, tenant: &Tenant) -> Policy {
    app.config.policy.changed_by(&[&tenant.policy]).unwrap_or_else(|error| {
        tracing::error!(tenant = %tenant.id, %error, "policy override invalid; settings used");
        app.config.policy.clone()
    })
}

/// Lists the members of the policy that applies to a client, or to the tenant where `client` is `None`, with their
/// origins.
pub fn list(app: &App, tenant: &Tenant, client: Option<&Client>) -> Result<Vec<Member>, InvalidPolicyError> {
    let default = Config::default().policy;
    members::members(&default, &app.config.policy, &tenant.policy, client.map(|client| &client.policy))
}

/// Replaces the overrides of a client over its tenant's policy. Returns the policy that applies from now on.
pub async fn change_for_client(
    app: &App,
    tenant: &Tenant,
    client: &Client,
    changes: PolicyChanges,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Policy, PolicyError> {
    let edit = Edit::Replace(changes);
    edit_for_client(app, tenant, client, edit, meant_for, by).await.map(|changed| changed.after)
}

/// Edits the overrides of a client over its tenant's policy.
pub async fn edit_for_client(
    app: &App,
    tenant: &Tenant,
    client: &Client,
    edit: Edit,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Changed, PolicyError> {
    let mut change = Change::begin(app, tenant.id, by).await?;
    clients::lock(&mut *change, client).await?;
    let found = clients::find_stored(&mut *change, tenant.id, client.client_id.as_str()).await?;
    let found = found.ok_or(PolicyError::NotFound)?;
    meant_for.check(found.version)?;
    let mut client = found.value;
    let changes = edit.apply(&app.config.policy, &client.policy, MergedNull::Stays)?;
    let after = app.config.policy.changed_by(&[&tenant.policy, &changes])?;
    let outcome = Changed { before: effective(app, tenant, &client), after };
    let before = std::mem::replace(&mut client.policy, changes);
    clients::update(&mut change, &client, app.clock.now()).await?;
    record(&mut change, Target::Client(client.client_id.clone()), &before, &client.policy).await?;
    change.commit().await?;
    Ok(outcome)
}

/// Replaces the overrides of a tenant over the settings. Returns the policy of its clients without overrides.
pub async fn change_for_tenant(
    app: &App,
    tenant: &Tenant,
    changes: PolicyChanges,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Policy, PolicyError> {
    let edit = Edit::Replace(changes);
    edit_for_tenant(app, tenant, edit, meant_for, by).await.map(|changed| changed.after)
}

/// Edits the overrides of a tenant over the settings. Clients that have overrides must fit the new policy.
pub async fn edit_for_tenant(
    app: &App,
    tenant: &Tenant,
    edit: Edit,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Changed, PolicyError> {
    let mut change = Change::begin(app, tenant.id, by).await?;
    let found = tenants::hold(&mut *change, &tenant.slug).await?.ok_or(PolicyError::NotFound)?;
    meant_for.check(found.version)?;
    let changes = edit.apply(&app.config.policy, &found.value.policy, MergedNull::Removes)?;
    let after = app.config.policy.changed_by(&[&changes])?;
    let outcome = Changed { before: of_tenant(app, &found.value), after };
    for (client, own) in clients::policies(&mut *change, tenant.id).await? {
        if let Err(problem) = app.config.policy.changed_by(&[&changes, &own]) {
            return Err(PolicyError::DoesNotFitClient { client: client.to_string(), problem });
        }
    }
    tenants::set_policy(&mut change, tenant.id, &changes).await?;
    record(&mut change, Target::Tenant(tenant.id), &found.value.policy, &changes).await?;
    change.commit().await?;
    Ok(outcome)
}

async fn record(
    change: &mut Change<'_>,
    target: Target,
    before: &PolicyChanges,
    changes: &PolicyChanges,
) -> store::Result<()> {
    change.renews();
    change.audit(Action::PolicyChanged, target, json!({"before": before, "changes": changes})).await
}
