//! What ends when it changes how an account signs in: whatever was begun by the way there was before.

use crate::model::ids::{TenantId, UserId};
use crate::store::{self, Connection, half_sign_ins, password_links, users};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum Change {
    /// The second factor, the recovery codes, or whether the account may be used. Browsers stay known.
    Factors,
    /// The password, or everything that is signed in ends. No browser is known any longer.
    Password,
}

/// Ends every half sign-in and every link for a new password of the account. Every deed that changes how an account
/// signs in calls it, in its own transaction and before it ends browser sessions: the account is locked from here on,
/// so a sign-in has either begun before, or sees what has changed.
pub(in crate::domain) async fn has_changed(
    db: &mut Connection,
    tenant: TenantId,
    user: UserId,
    change: Change,
) -> store::Result<()> {
    users::begin_sign_in_version(&mut *db, tenant, user).await?;
    if change == Change::Password {
        users::begin_browser_generation(&mut *db, tenant, user).await?;
    }
    half_sign_ins::end_of_user(&mut *db, tenant, user).await?;
    password_links::end_of_user(db, tenant, user).await
}
