//! The hosts of `database.url`, of which one takes writes: `postgres://user@a:5432,b:5432/db?target_session_attrs=read-write`,
//! as libpq has it.
//!
//! When a standby is promoted, connections to the old primary may live on and be refused every write. So the pool's
//! connections are watched by one that asks each second whether it may write. As soon as it may not, all hosts are asked;
//! the first that takes writes becomes the pool's, and every older connection is closed instead of being used again.

use std::time::Duration;

use futures_util::future::select_ok;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::connections::{self, MayWrite};

/// How often the watching connection asks.
const EVERY: Duration = Duration::from_secs(1);
/// How long a host may take to answer, or to be connected to.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Pause between two rounds of attempts at the start.
const PAUSE: Duration = Duration::from_millis(200);
/// How often an outage is logged again.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Why `database.url` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// It is not a connection string.
    #[error("must be a connection string: {0}")]
    Unreadable(#[from] sqlx::Error),
    /// It asks for sessions that cannot write.
    #[error(
        "target_session_attrs={0} is not supported, because Latchkey writes: remove it, or set it to \
         read-write"
    )]
    WantsNoPrimary(String),
}

/// The hosts, and when the pool last moved from one to another. Without hosts the database is not watched.
#[derive(Debug, Default)]
pub struct Hosts {
    all: Vec<PgConnectOptions>,
    moved: watch::Sender<Option<Instant>>,
}

/// What the age of a pool's connection says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads to the host that takes writes.
    Sound,
    /// It was opened about when the pool moved.
    Doubtful,
    /// It was opened before the pool moved.
    Outdated,
}

/// Why a host cannot be used now.
#[derive(Debug)]
pub enum Trouble {
    Unreachable(sqlx::Error),
    /// It takes no writes: a standby, or a primary that was made read-only.
    ReadOnly,
}

impl Hosts {
    /// Reads `database.url`.
    pub fn parse(url: &str) -> Result<Self, HostsError> {
        let (urls, wanted) = split(url);
        if let Some(wanted) = wanted.filter(|wanted| !["any", "primary", "read-write"].contains(&&**wanted)) {
            return Err(HostsError::WantsNoPrimary(wanted));
        }
        let all = urls.iter().map(|url| url.parse::<PgConnectOptions>());
        Ok(Self { all: all.collect::<Result<_, sqlx::Error>>()?, ..Self::default() })
    }

    /// Returns the same hosts with changed options.
    #[must_use]
    pub fn with(self, change: impl FnMut(PgConnectOptions) -> PgConnectOptions) -> Self {
        Self { all: self.all.into_iter().map(change).collect(), ..self }
    }

    /// Returns `true` if there are none to watch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns what is known of a connection of this age that was idle for this long.
    #[must_use]
    pub fn standing(&self, age: Duration, idle_for: Duration) -> Standing {
        let Some(since) = self.moved.borrow().map(|moved| moved.elapsed()) else { return Standing::Sound };
        if age > since {
            return Standing::Outdated;
        }
        let is_of_that_moment = age + ATTEMPT > since;
        // Since then it is checked each time it is used.
        let was_asked = idle_for + 2 * ATTEMPT < since;
        if is_of_that_moment && !was_asked { Standing::Doubtful } else { Standing::Sound }
    }

    /// Returns a receiver that changes when the pool moves.
    #[must_use]
    pub fn moves(&self) -> watch::Receiver<Option<Instant>> {
        self.moved.subscribe()
    }

    /// Finds the host that takes writes: tries each in turn, and all again for as long as `patience` if one of them may
    /// soon be available. Fails with what is wrong with each.
    pub async fn find(
        &self,
        patience: Duration,
    ) -> Result<PgConnectOptions, Vec<(PgConnectOptions, Trouble)>> {
        let deadline = Instant::now() + patience;
        loop {
            let mut troubles = Vec::new();
            for options in &self.all {
                match try_once(options).await {
                    Ok(connection) => {
                        // It has served its purpose.
                        let _ = connection.close().await;
                        return Ok(options.clone());
                    }
                    Err(trouble) => troubles.push((options.clone(), trouble)),
                }
            }
            let may_pass = troubles.iter().any(|(_, trouble)| match trouble {
                Trouble::Unreachable(error) => matches!(error, sqlx::Error::Io(_)),
                Trouble::ReadOnly => true,
            });
            if !may_pass || Instant::now() >= deadline {
                return Err(troubles);
            }
            sleep(PAUSE).await;
        }
    }

