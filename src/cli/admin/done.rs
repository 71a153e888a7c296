//! What administrative commands end with.

use serde_json::Value;

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of a command, as text and as JSON.
pub(super) type Done = Result<(String, Value), Error>;
