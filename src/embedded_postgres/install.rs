//! Installs Postgres by the system's own package manager, only ever on request.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use super::environment;
use super::error::Error;

/// Debian's package makes and starts a cluster of its own unless told otherwise before; the name sorts last, so that
/// no other file there overrides it. It is taken away again, because later installations are not Latchkey's business.
const DEBIAN_DROP_IN: &str = "/etc/postgresql-common/createcluster.d/zz-latchkey.conf";

/// A package manager that is able to install Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageSystem {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora, Red Hat and their kin.
    Dnf,
    Apk,
    /// Homebrew, on macOS or Linux.
    Brew,
}

impl PackageSystem {
    /// The package manager of this machine, where it is one of the known.
    #[must_use]
    pub fn detect() -> Option<Self> {
        [Self::Apt, Self::Dnf, Self::Apk, Self::Brew]
            .into_iter()
            .find(|system| is_installed(system.program()))
    }

    /// What a person would do on this machine to get Postgres, as part of a sentence.
    #[must_use]
    pub fn hint() -> &'static str {
        match Self::detect() {
            Some(Self::Apt) => "install it with `apt-get install postgresql`",
            Some(Self::Dnf) => "install it with `dnf install postgresql-server`",
            Some(Self::Apk) => "install it with `apk add postgresql`",
            Some(Self::Brew) => "install it with `brew install postgresql`",
            None => "install your system's PostgreSQL server package, or set database.postgres_bin_dir",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    fn steps(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Apt => &[
                &["apt-get", "update"],
                &[
                    "env",
                    "DEBIAN_FRONTEND=noninteractive",
                    "apt-get",
                    "install",
                    "-y",
                    "--no-install-recommends",
                    "postgresql",
                ],
            ],
            Self::Dnf => &[&["dnf", "install", "-y", "postgresql-server"]],
            Self::Apk => &[&["apk", "add", "postgresql"]],
            Self::Brew => &[&["brew", "install", "postgresql"]],
        }
    }
}

/// Installs Postgres and starts nothing; what the package manager writes goes to standard error.
pub fn install() -> Result<(), Error> {
    let system =
        PackageSystem::detect().ok_or_else(|| Error::NoPackageSystem { hint: PackageSystem::hint() })?;
    if system != PackageSystem::Apt {
        return run_all(system);
    }
    run_as_administrator(&["mkdir", "-p", "/etc/postgresql-common/createcluster.d"])?;
    run_as_administrator(&["sh", "-c", &format!("echo 'create_main_cluster = false' > {DEBIAN_DROP_IN}")])?;
    let outcome = run_all(system);
    let removed = run_as_administrator(&["rm", "-f", DEBIAN_DROP_IN]);
    outcome.and(removed)
}

fn run_all(system: PackageSystem) -> Result<(), Error> {
    system.steps().iter().try_for_each(|step| match system {
        // Homebrew refuses to run as root.
        PackageSystem::Brew => run(step),
        _ => run_as_administrator(step),
    })
}

fn run_as_administrator(words: &[&str]) -> Result<(), Error> {
    if rustix::process::geteuid().is_root() || !is_installed("sudo") {
        return run(words);
    }
    run(&[&["sudo"], words].concat())
}

fn run(words: &[&str]) -> Result<(), Error> {
    let failed = |outcome: String| Error::InstallFailed { command: words.join(" "), outcome };
    tracing::info!(command = words.join(" "), "installing PostgreSQL");
    // Latchkey's own standard output carries JSON.
    let status = Command::new(words[0])
        .args(&words[1..])
        .stdout(Stdio::from(io::stderr()))
        .status()
        .map_err(|cause| failed(cause.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

fn is_installed(program: &str) -> bool {
    let search_path = environment::variable("PATH").unwrap_or_default();
    std::env::split_paths(&search_path).any(|dir| is_executable(&dir.join(program)))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_installs_by_its_own_program() {
        for system in [PackageSystem::Apt, PackageSystem::Dnf, PackageSystem::Apk, PackageSystem::Brew] {
            assert!(system.steps().iter().all(|step| step.contains(&system.program())));
        }
    }

    #[test]
    fn a_program_is_known_by_its_executable_file() {
        assert!(is_executable(Path::new("/bin/sh")));
        assert!(!is_executable(Path::new("/etc/passwd")));
    }
}
