//! Who may see and change tenants: only administrators of the default one.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::http::rest::caller::{Admin, Auditor, Caller};
use crate::http::rest::problem::Problem;
use crate::model::tenant::DEFAULT_TENANT;
use crate::model::user::Role;

/// May see and change every tenant: an administrator of the default one.
pub struct TenantsAdmin(pub(super) Caller);

impl FromRequestParts<Arc<App>> for TenantsAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Admin(caller) = Admin::from_request_parts(parts, app).await?;
        of_default_tenant(caller).map(Self)
    }
}

/// May see every tenant: the same, whose program needs no scope that lets it change anything.
pub struct TenantsReader(());

impl FromRequestParts<Arc<App>> for TenantsReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Auditor(caller) = Auditor::from_request_parts(parts, app).await?;
        if !caller.user.has_role(&Role::Admin) {
            return Err(Problem::forbidden(
                "Only administrators can manage tenants; auditors can read their own.",
            ));
        }
        of_default_tenant(caller).map(|_| Self(()))
    }
}

fn of_default_tenant(caller: Caller) -> Result<Caller, Problem> {
    if caller.tenant.id == DEFAULT_TENANT {
        Ok(caller)
    } else {
        Err(Problem::forbidden("Tenants can only be managed from the default tenant."))
    }
}
