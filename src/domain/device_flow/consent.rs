//! Step 4, what the person reads before they decide: who asks, for which rights, and what may be chosen (RFC 8628 §3.3,
//! §5.4).

use std::sync::Arc;

use super::choices::Offer;
use super::unseal_user_code;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::{granting, policies};
use crate::model::approver::Approver;
use crate::model::client::{Client, GrantType};
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::DeviceAuthorizationId;
use crate::model::resource::Resource;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;
use crate::store::device_authorizations::openings;

/// What the person is asked to agree to.
#[derive(Debug)]
pub struct Consent {
    pub request: DeviceRequest,
    /// How its code came to this approver.
    pub arrival: CodeArrival,
    pub client: Arc<Client>,
    /// The code, to compare it with the device's.
    pub user_code: UserCode,
    /// The rights, as the person would grant them now.
    pub scopes: Vec<Scope>,
    /// Of the rights it asks for those that this approver may not grant. Where it named none, only if nothing else is
    /// left.
    pub withheld: Vec<Scope>,
    /// The rights that this approver may grant in a browser, but not by the access token that acts here.
    pub beyond_token: ScopeSet,
    /// Whether it asks for rights of which this approver may grant none, so that it cannot be approved.
    pub leaves_nothing: bool,
    /// The services it asks for by name; none: the tenant's default.
    pub resources: Vec<Resource>,
    pub offer: Offer,
}

/// Returns the request that this approver opened, if it is still pending. Changes nothing.
pub async fn opened(app: &App, tenant: &Tenant, approver: &Approver) -> Result<Option<Consent>, OAuthError> {
    match openings::held_by(&app.db, tenant.id, approver.id, app.clock.now()).await? {
        Some(id) => consent(app, tenant, approver, id).await,
        None => Ok(None),
    }
}

/// What `id` asks for, if this approver has it open and its client may still ask.
pub(super) async fn consent(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceAuthorizationId,
) -> Result<Option<Consent>, OAuthError> {
    match openings::find(&app.db, tenant.id, id).await? {
        Some(request) if request.opened_by == Some(approver.id) => {
            asked_of(app, tenant, approver, request).await
        }
        _ => Ok(None),
    }
}

/// What a request asks of this approver, if its client may still ask.
pub(super) async fn asked_of(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    request: DeviceRequest,
) -> Result<Option<Consent>, OAuthError> {
    let Some(client) = app.cached.client(&app.db, tenant.id, request.session.client_id.as_str()).await?
    else {
        return Ok(None);
    };
    let may_ask = client.enabled && !client.owner_is_shut() && client.may_use(GrantType::DeviceCode);
    if !may_ask {
        return Ok(None);
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let known = app.cached.resources(&app.db, tenant.id).await?;
    let (asked, key) = (request.requested_scopes.as_ref(), request.session.dpop_key);
    let of_user = granting::grantable(asked, &client, &catalogue, &approver.user, key);
    let leaves_nothing = granting::leaves_nothing(asked, &client, &catalogue, &of_user);
    let granted = granting::passed_on(approver.token_scopes.as_ref(), &of_user);
    let beyond_token = of_user.iter().filter(|name| !granted.contains(name)).map(ToOwned::to_owned).collect();
    let withheld = match asked {
        None if !leaves_nothing => ScopeSet::default(),
        _ => granting::withheld(asked, &client, &catalogue, &approver.user),
    };
    let policy = policies::effective(app, tenant, &client);
    let longest = granting::longest(&granted, &catalogue);
    Ok(Some(Consent {
        user_code: unseal_user_code(app, &request)?,
        resources: request.resources.iter().map(|uri| named(&known, uri)).collect(),
        withheld: catalogue.iter().filter(|scope| withheld.contains(&scope.name)).cloned().collect(),
        beyond_token,
        leaves_nothing,
        scopes: catalogue.iter().filter(|scope| granted.contains(&scope.name)).cloned().collect(),
        offer: Offer::of(granted, longest, &client, key, &policy, &app.config.tokens),
        arrival: request.arrival_for(approver.user.id),
        request,
        client,
    }))
}

/// The service with the name people know it by. The tenant's default has none unless it is registered.
fn named(known: &[Resource], uri: &str) -> Resource {
    let found = known.iter().find(|resource| resource.uri == uri).cloned();
    found.unwrap_or_else(|| Resource { uri: uri.to_owned(), name: uri.to_owned() })
}
