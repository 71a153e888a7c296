//! The few environment variables that the private cluster looks at.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What Postgres's own programs may see; Latchkey's secrets and any `PG…` setting stay out.
const PASSED_ON: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"];

/// A variable's value, where it is set and not empty.
pub(super) fn variable(name: &str) -> Option<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where programs and directories are is the system's to say"
    )]
    env::var_os(name).filter(|value| !value.is_empty())
}

/// A variable's value as an absolute path.
pub(super) fn absolute_path(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The whole environment of a Postgres server program.
pub(super) fn for_server() -> Vec<(OsString, OsString)> {
    let mut environment: Vec<_> =
        PASSED_ON.iter().filter_map(|name| Some((OsString::from(name), variable(name)?))).collect();
    // English messages: some of them are read here.
    environment.push(("LC_ALL".into(), "C".into()));
    environment
}

/// Names of the variables by which libpq could be led elsewhere.
pub(super) fn libpq_names() -> Vec<OsString> {
    env::vars_os().map(|(name, _)| name).filter(|name| is_libpq_name(name)).collect()
}

fn is_libpq_name(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"PG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libpq_names_are_taken_out() {
        assert!(is_libpq_name(OsStr::new("PGHOST")));
        assert!(!is_libpq_name(OsStr::new("PATH")));
    }
}
