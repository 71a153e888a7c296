//! The pages of this folder as typed views over the templates beside this file.

use askama::Template;

use crate::http::pages::views::{NextStep, PageFrame};
use crate::languages::Phrase;

/// What there is.
#[derive(Debug, Clone, Template)]
#[template(path = "account/security/overview.html", config = ".askama.toml")]
pub struct SecurityPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// How many recovery codes are left; `None`: there is no second factor.
    pub recovery_codes: Option<i64>,
}

/// Setting up an app.
#[derive(Debug, Clone, Template)]
#[template(path = "account/security/authenticator.html", config = ".askama.toml")]
pub struct AuthenticatorPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The key, once it was made.
    pub key: Option<KeyToScan>,
    /// Why the code was not accepted.
    pub error: Option<Phrase>,
}

/// The key of an app, in the two ways it gets there.
#[derive(Clone)]
pub struct KeyToScan {
    /// As a picture: an SVG element of our own making.
    pub qr: String,
    /// As text to type.
    pub text: String,
}

impl std::fmt::Debug for KeyToScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyToScan(…)")
    }
}

/// Recovery codes, shown this once.
#[derive(Clone, Template)]
#[template(path = "account/security/recovery_codes.html", config = ".askama.toml")]
pub struct RecoveryCodesPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The codes, grouped for reading.
    pub codes: Vec<String>,
    /// Where to go from here.
    pub next: NextStep,
}

impl std::fmt::Debug for RecoveryCodesPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodesPage(…)")
    }
}

/// Choosing another password.
#[derive(Debug, Clone, Template)]
#[template(path = "account/security/password.html", config = ".askama.toml")]
pub struct PasswordPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// Whose password it is, for password managers.
    pub username: String,
    /// How long a password is.
    pub hint: Phrase,
    /// Why it was not changed.
    pub error: Option<Phrase>,
}
