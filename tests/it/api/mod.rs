//! The endpoints for programs that are no OAuth clients, by their addresses.

mod consent;
mod consent_refusals;
