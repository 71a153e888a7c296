//! A tenant is made.

use serde_json::json;

use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::oauth_error::OAuthError;
use crate::domain::password_links::{self, PasswordLink};
use crate::domain::signing_keys;
use crate::domain::users::rules::UserError;
use crate::domain::users::{self, NewUser};
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{TenantId, UserId};
use crate::model::policy::PolicyChanges;
use crate::model::scope::Scope;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::tenant::{DEFAULT_TENANT, Tenant, TenantSlug};
use crate::model::user::Role;
use crate::store::{self, StoreError, scopes, tenants};

/// Makes the default tenant, if it is not there yet.
pub async fn ensure_default(app: &App) -> Result<(), OAuthError> {
    create_with_id(app, DEFAULT_TENANT, TenantSlug::root(), "Latchkey", &By::OPERATOR).await?;
    // RSA takes its time, and so does the first signature, for which the library seeds its generator; do both now
    // rather than during somebody's first request.
    signing_keys::ensure(app, DEFAULT_TENANT).await?;
    let key = signing_keys::signing(app, DEFAULT_TENANT, SigningAlgorithm::Es256).await?;
    key.pair.sign(b"").map(drop).map_err(OAuthError::fault)
}

/// Makes a tenant with its standard scopes and signing keys; `None`: the name is taken.
pub async fn create(
    app: &App,
    slug: TenantSlug,
    name: &str,
    by: &By<'_>,
) -> Result<Option<TenantId>, OAuthError> {
    let id = TenantId(app.random.uuid_v7(app.clock.now()));
    if !create_with_id(app, id, slug, name, by).await? {
        return Ok(None);
    }
    signing_keys::ensure(app, id).await?;
    Ok(Some(id))
}

/// The first administrator of a new tenant.
#[derive(Debug)]
pub struct Administered {
    pub user: UserId,
    pub link: PasswordLink,
}

/// Why a tenant is not made.
#[derive(Debug)]
pub enum CreateTenantError {
    SlugTaken,
    /// Its first administrator cannot have such an account.
    Administrator(UserError),
    Failed(OAuthError),
}

impl From<UserError> for CreateTenantError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Store(error) => error.into(),
            other => Self::Administrator(other),
        }
    }
}

impl From<OAuthError> for CreateTenantError {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for CreateTenantError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The same with an account that administers the tenant, whatever its other roles: both are made, or neither.
pub async fn create_with_administrator(
    app: &App,
    slug: TenantSlug,
    name: &str,
    mut administrator: NewUser,
    by: &By<'_>,
) -> Result<Administered, CreateTenantError> {
    let id = TenantId(app.random.uuid_v7(app.clock.now()));
    administrator.roles = vec![Role::Admin];
    let password = password_links::unknown_password(app);
    let account = users::fit(app, id, administrator, password.expose()).await?;
    let tenant = new(id, slug, name);
    let mut change = Change::begin_of_directory(app, id, by).await?;
    if !insert(&mut change, &tenant).await? {
        return Err(CreateTenantError::SlugTaken);
    }
    account.insert(&mut change).await?;
    let link = password_links::put(&mut change, &tenant, account.id()).await?;
    change.commit().await?;
    signing_keys::ensure(app, id).await?;
    Ok(Administered { user: account.id(), link })
}

async fn create_with_id(
    app: &App,
    id: TenantId,
    slug: TenantSlug,
    name: &str,
    by: &By<'_>,
) -> store::Result<bool> {
    let mut change = Change::begin_of_directory(app, id, by).await?;
    if !insert(&mut change, &new(id, slug, name)).await? {
        return Ok(false);
    }
    change.commit().await?;
    Ok(true)
}

fn new(id: TenantId, slug: TenantSlug, name: &str) -> Tenant {
    Tenant {
        id,
        slug,
        host: None,
        name: name.to_owned(),
        enabled: true,
        tokens_not_before: None,
        policy: PolicyChanges::default(),
    }
}

/// Puts a tenant in place with its standard scopes; `false`: there is one already.
async fn insert(change: &mut Change<'_>, tenant: &Tenant) -> store::Result<bool> {
    let now = change.app().clock.now();
    if !tenants::insert(change, tenant, now).await? {
        return Ok(false);
    }
    for scope in Scope::standard() {
        scopes::insert(&mut *change, tenant.id, &scope, now).await?;
    }
    let details = json!({"slug": tenant.slug.as_str(), "name": tenant.name});
    change.renews();
    change.audit(Action::TenantCreated, Target::Tenant(tenant.id), details).await?;
    Ok(true)
}
