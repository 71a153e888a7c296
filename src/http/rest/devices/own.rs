//! A person's own device: whose it is, which one a path names, and how it is answered.

use axum::response::{IntoResponse, Response};

use super::body::DeviceBody;
use crate::domain::devices::{DeviceError, Owner, find};
use crate::http::rest::caller::Caller;
use crate::http::rest::problem::Problem;
use crate::http::rest::versioned::Versioned;
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

/// The device that a path names. Whatever is no identifier names none.
pub(super) fn device_id(text: &str) -> Result<DeviceId, Problem> {
    find::identifier(text).ok_or_else(|| DeviceError::NotFound.into())
}

/// A device as an answer, with its version.
pub(super) fn answer(caller: &Caller, device: Device) -> Response {
    Versioned { version: device.version, body: DeviceBody::of(device, caller.device()) }.into_response()
}
