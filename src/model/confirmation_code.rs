//! Confirmation codes: what the approval page shows and the device must send, so that the approver must have the device
//! in front of them. The reverse of the user code.

use std::fmt;

use subtle::ConstantTimeEq;

use super::user_code::ALPHABET;

/// The length of a code, in characters. With [`MAX_WRONG_CONFIRMATIONS`] guesses, the chance to hit it is 3 / 20³, one
/// in 2,600, for each approval that a user was tricked into.
pub const LENGTH: usize = 3;
/// How many wrong codes a device may send before the approval is revoked.
pub const MAX_WRONG_CONFIRMATIONS: i16 = 3;
/// The longest input that is looked at, in characters.
const MAX_INPUT_CHARS: usize = 16;

/// A code, in capitals of the user codes' alphabet.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmationCode(String);

impl ConfirmationCode {
    /// The code that a MAC stands for. A MAC is longer than the code by so much that each code is as likely as any other.
    #[must_use]
    pub fn of_mac(mac: [u8; 32]) -> Self {
        let radix = ALPHABET.len() as u64;
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = mac;
        let mut number = u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
        let characters = (0..LENGTH).map(|_| {
            let digit = usize::try_from(number % radix).unwrap_or_default();
            number /= radix;
            char::from(ALPHABET.get(digit).copied().unwrap_or(b'?'))
        });
        Self(characters.collect())
    }

    /// Reads what a device sent, ignoring case, spaces and dashes. Anything else reads as a wrong code.
    #[must_use]
    pub fn read(input: &str) -> Self {
        let letters = input.chars().take(MAX_INPUT_CHARS).filter(|character| character.is_alphanumeric());
        Self(letters.map(|character| character.to_ascii_uppercase()).collect())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns `true` if two MACs are equal, in constant time.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// It is a secret while the device has not sent it.
impl fmt::Debug for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmationCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_unambiguous_characters_however_it_is_typed() {
        for filling in 0..=u8::MAX {
            let code = ConfirmationCode::of_mac([filling; 32]);
            assert_eq!(code.as_str().len(), LENGTH);
            assert!(code.as_str().bytes().all(|byte| ALPHABET.contains(&byte)), "{filling}");
        }
        for typed in ["bdj", " B D J ", "b-d-j\n", "BDJ"] {
            assert_eq!(ConfirmationCode::read(typed).as_str(), "BDJ", "{typed:?}");
        }
        assert_ne!(ConfirmationCode::read("BDJB").as_str(), "BDJ");
        assert_eq!(ConfirmationCode::read(&"B".repeat(1 << 20)).as_str().len(), MAX_INPUT_CHARS);
    }
}
