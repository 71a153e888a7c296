//! The first administrator: a server that has none makes a link, once, and whoever opens it becomes one. The link is
//! shown to whoever started the server and to nobody else; the database knows its hash.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use zeroize::Zeroizing;

use super::audit::By;
use super::change::Change;
use super::users::rules::UserError;
use super::users::{self, NewUser};
use super::{sign_in, tenants};
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::known_browser::KnownBrowser;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::{DEFAULT_TENANT, Tenant, TenantSlug};
use crate::model::user::Role;
use crate::store::{self, first_administrator_links as links};

/// How long a link is good.
pub const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// What a server that starts has to say of its first administrator.
#[derive(Debug)]
pub enum Invitation {
    Needless,
    /// This link, shown this once.
    Made {
        /// Where the first administrator makes their account.
        url: Zeroizing<String>,
        expires_at: DateTime<Utc>,
    },
    /// Another server, or this one at an earlier start, has shown a link that is still good.
    MadeBefore {
        expires_at: DateTime<Utc>,
    },
}

/// Makes the link, if the default tenant has no administrator and no link that is still good. However many servers
/// start at once, one of them makes it.
pub async fn invite(app: &App) -> store::Result<Invitation> {
    let (tenant, now) = (DEFAULT_TENANT, app.clock.now());
    let secret = BearerSecret::generate(SecretKind::FirstAdministrator, &app.random);
    let expires_at = now + LIFETIME;
    let mut change = Change::begin(app, tenant, &By::SERVER).await?;
    if store::users::has_with_role(&mut *change, tenant, &Role::Admin).await? {
        return Ok(Invitation::Needless);
    }
    if !links::put(&mut *change, tenant, secret.hash(), expires_at, now).await? {
        let expires_at = links::good_until(&mut *change, tenant, now).await?;
        return Ok(
            expires_at.map_or(Invitation::Needless, |expires_at| Invitation::MadeBefore { expires_at })
        );
    }
    let details = json!({"expires_at": expires_at});
    change.audit(Action::FirstAdministratorInvited, Target::Tenant(tenant), details).await?;
    change.commit().await?;
    let address = tenants::address(app, &TenantSlug::root(), None);
    let url = Zeroizing::new(format!("{address}/first-administrator?token={}", secret.expose()));
    Ok(Invitation::Made { url, expires_at })
}

/// Whether a link is good: it is not over, and the tenant has no administrator yet.
pub async fn is_invited(app: &App, tenant: &Tenant, token: &str) -> store::Result<bool> {
    let Some(secret) = BearerSecret::parse(SecretKind::FirstAdministrator, token) else { return Ok(false) };
    Ok(links::is_good(&app.db, tenant.id, secret.hash(), app.clock.now()).await?
        && !store::users::has_with_role(&app.db, tenant.id, &Role::Admin).await?)
}

/// Makes the account of the first administrator and uses the link up; the browser is known to it from then on.
/// `NoSuchUser`: the link is not good.
pub async fn create(
    app: &App,
    tenant: &Tenant,
    token: &str,
    username: String,
    password: Zeroizing<String>,
    origin: &RequestOrigin,
) -> Result<KnownBrowser, UserError> {
    let secret = BearerSecret::parse(SecretKind::FirstAdministrator, token).ok_or(UserError::NoSuchUser)?;
    // Before anything is hashed, which takes its time.
    if !is_invited(app, tenant, token).await? {
        return Err(UserError::NoSuchUser);
    }
    let account = users::fit(app, tenant.id, of_name(username), &password).await?;
    let mut change = Change::begin(app, tenant.id, &By::anyone(origin)).await?;
    let is_first = links::take(&mut *change, tenant.id, secret.hash(), app.clock.now()).await?
        && !store::users::has_with_role(&mut *change, tenant.id, &Role::Admin).await?;
    if !is_first {
        return Err(UserError::NoSuchUser);
    }
    account.insert(&mut change).await?;
    let mark = sign_in::mark(app, &mut change, tenant.id, account.id()).await?;
    change.commit().await?;
    Ok(mark)
}

fn of_name(username: String) -> NewUser {
    NewUser { username, display_name: None, email: None, email_verified: false, roles: vec![Role::Admin] }
}
