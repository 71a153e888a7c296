//! The one source of unpredictable bytes. Tests put a source of their own in its place. Only the cryptographic library
//! draws its own, for key pairs and signatures, and takes no other.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use uuid::Uuid;

/// A source of random bytes.
#[derive(Clone)]
pub struct Random(Arc<Source>);

type Source = dyn Fn(&mut [u8]) + Send + Sync;

/// Returns what the cryptographic library insists on being given for a signature. It draws its own all the same.
#[must_use]
pub fn for_signatures() -> SystemRandom {
    SystemRandom::new()
}

impl Random {
    /// The operating system's cryptographically secure generator, through a reseeding one for each thread.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(|bytes| rand::Rng::fill_bytes(&mut rand::rng(), bytes)))
    }

    /// A source that fills with what `source` gives.
    pub fn from_fn(source: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    /// `length` characters of `alphabet`, each equally likely: bytes that would favour some are thrown away.
    ///
    /// # Panics
    /// When the alphabet is empty or has more than 256 characters.
    #[must_use]
    pub fn characters(&self, alphabet: &[u8], length: usize) -> String {
        assert!((1..=256).contains(&alphabet.len()), "an alphabet of 1 to 256 characters");
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        let mut pool = [0_u8; 64];
        while text.len() < length {
            self.fill(&mut pool);
            text.extend(
                pool.iter()
                    .map(|byte| usize::from(*byte))
                    .filter(|byte| *byte < fair)
                    .map(|byte| char::from(alphabet[byte % alphabet.len()]))
                    .take(length - text.len()),
            );
        }
        zeroize::Zeroize::zeroize(&mut pool);
        text
    }

    /// A new identifier that sorts by creation time, to the microsecond (RFC 9562 §5.7 and, for what is less than a
    /// millisecond, §6.2 method 3).
    #[must_use]
    pub fn uuid_v7(&self, now: chrono::DateTime<chrono::Utc>) -> Uuid {
        let mut tail = [0_u8; 8];
        self.fill(&mut tail);
        uuid_v7_at(now, tail)
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

/// The lowest identifier that [`Random::uuid_v7`] makes at an instant. It is above all those of earlier microseconds.
#[must_use]
pub fn first_uuid_v7_at(instant: chrono::DateTime<chrono::Utc>) -> Uuid {
    uuid_v7_at(instant, [0; 8])
}

fn uuid_v7_at(instant: chrono::DateTime<chrono::Utc>, tail: [u8; 8]) -> Uuid {
    const LAST: u64 = (1 << 48) - 1;
    let millis = u64::try_from(instant.timestamp_millis()).unwrap_or(0).min(LAST);
    // Twelve bits for a thousand microseconds: each has four values, the lowest of which is taken.
    let micros = instant.timestamp_subsec_micros() % 1_000;
    let [high, low] = u16::try_from(micros * 4).unwrap_or(0).to_be_bytes();
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&[high, low]);
    bytes[2..].copy_from_slice(&tail);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    #[test]
    fn identifiers_are_in_the_order_of_microseconds() {
        let instant = DateTime::from_timestamp_micros(1_767_225_600_123_998).unwrap();
        let made = |after| Random::system().uuid_v7(instant + TimeDelta::microseconds(after));
        for _ in 0..100 {
            assert!(made(-1) < first_uuid_v7_at(instant));
            assert!(made(0) >= first_uuid_v7_at(instant) && made(0) < made(1) && made(1) < made(2));
        }
        assert!(made(0) < first_uuid_v7_at(DateTime::<Utc>::MAX_UTC));
        assert!(first_uuid_v7_at(DateTime::<Utc>::MIN_UTC) < made(0));
    }

    #[test]
    fn every_character_is_equally_likely() {
        // Chi-squared over 20 classes; 43.8 is passed by chance once in a thousand runs, 80 practically never.
        let random = Random::system();
        let drawn = random.characters(b"BCDFGHJKLMNPQRSTVWXZ", 200_000);
        let mut counts = std::collections::BTreeMap::<char, f64>::new();
        drawn.chars().for_each(|c| *counts.entry(c).or_default() += 1.0);
        let expected = 10_000.0;
        let chi_squared: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum();
        assert_eq!(counts.len(), 20);
        assert!(chi_squared < 80.0, "chi squared {chi_squared}");
    }

    #[test]
    fn bytes_that_would_favour_some_characters_are_thrown_away() {
        let source = std::sync::atomic::AtomicU8::new(0);
        let counting = Random::from_fn(move |bytes| {
            bytes.fill_with(|| source.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        });
        // 256 % 20 = 16: the bytes 240..=255 are skipped, so a whole round gives each character 12 times.
        let drawn = counting.characters(b"BCDFGHJKLMNPQRSTVWXZ", 240);
        assert_eq!(drawn.matches('B').count(), 12);
        assert_eq!(drawn.matches('Z').count(), 12);
    }
}
