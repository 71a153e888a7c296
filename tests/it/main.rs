//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod command_line;
mod replicas;
mod rfc8628;
mod support;
mod third_party_clients;
