//! Seals of the audit trail: who changes, removes or adds an event afterwards is found out.
//!
//! A seal holds the hashes of some events of a tenant and a message authentication code over them and over the code
//! of the seal before, under a key that the database has sealed only. So whoever can write to the database, but does not
//! have the master key, cannot make the chain fit what they did to a sealed event. It says nothing of events that are
//! not sealed yet, which are those of the last seconds, nor can it tell a chain that was cut off at its end from one
//! that never was longer: for that, keep the newest code elsewhere.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::TenantId;

/// SHA-256 of one event.
pub type EventHash = [u8; 32];
/// A message authentication code: HMAC-SHA-256.
pub type Mac = [u8; 32];

/// What stands in the place of the code before a tenant's first seal.
pub const NOTHING_BEFORE: Mac = [0; 32];

/// Some events of a tenant, sealed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSeal {
    pub tenant_id: TenantId,
    /// 1, 2, 3 … in each tenant.
    pub number: i64,
    pub sealed_at: DateTime<Utc>,
    /// The time of the youngest event.
    pub last_at: DateTime<Utc>,
    /// The events, in their order, each with its hash.
    pub events: Vec<(Uuid, EventHash)>,
}

impl AuditSeal {
    /// What is authenticated, after the code of the seal before.
    #[must_use]
    pub fn message(&self, before: &Mac) -> Vec<u8> {
        let mut message = Vec::with_capacity(96 + self.events.len() * 48);
        message.extend(b"latchkey audit seal 1\0");
        message.extend(before);
        message.extend(self.tenant_id.0.as_bytes());
        message.extend(self.number.to_be_bytes());
        message.extend(self.sealed_at.timestamp_micros().to_be_bytes());
        message.extend(self.last_at.timestamp_micros().to_be_bytes());
        for (id, hash) in &self.events {
            message.extend(id.as_bytes());
            message.extend(hash);
        }
        message
    }
}

/// What is authenticated when a seal's events were cleared away, so that nobody else can pretend they were.
#[must_use]
pub fn clearing_message(mac: &Mac) -> Vec<u8> {
    [b"latchkey audit seal cleared 1\0", &mac[..]].concat()
}

/// The hash of an event by its fields as the database has them. Each is preceded by its length, or by a mark of its
/// absence, so that no two events are written alike.
#[must_use]
pub fn hash_of(fields: &[Option<&str>]) -> EventHash {
    let mut context = digest::Context::new(&digest::SHA256);
    for field in fields {
        match field {
            Some(text) => {
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
            None => context.update(&u64::MAX.to_be_bytes()),
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;

    #[test]
    fn no_two_events_are_written_alike() {
        let hashes = [
            hash_of(&[Some("a"), Some("b"), None]),
            hash_of(&[Some("ab"), Some(""), None]),
            hash_of(&[Some("a"), Some("b"), Some("")]),
            hash_of(&[Some("a"), None, Some("b")]),
            hash_of(&[Some("a"), Some("b")]),
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..index].contains(hash), "{index}");
        }
    }

    #[test]
    fn whatever_changes_in_a_seal_changes_what_is_authenticated() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let seal = AuditSeal {
            tenant_id: DEFAULT_TENANT,
            number: 1,
            sealed_at: at,
            last_at: at,
            events: vec![(Uuid::from_u128(1), [1; 32]), (Uuid::from_u128(2), [2; 32])],
        };
        let original = seal.message(&NOTHING_BEFORE);
        let changes: [fn(&mut AuditSeal); 6] = [
            |seal| seal.tenant_id = TenantId(Uuid::nil()),
            |seal| seal.number = 2,
            |seal| seal.sealed_at += chrono::TimeDelta::microseconds(1),
            |seal| seal.last_at += chrono::TimeDelta::microseconds(1),
            |seal| seal.events.swap(0, 1),
            |seal| seal.events.truncate(1),
        ];
        for change in changes {
            let mut altered = seal.clone();
            change(&mut altered);
            assert_ne!(altered.message(&NOTHING_BEFORE), original);
        }
        assert_ne!(seal.message(&[1; 32]), original);
    }
}
