//! All keys that verify a tenant's audit log: the current one, and retired ones for what was written in their time.

use chrono::{DateTime, TimeDelta, Utc};

use super::open;
use crate::app::App;
use crate::model::audit_seal::Mac;
use crate::model::ids::TenantId;
use crate::secrets::MacKey;
use crate::store::{self, Executor, mac_keys};

/// How long after its retirement a key is still valid for new events: another instance learns of the retirement late,
/// and its clock may be behind.
pub const GRACE: TimeDelta = TimeDelta::minutes(5);

#[derive(Debug)]
pub struct AuditKeys(Vec<AuditKey>);

#[derive(Debug)]
struct AuditKey {
    key: MacKey,
    /// `None`: current.
    retired_at: Option<DateTime<Utc>>,
}

impl AuditKeys {
    /// Reads and opens the tenant's audit keys. There are none if it never had an event.
    ///
    /// # Errors
    /// Also if a key is sealed with a master key that this instance does not know.
    pub async fn read(app: &App, db: impl Executor<'_>, tenant: TenantId) -> store::Result<Self> {
        let stored = mac_keys::audit_keys(db, tenant).await?;
        let opened = stored.into_iter().map(|(sealed, retired_at)| {
            let key = open(app, &sealed)?;
            Ok(AuditKey { key, retired_at })
        });
        Ok(Self(opened.collect::<store::Result<_>>()?))
    }

    /// Returns the code of `message` under the current key. `None` if there is none.
    #[must_use]
    pub fn code(&self, message: &[u8]) -> Option<Mac> {
        let current = self.0.iter().find(|key| key.retired_at.is_none())?;
        Some(current.key.code(&[message]))
    }

    /// Returns `true` if `mac` is the code of `message` under a key that was in use at `at`.
    #[must_use]
    pub fn verify(&self, at: DateTime<Utc>, message: &[u8], mac: &[u8]) -> bool {
        self.any_code(at, message, |code| is_same(code, mac))
    }

    /// Returns `true` if `mac` is the code of `message` under the current key.
    #[must_use]
    pub fn verify_current(&self, message: &[u8], mac: &[u8]) -> bool {
        self.code(message).is_some_and(|code| is_same(&code, mac))
    }

    /// Returns `true` if `fits` accepts the code of `message` under a key that was in use at `at`.
    pub fn any_code(&self, at: DateTime<Utc>, message: &[u8], fits: impl Fn(&Mac) -> bool) -> bool {
        let in_use = |key: &&AuditKey| key.retired_at.is_none_or(|retired_at| at <= retired_at + GRACE);
        self.0.iter().filter(in_use).any(|key| fits(&key.key.code(&[message])))
    }
}

/// Compares codes in constant time.
#[must_use]
pub fn is_same(code: &Mac, mac: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(&code[..], mac).into()
}
