//! `/devices`: a person's own devices, for programs of theirs and for a front end on the same origin.

pub mod body;
pub mod list;
pub mod lock;
pub mod one;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::etag::etag;
use super::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::domain::devices::{DeviceError, Owner, find};
use crate::http::no_store;
use crate::model::attempt_budget::Exhausted;
use crate::model::device::Device;
use crate::model::ids::DeviceId;
use body::DeviceBody;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, list::remove_all))
        .routes(routes!(one::show, one::change, one::replace, one::remove))
        .routes(routes!(lock::lock))
        .routes(routes!(lock::unlock))
}

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
            DeviceError::TooManyAttempts(Exhausted { retry_after }) => {
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
fn device_id(text: &str) -> Result<DeviceId, Problem> {
    find::identifier(text).ok_or_else(|| DeviceError::NotFound.into())
}

/// A device as an answer, with its version.
fn answer(caller: &Caller, device: Device) -> Response {
    let version = etag(device.version);
    ([version], no_store(DeviceBody::of(device, caller.device()))).into_response()
}
