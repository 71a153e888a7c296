//! The REST endpoints.

mod admin;
