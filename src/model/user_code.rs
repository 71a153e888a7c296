//! User codes (RFC 8628 §6.1): what a person reads on a device and types on a phone.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::random::Random;

/// Twenty consonants: no vowels, so no words; no digits, so nothing to mix up (RFC 8628 §6.1).
pub const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
pub const MIN_LENGTH: usize = 8;
pub const MAX_LENGTH: usize = 12;
/// The longest input that is looked at, in characters.
pub const MAX_INPUT_CHARS: usize = 64;
/// Failed entries allowed in a tenant within one code lifetime (RFC 8628 §5.1).
pub const GUESSES_PER_LIFETIME: u32 = 1_000;
/// How likely all those guesses together may be to hit any live code.
const ACCEPTED_CHANCE: f64 = 1e-5;

/// A code in its normal form: capitals of the alphabet, no dashes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserCode(String);

/// The input is no code of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid user code")]
pub struct UserCodeError;

impl UserCode {
    /// A new code of `length` characters, every one equally likely.
    #[must_use]
    pub fn sample(length: usize, random: &Random) -> Self {
        Self(random.characters(ALPHABET, length))
    }

    /// Reads what a person typed: case, spaces, dashes of any script, full-width letters and invisible
    /// characters do not matter; any other letter or digit makes it no code.
    pub fn parse(input: &str) -> Result<Self, UserCodeError> {
        if input.chars().nth(MAX_INPUT_CHARS).is_some() {
            return Err(UserCodeError);
        }
        let mut code = String::with_capacity(MAX_LENGTH);
        for character in input.nfkc().map(|character| character.to_ascii_uppercase()) {
            match u8::try_from(character) {
                Ok(byte) if ALPHABET.contains(&byte) => code.push(character),
                _ if character.is_alphanumeric() || character == '\0' => return Err(UserCodeError),
                _ => {}
            }
        }
        if (MIN_LENGTH..=MAX_LENGTH).contains(&code.len()) { Ok(Self(code)) } else { Err(UserCodeError) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Grouped for reading: `BDJW-DSXQ`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.0.len() {
            9 => 3,
            10 => 5,
            _ => 4,
        };
        for (index, character) in self.0.chars().enumerate() {
            if index > 0 && index % group == 0 {
                f.write_str("-")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

/// Codes are secrets while they live.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// How long new codes must be while `live` codes wait in the tenant: the smallest n ≥ 8 for which
/// [`GUESSES_PER_LIFETIME`] × live / 20ⁿ stays below one in a hundred thousand (RFC 8628 §5.1).
#[must_use]
pub fn length_for(live: u64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let exposure = f64::from(GUESSES_PER_LIFETIME) * live as f64;
    (MIN_LENGTH..MAX_LENGTH)
        .zip(std::iter::successors(Some(20_f64.powi(8)), |codes| Some(codes * 20.0)))
        .find(|(_, codes)| exposure <= ACCEPTED_CHANCE * codes)
        .map_or(MAX_LENGTH, |(length, _)| length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(input: &str) -> Option<String> {
        UserCode::parse(input).ok().map(|code| code.0)
    }

    #[test]
    fn case_dashes_spaces_and_width_do_not_matter() {
        for input in [
            "BDJWDSXQ",
            "bdjw-dsxq",
            " bdjw dsxq\t\n",
            "BDJW\u{2014}DSXQ",
            "BDJW\u{2011}DSXQ",
            "ＢＤＪＷ－ＤＳＸＱ",
            "\u{feff}BD\u{200b}JW\u{200d}DSXQ",
            "B.D.J.W/D_S,X;Q",
        ] {
            assert_eq!(parsed(input).as_deref(), Some("BDJWDSXQ"), "{input:?}");
        }
    }

    #[test]
    fn a_foreign_letter_or_digit_makes_it_no_code_instead_of_another_code() {
        for input in [
            "BDJW-DSXO",
            "BDJW-DSX0",
            "1BDJWDSXQ",
            "BDJWDSXQé",
            "BDJWDßQX",
            "БDJWDSXQ",
            "BDJW\u{0}DSXQ",
            "BDJWDSX١Q",
        ] {
            assert_eq!(parsed(input), None, "{input:?}");
        }
    }

    #[test]
    fn length_is_bounded_on_both_sides() {
        assert_eq!(parsed("BDJWDSX"), None);
        assert_eq!(parsed(""), None);
        assert_eq!(parsed("BDJWDSXQBDJWB"), None);
        assert_eq!(parsed(&"-".repeat(65)), None);
        assert!(parsed(&format!("{}BDJWDSXQ", "-".repeat(56))).is_some());
        assert_eq!(parsed(&"B".repeat(1 << 20)), None);
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        let code = UserCode::parse("bdjw-dsxq").unwrap();
        assert_eq!(UserCode::parse(&code.to_string()).unwrap(), code);
        assert_eq!(UserCode::parse(code.as_str()).unwrap(), code);
    }

    #[test]
    fn codes_are_shown_in_groups() {
        let shown = |length| UserCode("B".repeat(length)).to_string();
        assert_eq!(shown(8), "BBBB-BBBB");
        assert_eq!(shown(9), "BBB-BBB-BBB");
        assert_eq!(shown(10), "BBBBB-BBBBB");
        assert_eq!(shown(12), "BBBB-BBBB-BBBB");
    }

    #[test]
    fn codes_grow_with_the_number_of_live_ones() {
        assert_eq!(length_for(0), 8);
        assert_eq!(length_for(256), 8);
        assert_eq!(length_for(257), 9);
        assert_eq!(length_for(5_120), 9);
        assert_eq!(length_for(5_121), 10);
        assert_eq!(length_for(102_400), 10);
        assert_eq!(length_for(102_401), 11);
        assert_eq!(length_for(2_048_000), 11);
        assert_eq!(length_for(u64::from(u32::MAX)), 12);
    }
}
