//! The limit on open file descriptors, and how the process divides it among connections, waiting polls and the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Descriptors kept for everything besides connections and the database pool: listeners, files, outgoing calls, the
/// connections of the operations listener.
const OTHERS: u64 = 200;

/// The limit on open file descriptors; `None` means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// The number that the process may have open.
    pub soft: Option<u64>,
    /// The number that the process may raise the soft limit to.
    pub hard: Option<u64>,
}

/// Raises the soft limit to the hard one and returns what holds afterwards.
pub fn raise() -> DescriptorLimit {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "descriptor limit not raised");
        }
    }
    allowed()
}

#[must_use]
pub fn allowed() -> DescriptorLimit {
    let Rlimit { current: soft, maximum: hard } = getrlimit(Resource::Nofile);
    DescriptorLimit { soft, hard }
}

/// The number of connections and waiting polls that the process has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections that are answered as usual.
    pub connections: usize,
    /// Connections on top of these, for health checks and for people who decide.
    pub reserve: usize,
    /// Polls that wait for a decision.
    pub waiting_polls: usize,
}

impl Room {
    /// Divides `descriptors` by the settings. Waiting polls take at most three quarters of the connections, so that
    /// those who approve them always find one.
    #[must_use]
    pub fn within(descriptors: DescriptorLimit, config: &Config) -> Self {
        let descriptors = descriptors.soft.unwrap_or(u64::MAX);
        let others = (OTHERS + u64::from(config.database.max_connections)).min(descriptors / 2);
        let total = usize::try_from(descriptors - others).unwrap_or(usize::MAX);
        let total = total.min(config.server.max_connections);
        let reserve = (total / 16).clamp(2, 256);
        let connections = total.saturating_sub(reserve).max(1);
        Self {
            connections,
            reserve,
            waiting_polls: config.sessions.max_waiting_polls.min(connections / 4 * 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_waiting_polls_stay_below_the_descriptor_limit() {
        let config = Config::default();
        let pool = usize::try_from(config.database.max_connections).unwrap();
        for (soft, connections, reserve, waiting_polls) in [
            (Some(64), 30, 2, 21),
            (Some(1024), 758, 50, 567),
            (Some(4096), 3638, 242, 2727),
            (Some(20_000), 19_528, 256, 14_646),
            (Some(1_048_576), 29_744, 256, 20_000),
            (None, 29_744, 256, 20_000),
        ] {
            let room = Room::within(DescriptorLimit { soft, hard: soft }, &config);
            assert_eq!(room, Room { connections, reserve, waiting_polls }, "{soft:?}");
            let used = room.connections + room.reserve + if soft == Some(64) { 0 } else { pool + 200 };
            assert!(soft.is_none_or(|soft| used as u64 <= soft), "{soft:?}: {room:?}");
        }
    }
}
