//! The message authentication code that each audit event carries from the moment it is written.
//!
//! The server derives a key for this one event from what it knows of it ([`Envelope`]) and sends it with the event. The
//! database adds the rest, part of which is known only inside a statement, and stores the result: SHA-256 of the key
//! and of a hash of the rest, as `audit_event_mac` in the migrations does. Without the tenant's audit key, which the
//! database has sealed only, no one can make the key or the code.

use std::net::IpAddr;

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::audit_seal::Mac;
use super::ids::TenantId;

/// The ID of an event to be written, and the key for its code.
#[derive(Clone)]
pub struct EventStamp {
    pub id: Uuid,
    /// The key. It is sent to the database with the event, and never stored.
    pub key: Mac,
}

/// What the server knows of an event before it is written.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    pub id: Uuid,
    pub tenant: TenantId,
    /// When; the database stores microseconds.
    pub at: DateTime<Utc>,
    pub action: &'a str,
    /// `success` or `refused`.
    pub outcome: &'a str,
    pub ip_address: Option<IpAddr>,
    pub request_id: Option<Uuid>,
}

impl Envelope<'_> {
    /// What is authenticated. No two envelopes are written alike: what varies in length is preceded by its length.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(160);
        message.extend(b"latchkey audit event 1\0");
        message.extend(self.tenant.0.as_bytes());
        message.extend(self.id.as_bytes());
        message.extend(self.at.timestamp_micros().to_be_bytes());
        for text in [self.action, self.outcome] {
            message.extend((text.len() as u64).to_be_bytes());
            message.extend(text.as_bytes());
        }
        match self.ip_address {
            Some(IpAddr::V4(address)) => message.extend([&[4][..], &address.octets()].concat()),
            Some(IpAddr::V6(address)) => message.extend([&[6][..], &address.octets()].concat()),
            None => message.push(0),
        }
        message.extend(self.request_id.iter().flat_map(Uuid::as_bytes));
        message
    }
}

/// The code of an event: its key with the rest of the event, which is its actor's kind and ID, its target's kind and
/// ID, and its details as the database writes them.
#[must_use]
pub fn event_mac(key: &Mac, rest: [Option<&str>; 5]) -> Mac {
    let rest: String = rest
        .iter()
        .map(|field| field.map_or_else(|| "-".to_owned(), |text| format!("{}:{text}", text.chars().count())))
        .collect();
    sha256(&[&key[..], &sha256(rest.as_bytes())].concat())
}

fn sha256(message: &[u8]) -> Mac {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, message).as_ref());
    hash
}

impl std::fmt::Debug for EventStamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventStamp({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;

    #[test]
    fn every_change_of_an_envelope_changes_its_message() {
        let envelope = Envelope {
            id: Uuid::from_u128(1),
            tenant: DEFAULT_TENANT,
            at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            action: "ab",
            outcome: "c",
            ip_address: Some(IpAddr::from([1, 2, 3, 4])),
            request_id: Some(Uuid::from_u128(2)),
        };
        let alterations: [fn(&mut Envelope<'_>); 8] = [
            |envelope| envelope.id = Uuid::from_u128(3),
            |envelope| envelope.tenant = TenantId(Uuid::nil()),
            |envelope| envelope.at += chrono::TimeDelta::microseconds(1),
            |envelope| (envelope.action, envelope.outcome) = ("a", "bc"),
            |envelope| envelope.outcome = "d",
            |envelope| envelope.ip_address = Some(IpAddr::from([1, 2, 3, 5])),
            |envelope| envelope.ip_address = None,
            |envelope| envelope.request_id = None,
        ];
        let messages: Vec<_> = alterations
            .iter()
            .map(|alter| {
                let mut other = envelope.clone();
                alter(&mut other);
                other.message()
            })
            .chain([envelope.message()])
            .collect();
        for (index, message) in messages.iter().enumerate() {
            assert!(!messages[..index].contains(message), "{index}");
        }
    }

    #[test]
    fn every_change_of_the_rest_changes_the_code() {
        let (a, b) = (Some("a"), Some("b"));
        let codes = [
            event_mac(&[1; 32], [a, b, a, b, Some("{}")]),
            event_mac(&[2; 32], [a, b, a, b, Some("{}")]),
            event_mac(&[1; 32], [a, None, a, b, Some("{}")]),
            event_mac(&[1; 32], [a, Some("-"), a, b, Some("{}")]),
            event_mac(&[1; 32], [Some("a1:b"), None, a, b, Some("{}")]),
            event_mac(&[1; 32], [a, b, a, None, Some("{}")]),
        ];
        for (index, code) in codes.iter().enumerate() {
            assert!(!codes[..index].contains(code), "{index}");
        }
    }
}
