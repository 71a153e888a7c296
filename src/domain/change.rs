//! How something is changed: one transaction, with its audit events and its announcements. What this server keeps in
//! memory and counts follows after the commit, and only then.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

use super::audit::{self, By};
use super::{activity, mac_keys};
use crate::app::App;
use crate::model::audit_event::{Action, AuditEvent, Outcome, Target};
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::announcements::{Announcement, announce_all};
use crate::store::transactions::{self, Transaction};
use crate::store::{self, Connection};

/// A change of a tenant, begun and not yet committed. Dropped, nothing has happened.
#[must_use]
pub(super) struct Change<'a> {
    app: &'a App,
    tenant: TenantId,
    by: By<'a>,
    transaction: Transaction,
    decided: Vec<DeviceAuthorizationId>,
    denials: usize,
    renews: bool,
}

impl<'a> Change<'a> {
    /// Begins a change of a tenant. The transaction sees and changes the rows of this tenant only.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn begin(app: &'a App, tenant: TenantId, by: &By<'a>) -> store::Result<Self> {
        // Audit events need it. Read inside the transaction, it would take a second connection.
        mac_keys::audit(app, tenant).await?;
        Ok(Self::of(app, tenant, by, app.begin(tenant).await?))
    }

    /// Begins a change of the row of a tenant itself, which is not among the rows of a tenant.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn begin_of_directory(
        app: &'a App,
        tenant: TenantId,
        by: &By<'a>,
    ) -> store::Result<Self> {
        Ok(Self::of(app, tenant, by, transactions::begin(&app.db, "BEGIN").await?))
    }

    /// A change in a transaction that has begun.
    pub(super) fn of(app: &'a App, tenant: TenantId, by: &By<'a>, transaction: Transaction) -> Self {
        Self { app, tenant, by: by.clone(), transaction, decided: Vec::new(), denials: 0, renews: false }
    }

    /// What the program shares.
    pub(super) const fn app(&self) -> &'a App {
        self.app
    }

    /// Whose change it is.
    pub(super) const fn by(&self) -> &By<'a> {
        &self.by
    }

    /// Records that this was done.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn audit(
        &mut self,
        action: Action,
        target: Target,
        details: Value,
    ) -> store::Result<()> {
        let by = self.by.clone();
        self.audit_by(&by, (action, Outcome::Success), target, details).await
    }

    /// Records what another actor did in this transaction: the server itself, as a consequence.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn audit_by(
        &mut self,
        by: &By<'_>,
        (action, outcome): (Action, Outcome),
        target: Target,
        details: Value,
    ) -> store::Result<()> {
        let (actor, origin) = (by.actor.clone(), by.origin);
        let event = AuditEvent { action, outcome, actor, target, origin, details };
        audit::record_in(self.app, &mut *self.transaction, self.tenant, &event).await
    }

    /// Tells every server that these device authorizations do not wait any more.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn decided(&mut self, codes: &[DeviceAuthorizationId]) -> store::Result<()> {
        if codes.is_empty() {
            return Ok(());
        }
        let announcements: Vec<_> = codes.iter().copied().map(Announcement::Decided).collect();
        announce_all(&mut *self.transaction, &announcements).await?;
        self.decided.extend_from_slice(codes);
        Ok(())
    }

    /// The same for those that waited and were denied: they are counted.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn denied(&mut self, codes: &[DeviceAuthorizationId]) -> store::Result<()> {
        self.denials += codes.len();
        self.decided(codes).await
    }

    /// Has every server read tenants, clients, scopes, resources and keys again.
    pub(super) const fn renews(&mut self) {
        self.renews = true;
    }

    /// Rolls it back, for a change that was begun to see what it would do.
    ///
    /// # Errors
    /// If the database does not answer; nothing has happened then, either.
    pub(super) async fn undo(self) -> store::Result<()> {
        self.transaction.rollback().await
    }

    /// Makes it so, on every server.
    ///
    /// # Errors
    /// If the database does not say that it did; it may have done so all the same.
    pub(super) async fn commit(self) -> store::Result<()> {
        self.transaction.commit().await?;
        if self.renews {
            self.app.cached.renew();
        }
        for code in &self.decided {
            self.app.sessions.decided(code);
        }
        activity::count_denials(self.app, self.tenant, self.denials);
        Ok(())
    }
}

impl Deref for Change<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.transaction
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.transaction
    }
}
