//! Finds Postgres's server programs on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt, fs};

use super::environment;
use super::error::Error;
use super::install::PackageSystem;
use super::settings::MINIMUM_MAJOR;

/// Places outside `PATH`, in the order in which they are tried; `*` stands for any text, newest version first.
const USUAL_PLACES: [&str; 11] = [
    "usr/lib/postgresql/*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "opt/homebrew/bin",
    "usr/local/pgsql/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
    "usr/lib/postgresql*/bin",
    "usr/lib64/postgresql*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "opt/local/lib/postgresql*/bin",
];

/// A Postgres version, such as 15.13.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The number that decides which data directories the programs can read.
    pub major: u32,
    /// The version as the program writes it, such as `15.13` or `17rc1`.
    pub text: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A directory with runnable Postgres server programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Directory of `initdb` and `postgres`.
    pub bin_dir: PathBuf,
    pub version: Version,
}

/// The programs that a new cluster would be made with: those in `bin_dir` where it is set, else the first found.
pub fn find(bin_dir: Option<&Path>) -> Result<Installation, Error> {
    Ok(find_all(bin_dir)?.swap_remove(0))
}

/// Every usable installation, the preferred one first; never empty.
pub fn find_all(bin_dir: Option<&Path>) -> Result<Vec<Installation>, Error> {
    let explicit = match bin_dir {
        None => None,
        Some(dir) => Some(inspect(dir).ok_or_else(|| Error::BinDirWithoutPrograms { dir: dir.to_owned() })?),
    };
    if let Some(installation) = &explicit
        && installation.version.major < MINIMUM_MAJOR
    {
        return Err(too_old(installation));
    }
    let elsewhere = candidates(Path::new("/"), &search_path(), pg_config_dir());
    let found: Vec<_> = explicit.into_iter().chain(elsewhere.iter().filter_map(|dir| inspect(dir))).collect();
    let (usable, old): (Vec<_>, Vec<_>) =
        without_repeats(found).into_iter().partition(|one| one.version.major >= MINIMUM_MAJOR);
    match (usable.is_empty(), old.first()) {
        (false, _) => Ok(usable),
        (true, Some(installation)) => Err(too_old(installation)),
        (true, None) => Err(Error::ProgramsNotFound { hint: PackageSystem::hint() }),
    }
}

fn too_old(installation: &Installation) -> Error {
    Error::ProgramsTooOld { found: installation.version.text.clone(), dir: installation.bin_dir.clone() }
}

fn search_path() -> Vec<PathBuf> {
    environment::variable("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn pg_config_dir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim())).filter(|dir| output.status.success() && dir.is_absolute())
}

/// Directories that hold both programs: those of `PATH`, then `pg_config`'s, then the usual places below `root`.
fn candidates(root: &Path, search_path: &[PathBuf], pg_config: Option<PathBuf>) -> Vec<PathBuf> {
    let usual = USUAL_PLACES.iter().flat_map(|place| expand(root, place));
    search_path
        .iter()
        .filter(|dir| dir.is_absolute())
        .cloned()
        .chain(pg_config)
        .chain(usual)
        .filter(|dir| holds_both(dir))
        .collect()
}

/// The directories that a pattern with at most one `*` stands for, those with the highest number first.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut parts = pattern.split('/');
    let mut dir = root.to_owned();
    for part in parts.by_ref() {
        let Some((before, after)) = part.split_once('*') else {
            dir.push(part);
            continue;
        };
        let rest: PathBuf = parts.collect();
        let mut names: Vec<String> = fs::read_dir(&dir)
            .map(|entries| {
                entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
            })
            .unwrap_or_default();
        names.retain(|name| name.starts_with(before) && name.ends_with(after));
        names.sort_by_key(|name| std::cmp::Reverse(numbers_in(name)));
        return names.into_iter().map(|name| dir.join(name).join(&rest)).collect();
    }
    vec![dir]
}

fn numbers_in(name: &str) -> Vec<u32> {
    name.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// Takes out directories that are another name of an earlier one.
fn without_repeats(installations: Vec<Installation>) -> Vec<Installation> {
    let mut kept: Vec<Installation> = Vec::new();
    for installation in installations {
        if kept.iter().all(|one| one.bin_dir != installation.bin_dir) {
            kept.push(installation);
        }
    }
    kept
}

fn inspect(dir: &Path) -> Option<Installation> {
    let bin_dir = real_dir(dir)?;
    let output =
        Command::new(bin_dir.join("postgres")).arg("--version").stdin(Stdio::null()).output().ok()?;
    let version = parse_version(&String::from_utf8(output.stdout).ok()?)?;
    Some(Installation { bin_dir, version })
}

/// The directory behind links to single programs, such as those in `/usr/bin`: all the programs are there.
fn real_dir(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("postgres").canonicalize().ok()?;
    let behind = program.parent()?;
    if holds_both(behind) {
        Some(behind.to_owned())
    } else {
        dir.canonicalize().ok().filter(|dir| holds_both(dir))
    }
}

fn holds_both(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}

/// Reads a line like `postgres (Postgres) 15.13 (Debian 15.13-0+deb12u1)`.
fn parse_version(line: &str) -> Option<Version> {
    let text = line.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
    let digits = text.split(|character: char| !character.is_ascii_digit()).next()?;
    Some(Version { major: digits.parse().ok()?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, dirs: &[&str]) -> PathBuf {
        let root = env::temp_dir().join(format!("latchkey-finder-{name}-{}", std::process::id()));
        for dir in dirs {
            fs::create_dir_all(root.join(dir)).unwrap();
            fs::write(root.join(dir).join("initdb"), "").unwrap();
            fs::write(root.join(dir).join("postgres"), "").unwrap();
        }
        root
    }

    #[test]
    fn versions_are_read_from_every_kind_of_line() {
        let major = |line| parse_version(line).map(|version| (version.major, version.text));
        assert_eq!(
            major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"),
            Some((15, "15.13".to_owned()))
        );
        assert_eq!(major("postgres (PostgreSQL) 17rc1\n"), Some((17, "17rc1".to_owned())));
        assert_eq!(major("postgres (PostgreSQL) 18.1"), Some((18, "18.1".to_owned())));
        assert_eq!(major("no such thing"), None);
    }

    #[test]
    fn the_newest_of_a_place_comes_first_by_number() {
        let root = tree("newest", &["usr/lib/postgresql/9.6/bin", "usr/lib/postgresql/16/bin"]);
        assert_eq!(
            expand(&root, "usr/lib/postgresql/*/bin"),
            [root.join("usr/lib/postgresql/16/bin"), root.join("usr/lib/postgresql/9.6/bin")]
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_linked_program_leads_to_its_own_directory() {
        let root = tree("link", &["real", "links"]);
        fs::remove_file(root.join("links/postgres")).unwrap();
        std::os::unix::fs::symlink(root.join("real/postgres"), root.join("links/postgres")).unwrap();
        assert_eq!(real_dir(&root.join("links")), root.join("real").canonicalize().ok());
        assert_eq!(real_dir(&root.join("none")), None);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_search_path_comes_before_pg_config_and_the_usual_places() {
        let root = tree("order", &["usr/lib/postgresql/15/bin", "mine", "told"]);
        fs::create_dir_all(root.join("empty")).unwrap();
        let found = candidates(&root, &[root.join("empty"), root.join("mine")], Some(root.join("told")));
        assert_eq!(found, [root.join("mine"), root.join("told"), root.join("usr/lib/postgresql/15/bin")]);
        fs::remove_dir_all(root).unwrap();
    }
}
