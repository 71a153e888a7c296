//! What an operator may set of the cluster.

use std::path::PathBuf;

/// Oldest major version of PostgreSQL that Latchkey runs.
pub const MINIMUM_MAJOR: u32 = 14;

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