    /// Watches whether the pool's host takes writes, and moves the pool to the one that does. Never ends.
    pub async fn watch(&self, db: &PgPool) {
        let (mut kept, mut outage) = (None, None::<Outage>);
        loop {
            let is_well = match &mut kept {
                Some(connection) => ask(connection).await == Some(MayWrite::Yes),
                None => false,
            };
            if !is_well {
                let was_kept = kept.take().is_some();
                if let Some((options, connection)) = self.find_primary().await {
                    if was_kept || outage.is_some() || place(&options) != place(&db.connect_options()) {
                        tracing::warn!(host = place(&options), "database connections renewed");
                        db.set_connect_options(options);
                        self.moved.send_replace(Some(Instant::now()));
                    }
                    (kept, outage) = (Some(connection), None);
                } else {
                    outage.get_or_insert_default().tell(self.all.len());
                }
            }
            sleep(EVERY).await;
        }
    }

    /// The first host to say that it takes writes.
    async fn find_primary(&self) -> Option<(PgConnectOptions, PgConnection)> {
        let attempts = self.all.iter().map(|options| {
            Box::pin(async move {
                let connection = timeout(PATIENCE, try_once(options)).await.map_err(drop)?.map_err(drop)?;
                Ok::<_, ()>((options.clone(), connection))
            })
        });
        select_ok(attempts).await.ok().map(|(found, _)| found)
    }
}

async fn try_once(options: &PgConnectOptions) -> Result<PgConnection, Trouble> {
    let connecting = timeout(ATTEMPT, options.connect()).await;
    let connecting = connecting.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
    let mut connection = connecting.map_err(Trouble::Unreachable)?;
    match timeout(PATIENCE, connections::may_write(&mut connection)).await {
        Ok(Ok(MayWrite::Yes)) => Ok(connection),
        Ok(Ok(MayWrite::No)) => Err(Trouble::ReadOnly),
        Ok(Err(error)) => Err(Trouble::Unreachable(error)),
        Err(_) => Err(Trouble::Unreachable(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
    }
}

/// An outage, and when it was last logged.
#[derive(Default)]
struct Outage(Option<Instant>);

impl Outage {
    fn tell(&mut self, hosts: usize) {
        if self.0.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::error!(hosts, "no host of database.url accepts writes");
            self.0 = Some(Instant::now());
        }
    }
}

/// `None` if there is no answer.
async fn ask(connection: &mut PgConnection) -> Option<MayWrite> {
    timeout(PATIENCE, connections::may_write(connection)).await.ok()?.ok()
}

/// The address of a host, for people.
#[must_use]
pub fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// The URLs of the hosts one by one, and the value of `target_session_attrs`, which sqlx does not know.
fn split(url: &str) -> (Vec<String>, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (vec![url.to_owned()], None) };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (wanted, others): (Vec<_>, Vec<_>) =
        query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| pair.starts_with(TARGET));
    let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    let urls = hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}{query}")).collect();
    (urls, wanted.last().map(|pair| pair[TARGET.len()..].to_owned()))
}

/// The parameter of libpq that says which sessions are wanted.
const TARGET: &str = "target_session_attrs=";

#[cfg(test)]
mod tests {
    use super::*;

    fn places(url: &str) -> Vec<String> {
        Hosts::parse(url).unwrap().all.iter().map(place).collect()
    }

    #[test]
    fn hosts_are_read_as_libpq_reads_them() {
        let url = "postgres://ada:p%2Cw@a.example:6000,b.example,[::1]:7000/videos?target_session_attrs=read-write&sslmode=require";
        assert_eq!(places(url), ["a.example:6000", "b.example:5432", "[::1]:7000"]);
        for options in &Hosts::parse(url).unwrap().all {
            assert_eq!((options.get_username(), options.get_database()), ("ada", Some("videos")));
        }
        assert_eq!(places("postgresql://db.example/videos"), ["db.example:5432"]);
        assert_eq!(places("postgres://ada@localhost/videos?host=/run/postgresql"), ["/run/postgresql"]);
        assert_eq!(places("postgres://a,b"), ["a:5432", "b:5432"]);
    }

    #[test]
    fn sessions_that_cannot_write_are_of_no_use() {
        for (value, fits) in [("any", true), ("primary", true), ("standby", false), ("prefer-standby", false)]
        {
            let parsed = Hosts::parse(&format!("postgres://a,b/c?target_session_attrs={value}"));
            assert_eq!(parsed.is_ok(), fits, "{value}");
        }
        assert!(Hosts::parse("no url").is_err());
    }

    #[test]
    fn connections_from_before_a_move_are_outdated_and_those_of_that_moment_doubtful() {
        let hosts = Hosts::parse("postgres://a,b/c").unwrap();
        let standing = |age, idle| hosts.standing(Duration::from_secs(age), Duration::from_secs(idle));
        assert_eq!(standing(3_600, 0), Standing::Sound);
        hosts.moved.send_replace(Instant::now().checked_sub(Duration::from_mins(1)));
        for (age, idle, expected) in [
            (121, 0, Standing::Outdated),
            (58, 55, Standing::Doubtful),
            (58, 40, Standing::Sound),
            (0, 0, Standing::Sound),
        ] {
            assert_eq!(standing(age, idle), expected, "{age} {idle}");
        }
    }
}
