//! A device authorization client (RFC 8628) that works against any authorization server.
//!
//! [`discover`] finds the endpoints, [`DeviceFlow::start`] obtains the codes, [`wait_for_tokens`] polls until
//! a person decides.

mod answer;
mod assertion;
mod certificate;
mod claims;
mod description;
mod discovery;
mod dpop;
mod flow;
mod http;
mod identity;
mod key_file;
mod pacing;
mod printable;
mod qr;
mod tokens;
mod waiting;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub use answer::{OAuthError, PollAnswer, Polled};
pub use assertion::{ClientKey, ClientKeyError};
pub use claims::{decode_claims_unverified, summary_lines};
pub use description::DeviceDescription;
pub use discovery::{DiscoveryError, Metadata, discover};
pub use dpop::{DpopKey, DpopKeyError};
pub use flow::{Confirmation, DeviceAuthorization, DeviceFlow, FlowError};
pub use http::{Http, TransportError};
pub use identity::{ClientAuth, ClientIdentity, NoClientAuthError, Secret};
pub use pacing::LongPoll;
pub use printable::printable;
pub use qr::{Ink, qr_rows};
pub use tokens::TokenResponse;
pub use waiting::{Clock, SystemClock, wait_for_tokens};
