//! What a password must be, and why one cannot be chosen, in the same words on every page where one is.

use super::refusal::PageRefusal;
use crate::domain::oauth_error::OAuthError;
use crate::domain::passwords::{MAX_CHARS, MIN_CHARS, UnfitPassword};
use crate::languages::{Language, Phrase};

/// Why a password cannot be chosen.
pub(super) fn unfit(language: Language, unfit: &UnfitPassword) -> Result<Phrase, PageRefusal> {
    match unfit {
        UnfitPassword::Length => Ok(with_lengths(language.t("password-error-length"))),
        UnfitPassword::Username => Ok(language.t("password-error-username")),
        UnfitPassword::Common => Ok(language.t("password-error-common")),
        UnfitPassword::Busy(busy) => Err(OAuthError::from(*busy).into()),
        UnfitPassword::Hashing(_) => Err(OAuthError::fault(unfit).into()),
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
            let said = [UnfitPassword::Length, UnfitPassword::Username, UnfitPassword::Common]
                .map(|reason| unfit(language, &reason).map(|phrase| phrase.plain()).unwrap_or_default());
            assert!(said[0].contains("15") && said[0].contains("256"), "{said:?}");
            assert!(!said[1].is_empty() && !said[2].is_empty() && said[1] != said[2], "{said:?}");
        }
    }
}
