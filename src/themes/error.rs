//! Why a theme cannot be used.

use std::io;

/// The folder of the default tenant, whose slug is empty. No slug has an underscore.
pub(super) const ROOT: &str = "_root";

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("the directory name must be `{ROOT}` or a tenant slug")]
    NoTenant,
    /// A file is missing or cannot be read.
    #[error("{file}: {error}")]
    File { file: String, error: io::Error },
    /// `theme.toml` is not written as it must be.
    #[error("theme.toml: {0}")]
    Unreadable(String),
    /// Two colours are too much alike (WCAG 2.2, 1.4.3 and 1.4.11).
    #[error("{scheme}: {front} on {back} has a contrast of {found:.2}:1 and needs {needed}:1 (WCAG 2.2 AA)")]
    Contrast {
        /// `light` or `dark`.
        scheme: &'static str,
        /// What stands in front, with its colour.
        front: String,
        /// What it stands on, with its colour.
        back: String,
        /// How much it has, cut off after two decimals.
        found: f64,
        needed: f64,
    },
    /// The logo is no picture that can be shown.
    #[error("{file}: {problem}")]
    Picture { file: String, problem: &'static str },
}
