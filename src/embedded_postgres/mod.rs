//! A private Postgres cluster, made and run by Latchkey itself from the Postgres programs on the machine.
//!
//! It lives in one directory, listens on a Unix socket only, and outlives a killed Latchkey: the next start adopts it.

mod account;
mod client;
mod cluster;
mod directory;
mod environment;
mod error;
pub mod finder;
mod identity;
mod initialise;
pub mod install;
mod layout;
mod lock;
mod log_file;
mod owned_file;
mod pid_file;
mod postmaster;
mod readiness;
mod server_settings;
mod settings;
mod status;

pub use client::{ClientProgram, client_command};
pub use cluster::{Cluster, Holding, Known};
pub use directory::default_data_dir;
pub use error::Error;
pub use postmaster::Ending;
pub use settings::{ClusterSettings, Durability, MINIMUM_MAJOR};
pub use status::{Status, status};
