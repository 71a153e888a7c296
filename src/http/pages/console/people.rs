//! People by the names that are typed into filters.

use crate::app::App;
use crate::model::ids::{TenantId, UserId};
use crate::store::{self, users};

/// What is told where nobody has the name.
const NOBODY: &str = "There is no user with this name.";

/// The person of this name, whatever its case.
pub(super) async fn named(app: &App, tenant: TenantId, name: &str) -> store::Result<Option<UserId>> {
    let filter = users::Filter { username: Some(name.to_owned()), ..users::Filter::default() };
    let found = users::list(&app.db, tenant, &filter, None, 1).await?;
    Ok(found.first().map(|account| account.user.id))
}

/// The person whom a filter names, if it names one; or what is wrong with the name.
pub(super) async fn wanted(
    app: &App,
    tenant: TenantId,
    name: Option<&str>,
) -> store::Result<Result<Option<UserId>, &'static str>> {
    match name {
        None => Ok(Ok(None)),
        Some(name) => Ok(named(app, tenant, name).await?.map(Some).ok_or(NOBODY)),
    }
}
