//! Latchkey, an OAuth 2.0 device-authorization server (RFC 8628).
//!
//! Four floors, each of which uses only those below it:
//! [`http`] → [`domain`] → [`store`] → [`model`]. `tests/architecture` proves it.
//!
//! Beside the floors: [`app`] puts the program together, [`config`] says how it may be set, [`cli`] is its
//! command line, [`clock`], [`random`] and [`secrets`] are its only sources of time, chance and keys,
//! [`outbound`] is the only way out to addresses that others name, [`geo`] knows where addresses are,
//! [`descriptors`] divides the limit on open files, [`noted`] has what the log says of a request,
//! [`mail`] writes to people, [`themes`] knows how tenants' pages look,
//! [`embedded_postgres`] runs a database for those who bring none, [`device_client`] is the other side of the
//! protocol: what a device does.

#![deny(rustdoc::broken_intra_doc_links)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the documentation is built with private items: `just rustdoc`"
)]

pub mod app;
#[cfg(doc)]
#[doc = include_str!("../docs/architecture.md")]
pub mod architecture {}
pub mod background;
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "help texts name sections of the settings, such as [policy]"
)]
pub mod cli;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod device_client;
pub mod domain;
pub mod embedded_postgres;
pub mod geo;
pub mod hashing;
pub mod http;
pub mod languages;
pub mod mail;
pub mod model;
pub mod noted;
pub mod outbound;
pub mod random;
pub mod secrets;
pub mod smtp;
pub mod store;
pub mod themes;
