//! Passwords: Argon2id (RFC 9106), a bounded number at once, and the same work for an account that is not there.

use std::sync::LazyLock;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use zeroize::Zeroizing;

use crate::app::App;
use crate::hashing::{BusyError, MEMORY_KIB};
use crate::random::Random;

/// The shortest password: it is the only factor (NIST SP 800-63B-4 §3.1.1.2).
pub const MIN_CHARS: usize = 15;
/// The longest password that is looked at; nothing is cut off below.
pub const MAX_CHARS: usize = 256;

/// What people type when a long password is asked for: one of these, over and over.
const COMMON: [&str; 16] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "password1",
    "password123",
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "qwerty",
    "qwertz",
    "qwerty123",
    "letmein",
    "iloveyou",
    "abc123",
];
/// Or a piece of these.
const RUNS: [&str; 5] = [
    "01234567890123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm1234567890",
    "qwertzuiopasdfghjklyxcvbnm1234567890",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];

/// Why a password cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("a password must have 15 to 256 characters")]
    Length,
    #[error("the password must not be the username")]
    Username,
    /// It is among the first that guessers try.
    #[error("this password is too easy to guess")]
    Common,
    /// Too many passwords wait to be hashed.
    #[error(transparent)]
    Busy(#[from] BusyError),
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
}

#[derive(Debug)]
pub enum Checked {
    /// The password is right; when its hash is weaker than today's, here is a new one.
    Right {
        /// A hash with today's parameters.
        rehashed: Option<String>,
    },
    /// It is wrong, or there is no such account.
    Wrong,
}

/// 19 MiB, two passes, one lane: the least that OWASP ASVS App. C accepts, so that sign-ins stay cheap to serve.
fn current() -> Params {
    Params::new(MEMORY_KIB, 2, 1, None).expect("these parameters are within Argon2's bounds")
}

/// What an account that is not there is checked against. No password fits it.
static DECOY: LazyLock<PasswordHash> =
    LazyLock::new(|| phc(&[0; 16], &[0; Params::DEFAULT_OUTPUT_LEN]).expect("the lengths are legal"));

/// A hash with today's parameters.
fn phc(salt: &[u8], output: &[u8]) -> password_hash::Result<PasswordHash> {
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&current())?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    })
}

/// Hashes a password that the person `username` chooses, if it can be chosen.
pub async fn choose(app: &App, password: &str, username: &str) -> Result<String, PasswordError> {
    must_be_fit(password, username)?;
    let (password, random) = (Zeroizing::new(password.to_owned()), app.random.clone());
    let hashed = app.hashing.run(move |memory| hash(&password, &random, memory)).await?;
    hashed.unwrap_or_else(|| Err(PasswordError::Hashing("the work panicked".to_owned())))
}

/// The rule: long, not the name, and not known to everybody (NIST SP 800-63B-4 §3.1.1.2). Letters and digits may mix as
/// they like.
fn must_be_fit(password: &str, username: &str) -> Result<(), PasswordError> {
    if !(MIN_CHARS..=MAX_CHARS).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let folded = password.to_lowercase();
    if repeats(&folded, &username.to_lowercase()) {
        return Err(PasswordError::Username);
    }
    if RUNS.iter().any(|run| run.contains(&folded)) || COMMON.iter().any(|word| repeats(&folded, word)) {
        return Err(PasswordError::Common);
    }
    // One to four characters over and over.
    let shortest: String = folded.chars().take(4).collect();
    let periods = shortest.char_indices().map(|(at, character)| &shortest[..at + character.len_utf8()]);
    if periods.into_iter().any(|period| repeats(&folded, period)) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// Whether `text` is `word`, over and over, the last time perhaps cut short.
fn repeats(text: &str, word: &str) -> bool {
    !word.is_empty() && text.chars().eq(word.chars().cycle().take(text.chars().count()))
}

fn hash(password: &str, random: &Random, memory: &mut [Block]) -> Result<String, PasswordError> {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    hash_with(password, &salt, memory).map_err(|error| PasswordError::Hashing(error.to_string()))
}

fn hash_with(password: &str, salt: &[u8], memory: &mut [Block]) -> password_hash::Result<String> {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, current()).hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        &mut output,
        memory,
    )?;
    Ok(phc(salt, &output)?.to_string())
}

/// Checks a password against the hash of an account, or against nothing in the same time.
///
/// # Errors
/// Too many passwords wait to be hashed.
pub async fn check(
    app: &App,
    password: Zeroizing<String>,
    stored: Option<String>,
) -> Result<Checked, BusyError> {
    let random = app.random.clone();
    let checked =
        app.hashing.run(move |memory| verify(&password, stored.as_deref(), &random, memory)).await?;
    Ok(checked.unwrap_or(Checked::Wrong))
}

