//! The master key and what is derived from it. A database dump without this key yields no usable code, token,
//! secret or signing key.

mod mac_key;
mod master_key;
mod seal;

use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

pub use mac_key::{MacKey, TAG_BYTES};
pub use master_key::{MasterKey, MasterKeyError};
pub use seal::{Sealer, Unsealable};

use crate::model::confirmation_code::ConfirmationCode;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::model::recovery_code::RecoveryCode;
use crate::model::tenant::TenantSlug;
use crate::model::user::User;
use crate::model::user_code::UserCode;

/// The keys in use, each derived from the master key for one purpose (RFC 5869).
pub struct Secrets {
    user_code: hmac::Key,
    confirmation_code: hmac::Key,
    csrf: hmac::Key,
    dpop_nonce: hmac::Key,
    recovery_code: hmac::Key,
    /// Seals signing keys, user codes and keys of authenticator apps for the database.
    pub database: Sealer,
    /// Seals what a browser carries for us.
    pub cookies: Sealer,
}

impl Secrets {
    /// Derives every key from the master key.
    ///
    /// # Panics
    /// Never: HKDF-SHA-256 gives 32 bytes for any purpose.
    #[must_use]
    pub fn derive(master: &MasterKey) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey v1").extract(master.bytes());
        let expand = |purpose: &str| {
            let mut key = Zeroizing::new([0_u8; 32]);
            extracted
                .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key[..]))
                .expect("HKDF-SHA-256 gives 32 bytes");
            key
        };
        Self {
            user_code: hmac::Key::new(hmac::HMAC_SHA256, &expand("user code mac")[..]),
            confirmation_code: hmac::Key::new(hmac::HMAC_SHA256, &expand("confirmation code mac")[..]),
            csrf: hmac::Key::new(hmac::HMAC_SHA256, &expand("csrf token")[..]),
            dpop_nonce: hmac::Key::new(hmac::HMAC_SHA256, &expand("dpop nonce")[..]),
            recovery_code: hmac::Key::new(hmac::HMAC_SHA256, &expand("recovery code mac")[..]),
            database: Sealer::new(&expand("database sealing")),
            cookies: Sealer::new(&expand("cookie sealing")),
        }
    }

    /// What the database knows of a user code. A plain hash of so few bits could be reversed by trying all.
    #[must_use]
    pub fn user_code_mac(&self, tenant: TenantId, code: &UserCode) -> [u8; 32] {
        mac(&self.user_code, &[tenant.0.as_bytes(), code.as_str().as_bytes()])
    }

    /// What the database knows of a person's recovery code.
    #[must_use]
    pub fn recovery_code_mac(&self, user: &User, code: &RecoveryCode) -> [u8; 32] {
        let (tenant, user) = (user.tenant_id.0, user.id.0);
        mac(&self.recovery_code, &[tenant.as_bytes(), user.as_bytes(), code.as_str().as_bytes()])
    }

    /// What the database knows of a confirmation code.
    #[must_use]
    pub fn confirmation_mac(&self, session: DeviceAuthorizationId, code: &ConfirmationCode) -> [u8; 32] {
        mac(&self.confirmation_code, &[session.0.as_bytes(), code.as_str().as_bytes()])
    }

    /// The token that a form must send back: bound to the browser's cookie and to what the form is for.
    #[must_use]
    pub fn form_token(&self, browser: &str, purpose: &str) -> String {
        hex::encode(mac(&self.csrf, &[browser.as_bytes(), b"\0", purpose.as_bytes()]))
    }

    /// What a tenant's DPoP nonce is made of in one span of time.
    #[must_use]
    pub fn dpop_nonce_mac(&self, tenant: &TenantSlug, span: i64) -> [u8; 32] {
        mac(&self.dpop_nonce, &[&span.to_be_bytes(), tenant.as_str().as_bytes()])
    }
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut mac = [0; 32];
    mac.copy_from_slice(context.sign().as_ref());
    mac
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}
