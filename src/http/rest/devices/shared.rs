//! What the endpoints of devices share: whose devices, which device, and how it is answered.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use super::body::DeviceBody;
use crate::domain::devices::{DeviceError, Owner, find};
use crate::http::rest::caller::Caller;
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::http::rest::versioned::Versioned;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::device::Device;
use crate::model::ids::DeviceId;

impl Caller {
    /// The caller as the owner of their devices.
    #[must_use]
    pub fn owner(&self) -> Owner<'_> {
        Owner {
            tenant: &self.tenant,
            user: self.user.id,
            device: self.device(),
            administrator: None,
            origin: &self.origin,
        }
    }
}

/// There is no such device, or it is another's.
#[derive(Debug, IntoResponses)]
pub enum NoSuchDevice {
    /// `device_not_found`: the device does not exist or belongs to another user
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::NotFound => Self::new(
                StatusCode::NOT_FOUND,
                "device_not_found",
                "Device not found.",
                "List your devices with GET /devices, or compare the code with the one shown on the device.",
            ),
            DeviceError::TooManyAttempts(TooManyAttemptsError { retry_after }) => {
                Self::too_many("Too many wrong codes.", retry_after)
            }
            DeviceError::Stale(stale) => stale.into(),
            DeviceError::UnfitName(unfit) => Self::invalid_field("name", unfit.to_string()),
            DeviceError::TrustNotGiven => Self::invalid_field("trusted", error.to_string()),
            DeviceError::OwnTrust => Self::forbidden("A device cannot change its own trust."),
            DeviceError::LockedByAdministrator(_) => Self::new(
                StatusCode::CONFLICT,
                "locked_by_administrator",
                "This device was locked by an administrator.",
                "Ask an administrator to unlock it.",
            ),
            DeviceError::TooMuchMetadata(unfit) => Self::invalid_field("metadata", unfit.to_string()),
            DeviceError::Store(error) => error.into(),
        }
    }
}

/// The device that a path names. Whatever is no identifier names none.
pub(super) fn device_id(text: &str) -> Result<DeviceId, Problem> {
    find::identifier(text).ok_or_else(|| DeviceError::NotFound.into())
}

/// A device as an answer, with its version.
pub(super) fn answer(caller: &Caller, device: Device) -> Response {
    Versioned { version: device.version, body: DeviceBody::of(device, caller.device()) }.into_response()
}
