//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds, as every authenticator app
//! makes them.

use chrono::{DateTime, Utc};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::random::Random;

/// 160 bits, the length of SHA-1's output (RFC 4226 §4, R6).
const SECRET_BYTES: usize = 20;
/// How many steps a person's clock may be off, and how many may pass while they type (RFC 6238 §5.2).
const STEPS_AROUND: u16 = 1;

/// The key that an authenticator app and the server share. It does not print and is wiped when dropped.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// A time step: seconds since 1970, divided by 30 (RFC 6238 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeStep(pub i64);

impl TotpSecret {
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        random.fill(&mut bytes[..]);
        Self(bytes)
    }

    /// The key with these bytes; `None` when they are not as many as a key has.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }

    /// The key as people type it: base 32 in groups of four.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let letters = Zeroizing::new(self.app("", "").secret().to_base32());
        let mut text = Zeroizing::new(String::with_capacity(letters.len() * 5 / 4));
        for (index, letter) in letters.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push(' ');
            }
            text.push(letter);
        }
        text
    }

    /// What an app reads from a QR code. Colons separate issuer and account there, so neither keeps one.
    #[must_use]
    pub fn key_uri(&self, issuer: &str, account: &str) -> Option<Zeroizing<String>> {
        self.app(&issuer.replace(':', " "), &account.replace(':', " ")).to_url().ok().map(Zeroizing::new)
    }

    /// The step whose code `input` is, if that is one around `now` and later than `last_used`: a code is good once
    /// (RFC 6238 §5.2). Compared in constant time.
    #[must_use]
    pub fn step_of(&self, input: &str, now: DateTime<Utc>, last_used: Option<TimeStep>) -> Option<TimeStep> {
        let digits: String = input.chars().filter(|character| !character.is_whitespace()).collect();
        let seconds = u64::try_from(now.timestamp()).ok()?;
        let step = self.app("", "").check(&digits, seconds)?;
        let step = TimeStep(i64::try_from(step).ok()?);
        last_used.is_none_or(|last| step > last).then_some(step)
    }

    fn app(&self, issuer: &str, account: &str) -> Totp {
        Builder::new()
            .with_secret(*self.0)
            .with_skew(STEPS_AROUND)
            .with_issuer(Some(issuer))
            .with_account_name(account)
            .build_noncompliant()
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// RFC 6238, Appendix B, the rows for SHA-1; six digits are the last six of its eight.
    const VECTORS: [(i64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in VECTORS {
            assert_eq!(
                secret().step_of(&code[2..], at(seconds), None),
                Some(TimeStep(seconds / 30)),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_late_and_no_more() {
        for (seconds, code) in VECTORS {
            let (code, start) = (&code[2..], seconds / 30 * 30);
            for near in [start - 30, start, start + 59] {
                assert!(secret().step_of(code, at(near), None).is_some(), "{seconds} at {near}");
            }
            for far in [start - 31, start + 60] {
                assert!(secret().step_of(code, at(far), None).is_none(), "{seconds} at {far}");
            }
        }
    }

    #[test]
    fn a_code_is_good_once_and_kills_those_before_it() {
        let (now, step) = (at(59), TimeStep(1));
        assert_eq!(secret().step_of("287082", now, Some(TimeStep(0))), Some(step));
        assert_eq!(secret().step_of("287082", now, Some(step)), None);
        assert_eq!(secret().step_of("287082", now, Some(TimeStep(2))), None);
    }

    #[test]
    fn only_six_digits_are_a_code_however_they_are_grouped() {
        for good in ["287082", "287 082", " 287082\n"] {
            assert!(secret().step_of(good, at(59), None).is_some(), "{good:?}");
        }
        for bad in ["", "28708", "0287082", "94287082", "+87082", "28708２", "287-082"] {
            assert!(secret().step_of(bad, at(59), None).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn an_app_is_told_the_key_and_whose_it_is() {
        assert_eq!(secret().to_text().as_str(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let uri = secret().key_uri("Acme: TV & Co", "ada lovelace").unwrap();
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/Acme%20%20TV%20%26%20Co:ada%20lovelace\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%20TV%20%26%20Co"
        );
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", secret()), "TotpSecret(…)");
        let (one, other) = (TotpSecret::generate(&Random::system()), TotpSecret::generate(&Random::system()));
        assert_ne!(one.as_bytes(), other.as_bytes());
    }
}
