//! Whether an approval looks like phishing (RFC 8628 §5.4, RFC 10027 §6.1): the facts, the rule, and what a person
//! must do.
//!
//! Somebody starts a code and has another person approve it: the other person's browser and the device are then in
//! different places, the code came by a link, and many people get codes of the same source. None of that is proof, so
//! the rule asks for more the more it looks so.

pub mod assess;
pub mod facts;
pub mod finding;
pub mod judge;

pub use assess::{Approving, Assessment, assess};
pub use facts::{Facts, KeyStanding, Proximity, network_of};
pub use finding::{Finding, Reason};
pub use judge::{Step, may_connect_from};
