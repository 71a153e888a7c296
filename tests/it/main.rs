//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod availability;
mod client_keys_by_uri;
mod client_secrets;
mod command_line;
mod http_conventions;
mod http_cross_origin;
mod http_messages;
mod openid_id_tokens;
mod pages;
mod replicas;
mod rfc6749_client_authentication;
mod rfc6749_errors;
mod rfc6749_malformed_bodies;
mod rfc6749_refresh;
mod rfc6749_refresh_races;
mod rfc7517_jwks;
mod rfc7523_client_assertions;
mod rfc8414_metadata;
mod rfc8628;
mod rfc9068_access_tokens;
mod secrets_at_rest;
mod support;
mod tenants;
mod third_party_clients;
mod third_party_javascript;
mod trusted_proxies;
