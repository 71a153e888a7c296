//! The operating-system account as which Postgres runs: it refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::environment;
use super::error::Error;
use super::layout::Layout;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The account that owns the cluster, whether it exists already or is to be made.
    pub(super) fn for_cluster(layout: &Layout) -> Result<Self, Error> {
        let own = rustix::process::geteuid().as_raw();
        if own != 0 {
            return Self::by_uid(own);
        }
        for dir in [&layout.cluster_dir, &layout.data_dir] {
            if let Ok(metadata) = fs::symlink_metadata(dir)
                && metadata.uid() != 0
            {
                return Self::by_uid(metadata.uid());
            }
        }
        ["postgres", "nobody"].into_iter().find_map(lookup).ok_or(Error::NoUnprivilegedAccount)
    }

    pub(super) fn by_uid(uid: u32) -> Result<Self, Error> {
        lookup(&uid.to_string()).ok_or(Error::AccountUnknown { uid })
    }

    /// Whether Latchkey has to change its user to be this account.
    pub(super) fn differs_from_own(&self) -> bool {
        rustix::process::geteuid().as_raw() != self.uid
    }

    /// A program to be run as this account in `dir`, away from the terminal's signals.
    pub(super) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(environment::for_server());
        command.current_dir(dir).stdin(Stdio::null()).process_group(0);
        if self.differs_from_own() {
            // `uid` also drops root's supplementary groups.
            command.gid(self.gid).uid(self.uid);
        }
        command
    }
}

/// Finds an account by its name or number, first in the file, then where else the system keeps them.
fn lookup(key: &str) -> Option<Account> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_in(&passwd, key).or_else(|| find_in(&output_of("getent", &["passwd", key])?, key)).or_else(|| {
        // macOS keeps people in a directory of its own and has no `getent`.
        let number = |option| output_of("id", &[option, key])?.trim().parse().ok();
        Some(Account {
            name: output_of("id", &["-un", key])?.trim().to_owned(),
            uid: number("-u")?,
            gid: number("-g")?,
        })
    })
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

fn find_in(passwd: &str, key: &str) -> Option<Account> {
    passwd
        .lines()
        .filter_map(parse_line)
        .find(|account| account.name == key || account.uid.to_string() == key)
}

fn parse_line(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let uid = parse_id(fields.nth(1)?)?;
    let gid = parse_id(fields.next()?)?;
    Some(Account { name: name.to_owned(), uid, gid })
}

/// A user or group number; macOS writes that of `nobody` as -2.
fn parse_id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse().ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "# comment\nroot:x:0:0:root:/root:/bin/bash\nbroken line\n\
        postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\nnobody:*:-2:-2::/:/usr/bin/false\n";

    #[test]
    fn an_account_is_found_by_name_and_by_number() {
        let expected = Account { name: "postgres".into(), uid: 101, gid: 104 };
        assert_eq!(find_in(PASSWD, "postgres"), Some(expected.clone()));
        assert_eq!(find_in(PASSWD, "101"), Some(expected));
        assert_eq!(find_in(PASSWD, "nobody").map(|account| account.uid), Some(u32::MAX - 1));
    }

    #[test]
    fn comments_and_unknown_names_are_no_accounts() {
        assert_eq!(find_in(PASSWD, "# comment"), None);
        assert_eq!(find_in(PASSWD, "postgre"), None);
        assert_eq!(find_in(PASSWD, "104"), None);
    }
}
