//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod pages;
mod rfc8628;
mod support;
mod trusted_proxies;
