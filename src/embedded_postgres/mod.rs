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
mod status;

use std::path::PathBuf;

pub use client::{ClientProgram, client_command};
pub use cluster::{Cluster, Holding, Known};
pub use directory::default_data_dir;
pub use error::Error;
pub use postmaster::Ending;
pub use status::{Status, status};

/// Where the cluster is kept and how it is run.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// Directory of everything the cluster has on disk; made with mode 0700 where it does not exist.
    pub data_dir: PathBuf,
    /// Directory of `initdb` and `postgres`; `None` looks for them in the usual places.
    pub bin_dir: Option<PathBuf>,
    /// Connections that the database user `latchkey` may hold at once; three more are kept for the superuser.
    pub max_connections: u32,
    /// What a power failure may cost.
    pub durability: Durability,
}

/// What the cluster promises about committed data when the machine fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A committed transaction survives a power failure.
    #[default]
    Durable,
    /// Nothing is forced to disk: for tests, where the cluster is thrown away afterwards.
    Throwaway,
}
