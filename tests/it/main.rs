//! The tests that run a real server on a real database.
#![allow(unreachable_pub, missing_docs, reason = "nothing here is for anybody else")]

mod availability;
mod command_line;
mod http_conventions;
mod http_cross_origin;
mod http_messages;
mod openid_id_tokens;
mod pages;
mod replicas;
mod resource_servers;
mod rfc6749_client_authentication;
mod rfc6749_client_credentials;
mod rfc6749_errors;
mod rfc6749_malformed_bodies;
mod rfc6749_refresh;
mod rfc6749_refresh_grace;
mod rfc6749_refresh_races;
mod rfc7517_jwks;
mod rfc8414_metadata;
mod rfc8628;
mod rfc8707_audience;
mod rfc8707_resources;
mod rfc9068_access_tokens;
mod rfc9449_bound_tokens;
mod rfc9449_dpop;
mod rfc9449_malformed_proofs;
mod rfc9449_nonces;
mod rfc9449_replay;
mod secrets_at_rest;
mod signing_keys;
mod support;
mod tenants;
mod third_party_clients;
mod trusted_proxies;
