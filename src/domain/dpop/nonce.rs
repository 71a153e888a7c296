//! Nonces that the server demands in proofs (RFC 9449 §8), so that none can be made in advance.
//!
//! A nonce is a MAC of the time, under a key that all servers derive from the first master key: none has to remember
//! what it or another has handed out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::model::tenant::TenantSlug;

/// How long one nonce is handed out, in seconds. It is accepted for as long again.
pub const ROTATION_SECONDS: i64 = 180;
/// 144 bits: whole characters of base 64, and more than can be guessed.
const NONCE_BYTES: usize = 18;

/// The nonce that is handed out now.
#[must_use]
pub fn current(app: &App, tenant: &TenantSlug) -> String {
    of_slot(app, tenant, slot(app.clock.now())).next().unwrap_or_default()
}

/// The nonces that are accepted now: this one, the one before, and the next, which a server whose clock is a
/// little ahead hands out already; of each master key.
#[must_use]
pub fn accepted(app: &App, tenant: &TenantSlug) -> Vec<String> {
    let now = slot(app.clock.now());
    [now, now - 1, now + 1].into_iter().flat_map(|slot| of_slot(app, tenant, slot)).collect()
}

fn slot(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(ROTATION_SECONDS)
}

/// The nonce of a span of time under each master key, the sealing one first.
fn of_slot(app: &App, tenant: &TenantSlug, slot: i64) -> impl Iterator<Item = String> {
    app.secrets.dpop_nonce_macs(tenant, slot).map(|mac| URL_SAFE_NO_PAD.encode(&mac[..NONCE_BYTES]))
}
