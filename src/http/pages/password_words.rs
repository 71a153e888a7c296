//! What a password must be, and why one cannot be chosen, in the same words on every page where one is.

use super::page_error::PageError;
use crate::domain::oauth_error::OAuthError;
use crate::domain::passwords::{MAX_CHARS, MIN_CHARS, PasswordError};
use crate::languages::{Language, Phrase};

/// Why a password cannot be chosen.
pub(super) fn unfit(language: Language, unfit: &PasswordError) -> Result<Phrase, PageError> {
    match unfit {
        PasswordError::Length => Ok(with_lengths(language.t("password-error-length"))),
        PasswordError::Username => Ok(language.t("password-error-username")),
        PasswordError::Common => Ok(language.t("password-error-common")),
        PasswordError::Busy(busy) => Err(OAuthError::from(*busy).into()),
        PasswordError::Hashing(_) => Err(OAuthError::fault(unfit).into()),
    }
}

/// A message with how long a password may be.
#[expect(clippy::cast_possible_wrap, reason = "some hundreds")]
pub(super) fn with_lengths(phrase: Phrase) -> Phrase {
    phrase.number("least", MIN_CHARS as i64).number("most", MAX_CHARS as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_words_of_its_own_in_every_language() {
        for language in Language::ALL {
            let said = [PasswordError::Length, PasswordError::Username, PasswordError::Common]
                .map(|reason| unfit(language, &reason).map(|phrase| phrase.plain()).unwrap_or_default());
            assert!(said[0].contains("15") && said[0].contains("256"), "{said:?}");
            assert!(!said[1].is_empty() && !said[2].is_empty() && said[1] != said[2], "{said:?}");
        }
    }
}
