//! A device on the wire.

use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::devices::change::DeviceChange;
use crate::http::pages::device_labels;
use crate::languages::Language;
use crate::model::device::{Device, DeviceDescription, DeviceStatus};
use crate::model::ids::DeviceId;
use crate::model::patch::Patch;

/// A connected device, or a pending request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceBody {
    /// Device ID; for a pending request, the ID of the device authorization.
    pub id: Uuid,
    /// Name shown to people.
    #[schema(example = "Living room TV")]
    pub name: Option<String>,
    /// Name to display: `name`, or what `User-Agent` says, or the client ID with the end of the authorization
    /// ID.
    #[schema(example = "gh on Linux")]
    pub display_name: String,
    /// Time when the device was connected.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub created_at: String,
    /// Time of the last change.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub updated_at: String,
    /// User who owns the device; null while pending.
    pub user_id: Option<Uuid>,
    /// Client ID.
    #[schema(example = "tv")]
    pub client_id: String,
    /// Time when the device loses access.
    #[schema(format = DateTime, example = "2026-04-15T10:20:00Z")]
    pub expires_at: String,
    /// Whether its owner marked it as trusted; a trusted device keeps access much longer.
    pub trusted: bool,
    /// Status.
    #[schema(value_type = String, example = "active", pattern = "^(pending|approved|active|locked|expired)$")]
    pub status: DeviceStatus,
    /// Operating system, as the device reported it.
    #[schema(example = "Tizen 8")]
    pub os: Option<String>,
    /// IP address at the time of connection.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    pub ip_address: Option<IpAddr>,
    /// Hostname, as the device reported it.
    #[schema(example = "living-room")]
    pub hostname: Option<String>,
    /// Version of the client program, as the device reported it.
    #[schema(example = "4.2.0")]
    pub client_version: Option<String>,
    /// City of the IP address; null if unknown.
    pub city: Option<String>,
    /// Region of the IP address; null if unknown.
    pub region: Option<String>,
    /// Country of the IP address (ISO 3166-1); null if unknown.
    pub country: Option<String>,
    /// Time of the last sign-in.
    #[schema(format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub last_login_at: Option<String>,
    /// Time of the last refresh.
    #[schema(format = DateTime, example = "2026-01-16T08:00:00Z")]
    pub last_seen_at: Option<String>,
    /// Time of the last unusual use of its refresh token, such as from another network at the same time; null
    /// if never.
    #[schema(format = DateTime, example = "2026-01-16T09:30:00Z")]
    pub unusual_at: Option<String>,
    /// Data from the device or its owner.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// Whether it is the calling device.
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

/// Changes to a device (RFC 7396): absent members stay unchanged, null removes a value. What the device said
/// about itself cannot be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    /// Name shown to people: at most 128 characters, with no control or bidirectional characters and no mixed
    /// alphabets in a word.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 128, example = "Living room TV")]
    pub name: Patch<String>,
    /// Data stored with the device: at most 4096 bytes of JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Patch<Map<String, Value>>,
    /// `false` removes the trust permanently: the device stays connected, with the standard lifetime. Trust
    /// is granted only at approval, so `true` is rejected. A device cannot change its own trust.
    #[serde(default)]
    #[schema(value_type = Option<bool>, example = false)]
    pub trusted: Patch<bool>,
}

impl From<DevicePatch> for DeviceChange {
    fn from(patch: DevicePatch) -> Self {
        Self { name: patch.name, metadata: patch.metadata, trusted: patch.trusted }
    }
}
