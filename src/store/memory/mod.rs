//! What one server remembers for itself, and loses when it stops.

pub mod key_ring;
pub mod looks;
pub mod lost_answers;
pub mod lost_starts;
pub mod published_keys;
pub mod sealing_watch;
pub mod settlements;
pub mod verifying_keys;
pub mod waiting_polls;
