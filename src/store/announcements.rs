//! Notifications between instances (`LISTEN`/`NOTIFY`), delivered on commit: a request was decided, an interval was
//! raised, a tenant, client, scope or key changed.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor, PgExecutor};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::db::Db;
use super::{Result, StoreError};
use crate::model::ids::DeviceAuthorizationId;

pub(super) const CHANNEL: &str = "latchkey";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// This device authorization was decided.
    Decided(DeviceAuthorizationId),
    /// The device of this authorization has been told to poll less often.
    Raised(DeviceAuthorizationId, u32),
    /// A tenant, client, scope or signing key changed.
    DirectoryChanged,
}

impl Announcement {
    /// The payload on the [`CHANNEL`].
    pub(super) fn write(self) -> String {
        match self {
            Self::Decided(id) => format!("decided {id}"),
            Self::Raised(id, seconds) => format!("raised {id} {seconds}"),
            Self::DirectoryChanged => "directory".to_owned(),
        }
    }

    fn read(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let kind = words.next()?;
        if kind == "directory" {
            return Some(Self::DirectoryChanged);
        }
        let id = DeviceAuthorizationId(Uuid::try_parse(words.next()?).ok()?);
        match kind {
            "decided" => Some(Self::Decided(id)),
            "raised" => Some(Self::Raised(id, words.next()?.parse().ok()?)),
            _ => None,
        }
    }
}

/// Announces, when the transaction that `db` is in commits.
pub async fn announce(db: impl PgExecutor<'_>, announcement: Announcement) -> Result<()> {
    sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, announcement.write()).execute(db).await?;
    Ok(())
}

/// Announces several things in one statement.
pub async fn announce_all(db: impl PgExecutor<'_>, announcements: &[Announcement]) -> Result<()> {
    let written: Vec<_> = announcements.iter().map(|announcement| announcement.write()).collect();
    sqlx::query!("SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said", CHANNEL, &written)
        .execute(db)
        .await?;
    Ok(())
}

/// How long an ear may hear nothing before it asks whether its connection lives.
const QUIET: Duration = Duration::from_secs(1);
/// How long an ear that heard nothing else may go without a notice of its own.
const DEAF: Duration = Duration::from_secs(5);
/// How long anything that an ear asks may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// An ear on the channel, on a connection of its own.
pub struct Ear {
    listener: PgListener,
    heard_at: Instant,
    /// When it sent itself a notice that it has not heard yet.
    asked_at: Option<Instant>,
}

impl Ear {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the database does not answer in time.
    pub async fn open(db: &Db) -> Result<Self> {
        let own = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        let own = own.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let own = own.connect_lazy_with((*db.connect_options()).clone());
        let opening = async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok(listener)
        };
        let listener = in_time(opening).await?;
        Ok(Self { listener, heard_at: Instant::now(), asked_at: None })
    }

    /// The next announcement that this version understands; `None` when the connection is lost. An ear that hears nothing
    /// for a second asks whether its connection lives, and one that hears nothing for five sends itself a notice.
    ///
    /// # Errors
    /// If the connection is lost, its network has died silently, or announcements do not arrive on it.
    pub async fn hear(&mut self) -> Result<Option<Announcement>> {
        loop {
            match timeout(QUIET, self.listener.try_recv()).await {
                Ok(heard) => {
                    let Some(notification) = heard? else { return Ok(None) };
                    self.heard_at = Instant::now();
                    self.asked_at = None;
                    if let Some(announcement) = Announcement::read(notification.payload()) {
                        return Ok(Some(announcement));
                    }
                }
                Err(_) => self.ask().await?,
            }
        }
    }

    /// Asks for a sign of life, and every five seconds for a notice.
    async fn ask(&mut self) -> Result<()> {
        if self.asked_at.is_some_and(|asked| asked.elapsed() > PATIENCE) {
            return Err(deaf());
        }
        let query = if self.asked_at.is_none() && self.heard_at.elapsed() >= DEAF {
            self.asked_at = Some(Instant::now());
            OWN_NOTICE
        } else {
            SIGN_OF_LIFE
        };
        in_time(async { self.listener.execute(query).await.map(drop) }).await
    }
}

const SIGN_OF_LIFE: &str = "LISTEN latchkey";
/// The same with what an ear sends itself. Other ears hear it, too, and no version understands it.
const OWN_NOTICE: &str = "LISTEN latchkey; NOTIFY latchkey, 'ear'";

async fn in_time<T>(asking: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    timeout(PATIENCE, asking).await.map_or_else(|_| Err(deaf()), |outcome| Ok(outcome?))
}

fn deaf() -> StoreError {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_understood() {
        let id = DeviceAuthorizationId(Uuid::from_u128(0xab));
        for announcement in
            [Announcement::Decided(id), Announcement::Raised(id, 15), Announcement::DirectoryChanged]
        {
            assert_eq!(Announcement::read(&announcement.write()), Some(announcement));
        }
        for garbage in ["", "decided", "decided xyz", "raised", "unknown 00", "raised ab 5"] {
            assert_eq!(Announcement::read(garbage), None, "{garbage:?}");
        }
    }
}
