//! The instant before which nothing counts that was issued: for a tenant, a user or a client. It is raised after a
//! restore from a backup, which brings back what had been revoked since.
//!
//! Whatever is looked at later is compared with it: token families and browser sessions by when they began, approved
//! codes by when they were approved, a client's own access tokens by when they were issued, in whole seconds.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::audit::By;
use super::change::Change;
use super::sign_in;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{ClientId, TenantId};
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
    let mut change = Change::begin(app, tenant, &By::OPERATOR).await?;
    let (in_force, target) = match subject {
        Subject::Tenant => {
            let raised = tenants::raise_tokens_not_before(&mut change, tenant, instant).await?;
            password_links::end_of_tenant(&mut *change, tenant).await?;
            (raised, Target::Tenant(tenant))
        }
        Subject::User(username) => {
            let found = users::credentials(&mut *change, tenant, username).await?;
            let user = found.ok_or(RaiseError::NoSuchSubject)?.user.id;
            let raised = users::raise_tokens_not_before(&mut *change, tenant, user, instant).await?;
            sign_in::has_changed(&mut change, tenant, user, sign_in::Change::Factors).await?;
            (raised, Target::User(Some(user)))
        }
        Subject::Client(id) => {
            let raised = clients::raise_tokens_not_before(&mut change, tenant, id, instant).await?;
            (raised.ok_or(RaiseError::NoSuchSubject)?, Target::Client(ClientId::from_known(id.clone())))
        }
    };
    let details = json!({"asked": instant, "in_force": in_force});
    change.audit(Action::TokensNotBeforeRaised, target, details).await?;
    change.renews();
    change.commit().await?;
    Ok(in_force)
}
