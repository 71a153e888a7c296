//! Postgres's client programs, led to the private cluster.

use std::process::Command;

use super::error::Error;
use super::finder::{self, Installation};
use super::layout::{Layout, PORT};
use super::server_settings::LATCHKEY;
use super::settings::ClusterSettings;
use super::{environment, initialise};

/// A client program that comes with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientProgram {
    /// `psql`, the interactive terminal.
    Psql,
    /// `pg_dump`, which writes the database out.
    PgDump,
}

impl ClientProgram {
    fn file_name(self) -> &'static str {
        match self {
            Self::Psql => "psql",
            Self::PgDump => "pg_dump",
        }
    }
}

/// The program of the cluster's own version, with the environment that leads it to Latchkey's database.
///
/// It runs as the present user and takes the caller's further arguments; the cluster has to be running. Only the
/// user that owns the cluster, and root, are let in.
pub fn client_command(settings: &ClusterSettings, program: ClientProgram) -> Result<Command, Error> {
    let layout = Layout::new(&settings.data_dir)?;
    let path = programs(settings, &layout)?.bin_dir.join(program.file_name());
    if !path.is_file() {
        return Err(Error::ClientProgramMissing { path });
    }
    let mut command = Command::new(path);
    for name in environment::libpq_names() {
        command.env_remove(name);
    }
    command.env("PGHOST", &layout.socket_dir).env("PGPORT", PORT.to_string());
    command.env("PGUSER", LATCHKEY).env("PGDATABASE", LATCHKEY);
    Ok(command)
}

/// The programs that fit the existing data, or the preferred ones where there is none.
pub(super) fn programs(settings: &ClusterSettings, layout: &Layout) -> Result<Installation, Error> {
    let found = finder::find_all(settings.bin_dir.as_deref())?;
    choose(found, initialise::data_version(&layout.cluster_dir)?).map_err(|(programs, data)| {
        Error::VersionMismatch { dir: layout.cluster_dir.clone(), data, programs }
    })
}

fn choose(found: Vec<Installation>, data: Option<u32>) -> Result<Installation, (String, u32)> {
    let versions = found.iter().map(|one| one.version.text.clone()).collect::<Vec<_>>().join(", ");
    let fits = |one: &Installation| data.is_none_or(|major| one.version.major == major);
    found.into_iter().find(fits).ok_or((versions, data.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::finder::Version;
    use super::*;

    fn installed(major: u32) -> Installation {
        let version = Version { major, text: format!("{major}.1") };
        Installation { bin_dir: format!("/usr/lib/postgresql/{major}/bin").into(), version }
    }

    #[test]
    fn existing_data_decides_the_version() {
        let found = || vec![installed(17), installed(15)];
        assert_eq!(choose(found(), Some(15)), Ok(installed(15)));
        assert_eq!(choose(found(), None), Ok(installed(17)));
        assert_eq!(choose(found(), Some(16)), Err(("17.1, 15.1".to_owned(), 16)));
    }
}
