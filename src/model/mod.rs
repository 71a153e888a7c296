//! The nouns and their legal moves. No async, no I/O, no clock: everything here can be tested with plain values.

pub mod access_token;
pub mod attempt_budget;
pub mod audit_event;
pub mod bearer_secret;
pub mod browser_session;
pub mod client;
pub mod device;
pub mod device_session;
pub mod ids;
pub mod jws;
pub mod key_set;
pub mod key_thumbprint;
pub mod policy;
pub mod public_address;
pub mod request_origin;
pub mod resource;
pub mod scope;
pub mod signing_key;
pub mod signing_key_life;
pub mod strict_json;
pub mod tenant;
pub mod token_family;
pub mod user;
pub mod user_code;
pub mod verifying_key;
pub mod webhook;
