//! The signature of a message (Standard Webhooks 1.0, "Signature scheme"): receivers check it with any library for it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// The value of `webhook-signature`: over the message's identifier, the time of the attempt, and every byte of the
/// body.
pub(super) fn sign(key: &hmac::Key, id: Uuid, timestamp: i64, body: &str) -> String {
    let signature = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(signature.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `base64`.
    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let signed = sign(&key, Uuid::nil(), 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,s2JCGd1Z3Eap+6LYsQoWklR0/bhm5f+Trln/vyt2UHQ=");
    }
}
