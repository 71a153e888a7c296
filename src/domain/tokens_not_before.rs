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
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::ids::{ClientId, TenantId};
use crate::store::{StoreError, clients, password_links, tenants, users};

/// Whose tokens.
#[derive(Clone, Debug)]
pub enum Subject {
    /// All of the tenant's.
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
    #[error("there is no such user or client")]
    NoSuchSubject,
    /// The instant lies ahead: nothing could be issued until then.
    #[error("the instant lies in the future")]
    InTheFuture,
    /// The database failed.
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
    let (in_force, target) = match subject {
        Subject::Tenant => {
            let raised = tenants::raise_tokens_not_before(&mut transaction, tenant, instant).await?;
            password_links::end_of_tenant(&mut *transaction, tenant).await?;
            (raised, Target::Tenant(tenant))
        }
        Subject::User(username) => {
            let found = users::credentials(&mut *transaction, tenant, username).await?;
            let user = found.ok_or(RaiseError::NoSuchSubject)?.user.id;
            let raised = users::raise_tokens_not_before(&mut *transaction, tenant, user, instant).await?;
            sign_in::has_changed(&mut transaction, tenant, user, Change::Factors).await?;
            (raised, Target::User(Some(user)))
        }
        Subject::Client(id) => {
            let raised = clients::raise_tokens_not_before(&mut transaction, tenant, id, instant).await?;
            (raised.ok_or(RaiseError::NoSuchSubject)?, Target::Client(ClientId::from_known(id.clone())))
        }
    };
    let event = AuditEvent {
        action: Action::TokensNotBeforeRaised,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target,
        origin: None,
        details: json!({"asked": instant, "in_force": in_force}),
    };
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(in_force)
}
