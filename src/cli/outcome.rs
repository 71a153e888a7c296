//! What commands end with.

/// What a command ends with: any error is one sentence for the person who ran it, and exit code 1, or 3 for
/// [`GaveUpError`].
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A server stopped before it had finished everything that it had begun. The exit code is [`GaveUpError::EXIT_CODE`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stopped before everything was finished: server.shutdown_grace_seconds ran out")]
pub struct GaveUpError;

impl GaveUpError {
    /// Neither success, an error (1), nor wrong usage (2).
    pub const EXIT_CODE: u8 = 3;
}
