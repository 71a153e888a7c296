//! The server's settings, given on its command line, so that a newer Latchkey brings its own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use super::account::Account;
use super::error::Error;
use super::layout::{Layout, PORT};
use super::owned_file;
use super::settings::{ClusterSettings, Durability};

/// Database user of Latchkey, not a superuser, and the name of its database.
pub(super) const LATCHKEY: &str = "latchkey";

/// Database user that owns the cluster.
pub(super) const SUPERUSER: &str = "postgres";

/// Connections kept for the superuser.
const RESERVED_CONNECTIONS: u32 = 3;

/// The arguments of `postgres`.
pub(super) fn arguments(settings: &ClusterSettings, layout: &Layout) -> Vec<OsString> {
    let mut arguments = vec!["-D".into(), layout.cluster_dir.clone().into_os_string()];
    let mut set = |name: &str, value: &OsStr| {
        let mut text = OsString::from(format!("{name}="));
        text.push(value);
        arguments.extend(["-c".into(), text]);
    };
    set("unix_socket_directories", &quoted(&layout.socket_dir));
    set("hba_file", layout.hba.as_os_str());
    set("ident_file", layout.ident.as_os_str());
    set("port", PORT.to_string().as_ref());
    set("max_connections", (settings.max_connections + RESERVED_CONNECTIONS).to_string().as_ref());
    set("superuser_reserved_connections", RESERVED_CONNECTIONS.to_string().as_ref());
    let promised = match settings.durability {
        Durability::Durable => "on",
        Durability::Throwaway => "off",
    };
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        set(name, promised.as_ref());
    }
    for (name, value) in FIXED {
        set(name, value.as_ref());
    }
    arguments
}

/// Whether the running server was started with these settings, by its own record of its command line.
pub(super) fn are_running(settings: &ClusterSettings, layout: &Layout) -> bool {
    fs::read_to_string(layout.cluster_dir.join("postmaster.opts"))
        .is_ok_and(|record| record.trim_end().ends_with(&recorded(&arguments(settings, layout))))
}

/// The arguments as `postmaster.opts` has them after the program's name.
fn recorded(arguments: &[OsString]) -> String {
    arguments.iter().map(|argument| format!(" \"{}\"", argument.display())).collect::<Vec<_>>().concat()
}

const FIXED: [(&str, &str); 13] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("cluster_name", LATCHKEY),
    ("shared_buffers", "128MB"),
    // A small database: its pages are in memory, where a random read costs what a sequential one does.
    ("random_page_cost", "1.1"),
    // Every query is short; compiling it costs more than running it.
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_checkpoints", "off"),
    // No statements and no details: both repeat what people have entered.
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
];

/// A directory in a list that is separated by commas.
fn quoted(dir: &Path) -> OsString {
    OsString::from(format!("\"{}\"", dir.display()))
}

/// Writes who may connect, and as whom: the account and root, by their user number.
pub(super) fn write_access_files(layout: &Layout, account: &Account) -> Result<(), Error> {
    owned_file::replace(&layout.hba, &format!("local all all peer map={LATCHKEY}\n"), account)?;
    let mut names = vec![account.name.clone()];
    names.extend(Account::by_uid(0).map(|root| root.name));
    owned_file::replace(&layout.ident, &ident_lines(&names), account)
}

fn ident_lines(names: &[String]) -> String {
    names
        .iter()
        .flat_map(|name| [LATCHKEY, SUPERUSER].map(|user| format!("{LATCHKEY} \"{name}\" {user}\n")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(durability: Durability) -> Vec<String> {
        let settings =
            ClusterSettings { data_dir: "/srv/d".into(), bin_dir: None, max_connections: 20, durability };
        let layout = Layout::new(&settings.data_dir).unwrap();
        arguments(&settings, &layout).into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn only_a_throwaway_cluster_skips_the_disk() {
        assert!(settings(Durability::Durable).contains(&"fsync=on".to_owned()));
        assert!(settings(Durability::Throwaway).contains(&"fsync=off".to_owned()));
    }

    #[test]
    fn there_is_no_network_port_and_room_for_the_superuser() {
        let settings = settings(Durability::Durable);
        assert!(settings.contains(&"listen_addresses=".to_owned()));
        assert!(settings.contains(&"max_connections=23".to_owned()));
        assert!(settings.contains(&"unix_socket_directories=\"/srv/d/socket\"".to_owned()));
    }

    #[test]
    fn arguments_are_compared_as_the_server_records_them() {
        let arguments = ["-D".into(), "/srv/d/postgres".into(), "-c".into(), "listen_addresses=".into()];
        assert_eq!(recorded(&arguments), r#" "-D" "/srv/d/postgres" "-c" "listen_addresses=""#);
    }

    #[test]
    fn every_name_maps_to_both_database_users() {
        assert_eq!(
            ident_lines(&["ann".to_owned()]),
            "latchkey \"ann\" latchkey\nlatchkey \"ann\" postgres\n"
        );
    }
}
