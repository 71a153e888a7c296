//! The master keys and what is derived from them. A database dump without them yields no usable code, token, secret or
//! signing key.
//!
//! The first master key seals, and all open: so a new one can be given to every instance before the first seals with
//! it, and an old one taken away when nothing needs it any more.

mod mac_key;
mod master_key;
mod master_keys;
mod seal;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

pub use mac_key::{MacKey, TAG_BYTES};
pub use master_key::{KeyName, MasterKey};
pub use master_keys::{MasterKeyError, MasterKeys};
pub use seal::{DecryptError, Sealer};

use crate::model::tenant::TenantSlug;

/// The keys in use, each derived from a master key for one purpose (RFC 5869).
pub struct Secrets {
    /// Of each master key, the sealing one first.
    derived: Vec<Derived>,
    /// Seals signing keys, the tenants' own keys, user codes and keys of authenticator apps for the database.
    pub database: Sealer,
    /// Seals what a browser carries for us.
    pub cookies: Sealer,
}

/// The keys that are derived from one master key, except those of the sealers.
struct Derived {
    name: KeyName,
    csrf: hmac::Key,
    dpop_nonce: hmac::Key,
}

impl Secrets {
    /// Derives every key from the master keys.
    #[must_use]
    pub fn derive(master: &MasterKeys) -> Self {
        let (mut derived, mut database, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
        for key in master.iter() {
            let name = key.name();
            database.push((name, key.expand("database sealing")));
            cookies.push((name, key.expand("cookie sealing")));
            derived.push(Derived {
                name,
                csrf: hmac::Key::new(hmac::HMAC_SHA256, &key.expand("csrf token")[..]),
                dpop_nonce: hmac::Key::new(hmac::HMAC_SHA256, &key.expand("dpop nonce")[..]),
            });
        }
        Self { derived, database: Sealer::new(&database), cookies: Sealer::new(&cookies) }
    }

    /// Returns the name of the master key that seals.
    #[must_use]
    pub fn sealing_name(&self) -> KeyName {
        self.database.name()
    }

    /// Returns the names of the master keys, the sealing one first.
    #[must_use]
    pub fn names(&self) -> Vec<KeyName> {
        self.derived.iter().map(|derived| derived.name).collect()
    }

    /// Returns the token that a form must send back: bound to the browser's cookie and to what the form is for.
    #[must_use]
    pub fn form_token(&self, browser: &str, purpose: &str) -> String {
        self.derived.first().map(|derived| derived.form_token(browser, purpose)).unwrap_or_default()
    }

    /// Returns `true` if [`Self::form_token`] returned this for the same browser and purpose, under any master key.
    #[must_use]
    pub fn is_form_token(&self, given: &str, browser: &str, purpose: &str) -> bool {
        let is_of = |derived: &Derived| -> bool {
            derived.form_token(browser, purpose).as_bytes().ct_eq(given.as_bytes()).into()
        };
        self.derived.iter().any(is_of)
    }

    /// Returns what a tenant's DPoP nonce is made of in one span of time, under each master key.
    pub fn dpop_nonce_macs(&self, tenant: &TenantSlug, span: i64) -> impl Iterator<Item = [u8; 32]> {
        let parts = (span.to_be_bytes(), tenant.as_str().as_bytes());
        self.derived.iter().map(move |derived| mac(&derived.dpop_nonce, &[&parts.0, parts.1]))
    }
}

impl Derived {
    fn form_token(&self, browser: &str, purpose: &str) -> String {
        hex::encode(mac(&self.csrf, &[browser.as_bytes(), b"\0", purpose.as_bytes()]))
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
        f.debug_tuple("Secrets").field(&self.names()).finish()
    }
}
