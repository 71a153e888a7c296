//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod rfc6749_client_authentication;
mod rfc6749_errors;
mod rfc6749_malformed_bodies;
mod rfc6749_refresh;
mod rfc6749_refresh_races;
mod rfc8628;
mod support;
