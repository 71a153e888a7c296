//! The REST endpoints: for a person's own programs and for administration. Errors are RFC 9457 problems, and nothing
//! here is ever cached.

pub mod account;
pub mod admin;
mod area;
pub mod body;
pub mod caller;
pub mod devices;
pub mod etag;
pub mod paging;
pub mod path;
pub mod problem;
pub mod time;
pub mod versioned;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use admin::answers::{ReadRefusals, WriteRefusals};
use area::Area;
use caller::with_csrf_token;
use problem::described::CallerProblems;

#[must_use]
pub fn router() -> OpenApiRouter<Arc<App>> {
    let devices = Area { tag: "Devices", reads: &["devices"], changes: "devices" }
        .describe::<CallerProblems, CallerProblems>(devices::router());
    let admin = Area { tag: "Administration", reads: &["admin:read", "admin"], changes: "admin" }
        .describe::<ReadRefusals, WriteRefusals>(admin::router());
    let account = Area { tag: "Your apps", reads: &["clients"], changes: "clients" }
        .describe::<ReadRefusals, WriteRefusals>(account::router());
    with_csrf_token(devices.merge(admin).merge(account))
}
