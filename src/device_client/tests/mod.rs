pub(crate) mod server;
mod whole_flow;
