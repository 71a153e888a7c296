//! A device on the wire.

use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::devices::change::DeviceChange;
use crate::http::pages::{device_labels, languages::Language};
use crate::model::device::{Device, DeviceDescription, DeviceStatus};
use crate::model::ids::DeviceId;
use crate::model::patch::Patch;

/// A device that a person connected, or that waits with a code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceBody {
    /// The device's identifier; while its code is pending, that of the authorization.
    pub id: Uuid,
    /// The name people know it by.
    #[schema(example = "Living room TV")]
    pub name: Option<String>,
    /// What it is called: its name; without one, what its `User-Agent` says, or its client and the end of its
    /// authorization's identifier.
    #[schema(example = "gh on Linux")]
    pub display_name: String,
    /// When it was connected.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub created_at: String,
    /// When anything of it was last changed.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub updated_at: String,
    /// Whose it is; null while nobody has approved it.
    pub user_id: Option<Uuid>,
    /// The client it runs.
    #[schema(example = "tv")]
    pub client_id: String,
    /// After this it can no longer be used.
    #[schema(format = DateTime, example = "2026-04-15T10:20:00Z")]
    pub expires_at: String,
    /// Whether it was approved as one of the person's own; a trusted device lives much longer.
    pub trusted: bool,
    /// Where it stands.
    #[schema(value_type = String, example = "active", pattern = "^(pending|approved|active|locked|expired)$")]
    pub status: DeviceStatus,
    /// The operating system, as the device said.
    #[schema(example = "Tizen 8")]
    pub os: Option<String>,
    /// From where it was connected.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    pub ip_address: Option<IpAddr>,
    /// The host name, as the device said.
    #[schema(example = "living-room")]
    pub hostname: Option<String>,
    /// The version of the client program, as the device said.
    #[schema(example = "4.2.0")]
    pub client_version: Option<String>,
    /// The city of the address, as far as it is known.
    pub city: Option<String>,
    /// The region of the address, as far as it is known.
    pub region: Option<String>,
    /// The country of the address (ISO 3166-1), as far as it is known.
    pub country: Option<String>,
    /// When it was last signed in.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub last_login_at: Option<String>,
    /// When it last renewed its access.
    #[schema(format = DateTime, example = "2026-01-16T08:00:00Z")]
    pub last_seen_at: Option<String>,
    /// When its refresh token was last used in an unusual way, such as from another network at the same time. `null`:
    /// never.
    #[schema(format = DateTime, example = "2026-01-16T09:30:00Z")]
    pub unusual_at: Option<String>,
    /// What the device said, or its owner keeps with it.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// Whether it is the device that asks.
    pub current: bool,
}

impl DeviceBody {
    /// The device, as the one that asks with `current` sees it.
    #[must_use]
    pub fn of(device: Device, current: Option<DeviceId>) -> Self {
        let display_name = device_labels::of(Language::English, &device, device.client_id.as_str());
        let place = device.place.unwrap_or_default();
        let DeviceDescription { name, os, hostname, client_version, metadata } = device.description;
        Self {
            current: current.is_some_and(|current| current.0 == device.id),
            id: device.id,
            name,
            display_name,
            created_at: time(device.created_at),
            updated_at: time(device.updated_at),
            user_id: device.user_id.map(|user| user.0),
            client_id: device.client_id.to_string(),
            expires_at: time(device.expires_at),
            trusted: device.trusted,
            status: device.status,
            os,
            ip_address: device.ip_address,
            hostname,
            client_version,
            city: place.city,
            region: place.region,
            country: place.country,
            last_login_at: device.last_login_at.map(time),
            last_seen_at: device.last_seen_at.map(time),
            unusual_at: device.unusual_at.map(time),
            metadata,
        }
    }
}

/// RFC 3339 in UTC, to the second.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What its owner changes of a device (RFC 7396): what is absent stays, what is null goes. What the device said about
/// itself cannot be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    /// The name people know it by: at most 128 characters, without control or direction characters or words of mixed alphabets.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 128, example = "Living room TV")]
    pub name: Patch<String>,
    /// What is kept with it, as a whole: at most 4096 bytes of JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Patch<Map<String, Value>>,
    /// `false` takes the trust away for good: the device stays connected, for as long as any other. Only an approval
    /// gives trust, so `true` is refused; and a device does not change its own.
    #[serde(default)]
    #[schema(value_type = Option<bool>, example = false)]
    pub trusted: Patch<bool>,
}

impl From<DevicePatch> for DeviceChange {
    fn from(patch: DevicePatch) -> Self {
        Self { name: patch.name, metadata: patch.metadata, trusted: patch.trusted }
    }
}
