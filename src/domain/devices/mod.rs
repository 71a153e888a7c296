//! Devices, after they were connected: their owner sees, names, locks and disconnects them.

pub mod change;
pub mod disconnect_many;
pub mod distrust;
pub mod find;
pub mod list;
pub mod lock;
pub mod overview;
pub mod revoke;

pub use revoke::revoke;

use crate::app::App;
use crate::domain::audit::By;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::device::{DisplayTextError, LockedByAdministratorError, MetadataSizeError};
use crate::model::ids::{DeviceId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::version::VersionConflictError;
use crate::store::{StoreError, devices};

/// Whose devices are meant, and from where their owner asks.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub tenant: &'a Tenant,
    pub user: UserId,
    /// The device by which they ask, if it is one.
    pub device: Option<DeviceId>,
    /// The administrator who acts in the person's place.
    pub administrator: Option<UserId>,
    pub origin: &'a RequestOrigin,
}

/// Why a device cannot be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The owner has no such device, whoever else may.
    #[error("device not found")]
    NotFound,
    /// Too many wrong user codes before.
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttemptsError),
    /// It has changed since the owner looked at it.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    /// The name cannot be shown to people.
    #[error(transparent)]
    UnfitName(#[from] DisplayTextError),
    /// Trust is given with an approval, and only taken away afterwards.
    #[error("must be false: trust is granted only when a device is approved")]
    TrustNotGiven,
    /// How far a device is trusted is not its own affair.
    #[error("a device cannot change its own trust")]
    OwnTrust,
    /// It was locked by an administrator, and its owner wants to unlock it.
    #[error(transparent)]
    LockedByAdministrator(#[from] LockedByAdministratorError),
    #[error(transparent)]
    TooMuchMetadata(#[from] MetadataSizeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a> Owner<'a> {
    /// Finds whose device it is, for an administrator who acts in that user's place.
    pub async fn in_whose_place(
        app: &App,
        tenant: &'a Tenant,
        id: DeviceId,
        administrator: UserId,
        origin: &'a RequestOrigin,
    ) -> Result<Self, DeviceError> {
        let user = devices::owner(&app.db, tenant.id, id).await?.ok_or(DeviceError::NotFound)?;
        Ok(Self { tenant, user, device: None, administrator: Some(administrator), origin })
    }

    /// Who acts, as the audit trail names them, and from where.
    fn by(&self) -> By<'a> {
        By::user(self.administrator.unwrap_or(self.user), self.origin)
    }
}
