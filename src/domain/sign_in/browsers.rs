//! The browsers that an account knows, because it has signed in there.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::model::guessing::{Trier, Visit};
use crate::model::ids::{TenantId, UserId};
use crate::model::known_browser::KnownBrowser;
use crate::model::tenant::Tenant;
use crate::model::user::User;
use crate::store::{self, Connection, users};

/// What a browser brings along when somebody signs in with it.
#[derive(Clone, Debug)]
pub struct SigningBrowser {
    /// By what its tries are counted while no account knows it.
    pub visit: Visit,
    /// The marks that earlier sign-ins have left.
    pub marks: Vec<KnownBrowser>,
}

impl SigningBrowser {
    /// Whose tries are used when `user` signs in; `generation` is the account's.
    pub(super) fn trier(&self, tenant: &Tenant, user: &User, generation: i64, now: DateTime<Utc>) -> Trier {
        let not_before = tenant.tokens_not_before.max(user.tokens_not_before);
        let mark = self.marks.iter().find(|mark| mark.is_of(user.id, generation, not_before, now));
        mark.map_or(Trier::Unknown(self.visit), |mark| Trier::Known(mark.id))
    }
}

/// The mark for a browser in which the account signs in now.
pub(in crate::domain) async fn mark(
    app: &App,
    db: &mut Connection,
    tenant: TenantId,
    user: UserId,
) -> store::Result<KnownBrowser> {
    let generation = users::browser_generation(db, tenant, user).await?;
    let since = app.clock.now();
    Ok(KnownBrowser { id: app.random.uuid_v7(since), user, generation, since })
}
