//! Links by which people choose their own password: no administrator ever sets or sees one (ASVS 6.4.6).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use zeroize::Zeroizing;

use super::audit::By;
use super::change::Change;
use super::tenants::addresses;
use super::users::rules::{UserError, Which, find};
use super::{passwords, sign_in};
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::ids::UserId;
use crate::model::known_browser::KnownBrowser;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user::User;
use crate::store::{self, browser_sessions, password_links, users};

/// How long a link is good.
pub const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// A link, shown this once.
#[derive(Debug)]
pub struct PasswordLink {
    /// Where the person chooses the password.
    pub url: Zeroizing<String>,
    pub expires_at: DateTime<Utc>,
}

/// Makes a link for a person. The one before is void; the password stays until the link is used.
pub async fn start(app: &App, tenant: &Tenant, user: UserId, by: &By<'_>) -> Result<PasswordLink, UserError> {
    let mut change = Change::begin(app, tenant.id, by).await?;
    find(&mut change, tenant.id, Which::WithId(user)).await?;
    let link = put(&mut change, tenant, user).await?;
    change.commit().await?;
    Ok(link)
}

/// The same in a transaction, for an account that is there.
pub(super) async fn put(
    change: &mut Change<'_>,
    tenant: &Tenant,
    user: UserId,
) -> store::Result<PasswordLink> {
    let app = change.app();
    let secret = BearerSecret::generate(SecretKind::PasswordLink, &app.random);
    let expires_at = app.clock.now() + LIFETIME;
    password_links::put(&mut **change, tenant.id, user, secret.hash(), expires_at).await?;
    let details = json!({"expires_at": expires_at});
    change.audit(Action::PasswordResetStarted, Target::User(Some(user)), details).await?;
    let url = format!("{}/set-password?token={}", addresses::issuer(app, tenant), secret.expose());
    Ok(PasswordLink { url: Zeroizing::new(url), expires_at })
}

/// A password that nobody knows, for an account whose person will choose one.
#[must_use]
pub fn unknown_password(app: &App) -> BearerSecret {
    BearerSecret::generate(SecretKind::PasswordLink, &app.random)
}

/// Whose link this is, if it is still good.
pub async fn owner(app: &App, tenant: &Tenant, token: &str) -> store::Result<Option<User>> {
    let Some(secret) = BearerSecret::parse(SecretKind::PasswordLink, token) else { return Ok(None) };
    let found = password_links::find(&app.db, tenant.id, secret.hash(), app.clock.now()).await?;
    match found {
        Some(user) => users::find(&app.db, tenant.id, user).await,
        None => Ok(None),
    }
}

/// Puts the password that the person chose in place, uses the link up, and signs the person's browsers out: whoever
/// knew the password before is out (ASVS 7.4.3). Devices stay connected. The browser is known to the account from then
/// on: strangers who guess do not shut the person out of it. `NoSuchUser`: the link is not good.
pub async fn choose(
    app: &App,
    tenant: &Tenant,
    token: &str,
    password: Zeroizing<String>,
    origin: &RequestOrigin,
) -> Result<KnownBrowser, UserError> {
    let secret = BearerSecret::parse(SecretKind::PasswordLink, token).ok_or(UserError::NoSuchUser)?;
    // Before anything is hashed, which takes its time.
    let person = owner(app, tenant, token).await?.ok_or(UserError::NoSuchUser)?;
    let password_hash = passwords::choose(app, &password, &person.username).await?;
    let (now, by) = (app.clock.now(), By::user(person.id, origin));
    let mut change = Change::begin(app, tenant.id, &by).await?;
    // The account is locked first, as in every deed that changes how it signs in.
    users::lock(&mut *change, tenant.id, person.id).await?;
    let used_by = password_links::take(&mut *change, tenant.id, secret.hash(), now).await?;
    let user = used_by.ok_or(UserError::NoSuchUser)?;
    users::set_password(&mut *change, tenant.id, user, &password_hash, now).await?;
    sign_in::has_changed(&mut change, tenant.id, user, sign_in::Change::Password).await?;
    let browsers = browser_sessions::end_of_user(&mut *change, tenant.id, user, now).await?;
    let details = json!({"ended": {"browsers": browsers}});
    change.audit(Action::PasswordChosen, Target::User(Some(user)), details).await?;
    let mark = sign_in::mark(app, &mut change, tenant.id, user).await?;
    change.commit().await?;
    Ok(mark)
}
