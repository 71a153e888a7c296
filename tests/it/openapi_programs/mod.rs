//! What programs of other people make of `openapi/openapi.json`.

mod generated_client;
mod schemathesis;
