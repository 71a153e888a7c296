//! A tenant's keys for message authentication codes: what they are for, and their sealed form.

use uuid::Uuid;

use super::ids::TenantId;

/// What a key authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacPurpose {
    /// The tokens that clients present: device codes and refresh tokens.
    Tokens,
    /// Audit events and their seals.
    Audit,
}

impl MacPurpose {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Audit => "audit",
        }
    }
}

/// A key as the database has it.
#[derive(Clone, Debug)]
pub struct SealedMacKey {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What it authenticates.
    pub purpose: MacPurpose,
    /// Its ID.
    pub id: Uuid,
    /// 32 random bytes, sealed with the master key.
    pub sealed: Vec<u8>,
}

impl SealedMacKey {
    /// What the key is sealed for: nothing else opens it.
    #[must_use]
    pub fn context(tenant: TenantId, purpose: MacPurpose, id: Uuid) -> String {
        format!("mac key {tenant} {} {id}", purpose.as_str())
    }
}
