//! The REST endpoints.

mod account_clients;
mod admin_catalogue;
mod admin_clients;
mod catalogue;
