//! A tenant's keys for message authentication codes: what they are for, and their sealed form.

use uuid::Uuid;

use super::ids::TenantId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacPurpose {
    /// The tokens that clients present: device codes and refresh tokens.
    Tokens,
    /// Audit events and their seals.
    Audit,
    /// The codes that people type: user codes, confirmation codes and recovery codes. This key is never replaced.
    Codes,
}

impl MacPurpose {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Audit => "audit",
            Self::Codes => "codes",
        }
    }
}

/// A key as the database has it.
#[derive(Clone, Debug)]
pub struct SealedMacKey {
    pub tenant_id: TenantId,
    pub purpose: MacPurpose,
    pub id: Uuid,
    /// 32 random bytes, sealed with the master key.
    pub sealed: Vec<u8>,
}

impl SealedMacKey {
    /// What the key is sealed for: for nothing else it opens. `purpose` is the stored word.
    #[must_use]
    pub fn context(tenant: TenantId, purpose: &str, id: Uuid) -> String {
        format!("mac key {tenant} {purpose} {id}")
    }
}