fn verify(password: &str, stored: Option<&str>, random: &Random, memory: &mut [Block]) -> Checked {
    let known = stored.and_then(|stored| PasswordHash::new(stored).ok());
    let too_long = password.chars().nth(MAX_CHARS).is_some();
    let offered = if too_long { "" } else { password };
    let fits = fits(offered.as_bytes(), known.as_ref().unwrap_or(&DECOY), memory);
    match known {
        Some(known) if fits && !too_long => {
            let current = current();
            let outdated = Params::try_from(&known)
                .is_ok_and(|params| params.m_cost() < current.m_cost() || params.t_cost() < current.t_cost());
            Checked::Right { rehashed: outdated.then(|| hash(password, random, memory).ok()).flatten() }
        }
        _ => Checked::Wrong,
    }
}

/// Returns `true` if the password fits the hash. Compares in constant time.
fn fits(password: &[u8], known: &PasswordHash, memory: &mut [Block]) -> bool {
    let (Some(salt), Some(expected)) = (&known.salt, &known.hash) else { return false };
    let Ok(algorithm) = Algorithm::try_from(known.algorithm.as_str()) else { return false };
    let Ok(version) = known.version.map_or(Ok(Version::default()), Version::try_from) else { return false };
    let Ok(params) = Params::try_from(known) else { return false };
    let (block_count, hasher) = (params.block_count(), Argon2::new(algorithm, version, params));
    let mut output = vec![0; expected.len()];
    let computed = if block_count <= memory.len() {
        hasher.hash_password_into_with_memory(password, salt, &mut output, memory)
    } else {
        // It was stored with higher parameters than today's.
        hasher.hash_password_into(password, salt, &mut output)
    };
    computed.is_ok() && Output::new(&output).is_ok_and(|output| output == *expected)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher;

    use super::*;

    fn memory() -> Vec<Block> {
        vec![Block::new(); MEMORY_KIB as usize]
    }

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let (random, memory) = (Random::system(), &mut memory());
        let stored = hash("correct horse battery", &random, memory).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(matches!(
            verify("correct horse battery", Some(&stored), &random, memory),
            Checked::Right { rehashed: None }
        ));
        for (password, stored) in [
            ("correct horse batterz", Some(&*stored)),
            ("correct horse battery", None),
            ("correct horse battery", Some("")),
            ("", Some("")),
        ] {
            assert!(matches!(verify(password, stored, &random, memory), Checked::Wrong), "{stored:?}");
        }
    }

    #[test]
    fn a_hash_is_the_same_in_used_memory_and_by_the_library() {
        let (salt, memory) = ([7; 16], &mut memory());
        hash("another password entirely", &Random::system(), memory).unwrap();
        let own = hash_with("correct horse battery", &salt, memory).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, current());
        let others = argon2.hash_password_with_salt(b"correct horse battery", &salt).unwrap();
        assert_eq!(own, others.to_string());
    }

    #[test]
    fn a_weaker_hash_is_renewed_and_a_stronger_one_is_kept() {
        for (kib, is_renewed) in [(8 * 1024, true), (MEMORY_KIB + 1024, false)] {
            let params = Params::new(kib, 2, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let stored = argon2.hash_password_with_salt(b"correct horse battery", &[7; 16]).unwrap();
            let checked =
                verify("correct horse battery", Some(&stored.to_string()), &Random::system(), &mut memory());
            let Checked::Right { rehashed } = checked else { panic!("the password was not accepted") };
            assert_eq!(rehashed.is_some_and(|renewed| renewed.contains("m=19456")), is_renewed);
        }
    }

    #[test]
    fn short_and_endless_passwords_cannot_be_chosen() {
        let fit = |password: &str| must_be_fit(password, "ada");
        assert!(matches!(fit("fourteen chars"), Err(PasswordError::Length)));
        assert!(matches!(fit(&"long enough ".repeat(22)), Err(PasswordError::Length)));
        assert!(fit("пароль из слов и ещё").is_ok());
    }

    #[test]
    fn neither_the_name_nor_what_everybody_knows_can_be_chosen() {
        for name in ["Ada Lovelace King", "adalovelace"] {
            let typed = name.to_uppercase().repeat(2);
            assert!(matches!(must_be_fit(&typed, name), Err(PasswordError::Username)), "{typed}");
        }
        for common in [
            "passwordpassword",
            "Password123Password123",
            "123456789012345",
            "qwertyuiopasdfg",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcdabcdabcdabcd",
            "1q1q1q1q1q1q1q1q",
            "1qaz2wsx3edc4rfv",
        ] {
            assert!(matches!(must_be_fit(common, "ada"), Err(PasswordError::Common)), "{common}");
        }
        for good in ["correct horse battery", "password of my grandmother", "ada and the engine"] {
            assert!(must_be_fit(good, "ada").is_ok(), "{good}");
        }
    }
}
