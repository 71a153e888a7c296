//! What happens: one file for each thing that can happen, with its rule, its deed and the rule's tests.
//!
//! Every change of the database goes through here and writes its audit event in the same transaction.

pub mod access_tokens;
pub mod activity;
pub mod approval;
pub mod approval_notices;
pub mod audit;
pub mod audit_trail;
pub mod authenticate_client;
pub mod browser_sessions;
pub mod campaigns;
pub mod change_password;
pub mod client_credentials;
pub mod client_keys;
pub mod clients;
pub mod connection_lifetimes;
pub mod device_flow;
pub mod devices;
pub mod dpop;
pub mod first_administrator;
pub mod granting;
pub mod guards;
pub mod housekeeping;
pub mod introspect;
pub mod not_me;
pub mod oauth_error;
pub mod own_audiences;
pub mod password_links;
pub mod passwords;
pub mod person_claims;
pub mod policies;
pub mod refresh;
pub mod refusals;
pub mod resources;
pub mod revoke;
pub mod scopes;
pub mod second_factor;
pub mod sign_in;
pub mod signing_keys;
pub mod tenants;
mod testimony;
pub mod token_families;
pub mod tokens;
pub mod tokens_not_before;
pub mod users;
pub mod verifying_keys;
pub mod webhooks;
