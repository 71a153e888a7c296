//! How requests about devices are refused.

use axum::http::StatusCode;
use utoipa::IntoResponses;

use crate::domain::devices::DeviceError;
use crate::http::rest::problem::{Problem, ProblemBody};
use crate::model::attempt_budget::TooManyAttemptsError;

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
