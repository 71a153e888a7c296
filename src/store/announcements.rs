//! What servers tell each other through the database (`LISTEN`/`NOTIFY`): a session was decided, an interval was
//! raised, a tenant, client, scope or key changed. An announcement is heard after its transaction is committed,
//! and not at all when it is rolled back.

use sqlx::postgres::PgListener;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::Result;
use crate::model::ids::DeviceAuthorizationId;

/// The channel.
const CHANNEL: &str = "latchkey";

/// One announcement.
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
    fn write(self) -> String {
        match self {
            Self::Decided(id) => format!("decided {id}"),
            Self::Raised(id, seconds) => format!("raised {id} {seconds}"),
            Self::DirectoryChanged => "directory".to_owned(),
        }
    }

    /// Channel and payload, for a statement that announces what it does.
    pub(super) fn as_parameters(self) -> (&'static str, String) {
        (CHANNEL, self.write())
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

/// An ear on the channel.
pub struct Ear(PgListener);

impl Ear {
    /// Listens from now on, on a connection of its own.
    pub async fn open(db: &PgPool) -> Result<Self> {
        let mut listener = PgListener::connect_with(db).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// The next announcement that this version understands; `None` when the connection is lost.
    pub async fn hear(&mut self) -> Result<Option<Announcement>> {
        while let Some(notification) = self.0.try_recv().await? {
            if let Some(announcement) = Announcement::read(notification.payload()) {
                return Ok(Some(announcement));
            }
        }
        Ok(None)
    }
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
