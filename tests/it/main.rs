//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod availability;
mod command_line;
mod http_conventions;
mod http_cross_origin;
mod http_messages;
mod lifecycle_cascades;
mod openid_id_tokens;
mod openid_userinfo;
mod pages;
mod replicas;
mod rfc6749_client_authentication;
mod rfc6749_errors;
mod rfc6749_malformed_bodies;
mod rfc6749_refresh;
mod rfc6749_refresh_races;
mod rfc7009_revocation;
mod rfc7517_jwks;
mod rfc7662_introspection;
mod rfc8414_metadata;
mod rfc8628;
mod rfc9068_access_tokens;
mod secrets_at_rest;
mod support;
mod tenants;
mod third_party_clients;
mod trusted_proxies;
