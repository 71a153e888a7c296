//! Refresh tokens that somebody made who knows their format and has none of the server's keys.

use crc32fast::Hasher;
use latchkey::domain::mac_keys;
use latchkey::model::bearer_secret::SecretKind;
use latchkey::model::computed_secret::ComputedSecret;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::secrets::MacKey;

use crate::availability::database_takes_connections;
use crate::support::{Device, TestServer};

const OFFLINE: &str = "openid offline_access";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const WORD_CHARS: usize = 11;
const CHECKSUM_CHARS: usize = 6;

fn digits(mut number: u64, count: usize) -> String {
    let mut text = vec![b'0'; count];
    for place in text.iter_mut().rev() {
        *place = DIGITS[usize::try_from(number % 62).expect("a digit")];
        number /= 62;
    }
    String::from_utf8(text).expect("digits")
}

/// The bytes of a token.
fn bytes(token: &str) -> Vec<u8> {
    let body = &token.as_bytes()[4..token.len() - CHECKSUM_CHARS];
    let value = |digit: &u8| DIGITS.iter().position(|known| known == digit).expect("a digit") as u64;
    body.chunks_exact(WORD_CHARS)
        .map(|word| word.iter().fold(0_u64, |number, digit| number * 62 + value(digit)))
        .flat_map(u64::to_be_bytes)
        .collect()
}

/// The token with these characters, and their right checksum.
fn with_checksum(prefix: &str, body: &str) -> String {
    let mut hasher = Hasher::new();
    hasher.update(prefix.as_bytes());
    hasher.update(body.as_bytes());
    format!("{prefix}{body}{}", digits(hasher.finalize().into(), CHECKSUM_CHARS))
}

fn token(prefix: &str, bytes: &[u8]) -> String {
    let word = |word: &[u8]| word.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let body: String = bytes.chunks_exact(8).map(|bytes| digits(word(bytes), WORD_CHARS)).collect();
    with_checksum(prefix, &body)
}

/// What can be made of two tokens of the tenant without a key: every field changed alone, or taken from the other.
fn forgeries(own: &str, other: &str) -> Vec<String> {
    let (own, other) = (bytes(own), bytes(other));
    let mut forged = Vec::new();
    // The version, the generation, the device, the random bytes, the code.
    for field in [0..1, 1..8, 8..24, 24..40, 40..56] {
        for place in field.clone() {
            for bit in [0x01, 0x80] {
                let mut bytes = own.clone();
                bytes[place] ^= bit;
                forged.push(token("lkr_", &bytes));
            }
        }
        for filled in [0x00, 0xff] {
            let mut bytes = own.clone();
            bytes[field.clone()].fill(filled);
            forged.push(token("lkr_", &bytes));
        }
        let mut bytes = own.clone();
        bytes[field.clone()].copy_from_slice(&other[field]);
        forged.push(token("lkr_", &bytes));
    }
    // The next generation.
    let mut next = own.clone();
    next[7] += 1;
    forged.push(token("lkr_", &next));
    // Another kind, and other lengths.
    forged.push(token("lkd_", &own));
    forged.push(token("lkr_", &own[..48]));
    forged.push(token("lkr_", &[own.as_slice(), &[0; 8]].concat()));
    forged.push(with_checksum("lkr_", &"z".repeat(7 * WORD_CHARS)));
    forged.retain(|forged| *forged != token("lkr_", &own));
    forged
}

/// Insists that each of these is refused.
async fn must_be_refused(device: &Device, forged: &[String]) {
    for token in forged {
        device.refresh(token).await.must_be_error("invalid_grant");
    }
}

#[tokio::test]
async fn a_forged_refresh_token_is_refused_without_a_statement() {
    let server = TestServer::hearing().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let own = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    let other = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    let mut forged = forgeries(&own, &other);
    // Everything right but the key.
    let key = mac_keys::tokens(&server.app, DEFAULT_TENANT).await.expect("the database answers");
    let said = ComputedSecret::read(SecretKind::RefreshToken, DEFAULT_TENANT, &key, &own).expect("a token");
    let strange = MacKey::new(&[7; 32]).expect("a key");
    forged.push(said.write(SecretKind::RefreshToken, DEFAULT_TENANT, &strange).expose().to_owned());
    assert_eq!(token("lkr_", &bytes(&own)), own, "the test writes tokens as the server does");

    let before = server.rows().await;
    must_be_refused(&tv, &forged).await;
    assert_eq!(before, server.rows().await);
    // A token that is looked up hears that there is no database; a forged one is not looked up.
    database_takes_connections(&server, false).await;
    assert_eq!(tv.refresh(&own).await.status, 503);
    must_be_refused(&tv, &forged).await;
    database_takes_connections(&server, true).await;
    tv.refresh(&own).await.must_be_tokens();
    tv.refresh(&other).await.must_be_tokens();
}

#[tokio::test]
async fn a_refresh_token_of_another_tenant_is_refused() {
    let server = TestServer::start().await;
    let (id, base) = server.tenant("acme").await;
    let there = server.client_of(id, &base, "tv", OFFLINE, |_| ()).await;
    let person = server.person_of(id, &base, "ada", &[]).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let theirs = there.connect(&person, OFFLINE).await.string("refresh_token");
    let ours = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    tv.refresh(&theirs).await.must_be_error("invalid_grant");
    there.refresh(&ours).await.must_be_error("invalid_grant");
    there.refresh(&theirs).await.must_be_tokens();
    tv.refresh(&ours).await.must_be_tokens();
}
