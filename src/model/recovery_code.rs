//! Recovery codes: what a person keeps on paper for the day their authenticator app is lost (NIST SP 800-63B-4
//! §3.1.2, look-up secrets).

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::user_code::{ALPHABET, MAX_INPUT_CHARS};
use crate::random::Random;

/// How many a person has at first.
pub const COUNT: usize = 10;
/// 20¹⁶: 69 bits. Longer than any user code, so that neither passes for the other.
const LENGTH: usize = 16;

/// A code in its normal form: capitals, no dashes. It does not print by accident and is wiped when dropped.
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self(Zeroizing::new(random.characters(ALPHABET, LENGTH)))
    }

    /// Reads what a person typed: case, spaces and dashes do not matter.
    #[must_use]
    pub fn parse(input: &str) -> Option<Self> {
        let mut code = Zeroizing::new(String::with_capacity(MAX_INPUT_CHARS));
        for character in input.nfkc().take(MAX_INPUT_CHARS).map(|character| character.to_ascii_uppercase()) {
            match u8::try_from(character) {
                Ok(byte) if ALPHABET.contains(&byte) => code.push(character),
                _ if character.is_alphanumeric() => return None,
                _ => {}
            }
        }
        (code.len() == LENGTH).then_some(Self(code))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Grouped for reading: `BCDF-GHJK-LMNP-QRST`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let groups: Vec<_> = self.0.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = RecoveryCode::generate(&Random::system());
        let shown = code.grouped();
        assert_eq!(shown.len(), 19);
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), code.as_str().to_owned()]
        {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().as_str(), code.as_str());
        }
    }

    #[test]
    fn nothing_else_is_a_code() {
        for other in
            ["", "287082", "BDJW-DSXQ", "BCDF-GHJK-LMNP-QRS", "BCDF-GHJK-LMNP-QRST-V", "BCDF-GHJK-LMNP-QRSE"]
        {
            assert!(RecoveryCode::parse(other).is_none(), "{other}");
        }
        assert!(RecoveryCode::parse(&"B".repeat(1000)).is_none());
    }

    #[test]
    fn a_code_does_not_print() {
        assert_eq!(format!("{:?}", RecoveryCode::generate(&Random::system())), "RecoveryCode(…)");
    }
}
