//! Writing the audit trail.

use sqlx::PgExecutor;

use crate::app::App;
use crate::model::audit_event::{Actor, AuditEvent};
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::store::{self, audit_events};

/// Who brings a change about, and from where.
#[derive(Clone, Debug)]
pub struct By<'a> {
    /// Who.
    pub actor: Actor,
    /// From where; `None` for the command line.
    pub origin: Option<&'a RequestOrigin>,
}

impl<'a> By<'a> {
    /// Whoever runs the server's command line.
    pub const OPERATOR: By<'static> = By { actor: Actor::Operator, origin: None };

    /// A signed-in person.
    #[must_use]
    pub fn user(user: UserId, origin: &'a RequestOrigin) -> Self {
        Self { actor: Actor::User(user), origin: Some(origin) }
    }
}

/// Writes an event; give it the transaction of the change it tells of.
pub async fn record(
    app: &App,
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    event: &AuditEvent<'_>,
) -> store::Result<()> {
    let now = app.clock.now();
    audit_events::insert(db, app.random.uuid_v7(now), tenant, event, now).await
}
