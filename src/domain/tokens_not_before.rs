//! The instant before which nothing counts that was issued: for a tenant, a user or a client. It is raised after a
//! restore from a backup, which brings back what had been revoked since.
//!
//! Whatever is looked at later is compared with it: token families and browser sessions by when they began, approved
//! codes by when they were approved, a client's own access tokens by when they were issued, in whole seconds.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::audit;
use super::sign_in::{self, Change};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::TenantId;
use crate::store::{StoreError, clients, password_links, tenants, users};

#[derive(Clone, Debug)]
pub enum Subject {
    Tenant,
    /// Those of the user with this name.
    User(String),
    /// Those of the client with this identifier.
    Client(String),
}

/// Why the instant cannot be raised.
#[derive(Debug, thiserror::Error)]
pub enum RaiseError {
    /// There is no such user or client.
    #[error("user or client not found")]
    NoSuchSubject,
    /// The instant lies ahead: nothing could be issued until then.
    #[error("the time must not be in the future")]
    InTheFuture,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RaiseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Raises the instant; the one that is in force afterwards, which may be a later one that was set before: lowering it
/// would bring dead tokens back.
pub async fn raise(
    app: &App,
    tenant: TenantId,
    subject: &Subject,
    instant: DateTime<Utc>,
) -> Result<DateTime<Utc>, RaiseError> {
    if instant > app.clock.now() {
        return Err(RaiseError::InTheFuture);
    }
    let mut transaction = app.begin(tenant).await?;
    let (in_force, target_kind, target_id) = match subject {
        Subject::Tenant => {
            let raised = tenants::raise_tokens_not_before(&mut transaction, tenant, instant).await?;
            password_links::end_of_tenant(&mut *transaction, tenant).await?;
            (raised, "tenant", tenant.to_string())
        }
        Subject::User(username) => {
            let found = users::credentials(&mut *transaction, tenant, username).await?;
            let user = found.ok_or(RaiseError::NoSuchSubject)?.user.id;
            let raised = users::raise_tokens_not_before(&mut *transaction, tenant, user, instant).await?;
            sign_in::has_changed(&mut transaction, tenant, user, Change::Factors).await?;
            (raised, "user", user.to_string())
        }
        Subject::Client(id) => {
            let raised = clients::raise_tokens_not_before(&mut transaction, tenant, id, instant).await?;
            (raised.ok_or(RaiseError::NoSuchSubject)?, "client", id.clone())
        }
    };
    let event = AuditEvent {
        action: Action::TokensNotBeforeRaised,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind,
        target_id: Some(target_id),
        origin: None,
        details: json!({"asked": instant, "in_force": in_force}),
    };
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(in_force)
}
