//! Who asks a REST endpoint, and whether they may. Each permit has one way to be made, so having it is the proof.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use chrono::DateTime;
use utoipa_axum::router::OpenApiRouter;

use super::admin::deeds::insist;
use super::admin::refusals;
use super::problem::Problem;
use crate::app::App;
use crate::domain::access_tokens::{self, AnyScope};
use crate::domain::audit::By;
use crate::domain::deeds::Deed;
use crate::domain::sign_in::strength::Proved;
use crate::domain::tenants;
use crate::http::asked::Slug;
use crate::http::bearer::{BearerError, in_header};
use crate::http::origin::Origin;
use crate::http::pages::browser::Browser;
use crate::http::pages::csrf::{ANY_FORM, is_from_our_pages, says_same_origin};
use crate::http::pages::page_error::PageError;
use crate::model::access_token::AccessToken;
use crate::model::acr::Acr;
use crate::model::approver::Approver;
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ApproverId, ClientId, DeviceId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::{ADMIN, ADMIN_READ, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user::User;

const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// A person, by an access token or by their browser.
#[derive(Debug)]
#[expect(clippy::manual_non_exhaustive, reason = "nor may the rest of the crate make one")]
pub struct Caller {
    pub tenant: Arc<Tenant>,
    pub user: User,
    pub origin: RequestOrigin,
    /// How they show who they are.
    pub via: Via,
    _checked: (),
}

/// How a caller shows who they are.
#[derive(Debug)]
pub enum Via {
    /// With an access token, alone or with the proof of its key.
    AccessToken {
        /// Client that the token was issued to.
        client: ClientId,
        /// The device it was issued to, if it was one.
        device: Option<DeviceId>,
        /// When and how its person had proved who they are.
        authentication: Authentication,
        scopes: ScopeSet,
    },
    /// With the cookie of a signed-in browser, which says that it asks from our own origin; on unsafe methods also with
    /// the browser's CSRF token.
    Browser(Box<BrowserSession>),
}

#[derive(Debug)]
pub enum CallerError {
    /// Without a token or a session, or with one that opens no door; or something failed.
    Token(BearerError),
    /// A browser sends this, and nothing shows that the person behind it knows.
    Foreign,
}

impl<E: Into<BearerError>> From<E> for CallerError {
    fn from(refusal: E) -> Self {
        Self::Token(refusal.into())
    }
}

impl From<PageError> for CallerError {
    fn from(refusal: PageError) -> Self {
        match refusal {
            PageError::ForeignForm => Self::Foreign,
            PageError::Failed(error) => error.into(),
        }
    }
}

impl From<CallerError> for Problem {
    fn from(refused: CallerError) -> Self {
        match refused {
            CallerError::Token(refusal) => refusal.into(),
            CallerError::Foreign => Self::foreign_request(),
        }
    }
}

/// How the person of a token had proved who they are; without a word about when, long ago.
fn authentication(claims: &AccessToken) -> Authentication {
    let auth_time = claims.auth_time.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    Authentication { auth_time: auth_time.unwrap_or_default(), amr: claims.amr.clone().unwrap_or_default() }
}

impl Caller {
    /// Whoever sends this request: by an access token with one of the scopes `needed`, or, without an `Authorization`
    /// header, by the browser's session.
    pub async fn with_scope(
        parts: &mut Parts,
        app: &Arc<App>,
        needed: AnyScope,
    ) -> Result<Self, CallerError> {
        let caller = if parts.headers.contains_key(header::AUTHORIZATION) {
            Self::by_token(parts, app, needed).await
        } else {
            Self::by_browser(parts, app).await
        }?;
        refusals::note(parts, caller.user.id);
        Ok(caller)
    }

    async fn by_token(parts: &mut Parts, app: &Arc<App>, needed: AnyScope) -> Result<Self, CallerError> {
        let Slug(slug) = Slug::from_request_parts(parts, app).await?;
        let Origin(origin) = Origin::from_request_parts(parts, app).await?;
        let tenant = tenants::find(app, &slug).await?;
        let presented = in_header(parts, app).await?.ok_or(BearerError::NoToken)?;
        let (token, user) = access_tokens::accept_at_own_api(app, &tenant, &presented, needed).await?;
        let via = Via::AccessToken {
            client: ClientId::from_known(token.claims.client_id.clone()),
            device: token.claims.device_id,
            authentication: authentication(&token.claims),
            scopes: token.claims.scopes(),
        };
        Ok(Self { tenant, user, origin, via, _checked: () })
    }

    async fn by_browser(parts: &mut Parts, app: &Arc<App>) -> Result<Self, CallerError> {
        let mut browser = Browser::from_request_parts(parts, app).await?;
        let session = browser.session.take().ok_or(BearerError::NoToken)?;
        let csrf_token = browser.form_token(ANY_FORM);
        let mut given = parts.headers.get_all(CSRF_TOKEN).iter();
        let given = given.next().filter(|_| given.next().is_none()).and_then(|value| value.to_str().ok());
        let shows_token = given.is_some_and(|given| browser.is_form_token(given, ANY_FORM));
        // Other sites make a browser read as well, with its cookie: by a link, a form or a window.
        let is_known = shows_token || (parts.method.is_safe() && says_same_origin(&parts.headers));
        if !is_known || !is_from_our_pages(&parts.headers, &browser.site.origin(app)) {
            return Err(CallerError::Foreign);
        }
        if let Some(offer) = parts.extensions.get::<CsrfOffer>().filter(|_| parts.method.is_safe()) {
            // It is the same however often it is asked for.
            let _ = offer.0.set(csrf_token);
        }
        Ok(Self {
            tenant: browser.tenant,
            user: session.user.clone(),
            origin: browser.origin,
            via: Via::Browser(Box::new(session)),
            _checked: (),
        })
    }

    /// The caller as somebody who opens codes and decides on them; `None` for a token that no device has.
    #[must_use]
    pub fn approver(&self) -> Option<Approver> {
        match &self.via {
            Via::Browser(session) => Some(Approver::from(&**session)),
            Via::AccessToken { device, authentication, scopes, .. } => Some(Approver {
                id: ApproverId((*device)?.0),
                user: self.user.clone(),
                authentication: authentication.clone(),
                has_second_factor: authentication.acr() == Acr::TwoFactors,
                token_scopes: Some(scopes.clone()),
            }),
        }
    }

    /// What the person behind the session or the token has proved.
    #[must_use]
    pub fn proved(&self) -> Proved<'_> {
        match &self.via {
            Via::Browser(session) => Proved::from(&**session),
            Via::AccessToken { authentication, .. } => Proved::by_token(authentication),
        }
    }

    /// The caller, as the audit trail names them.
    #[must_use]
    pub fn by(&self) -> By<'_> {
        By::user(self.user.id, &self.origin)
    }

    /// The device that asks, if it is one.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        match self.via {
            Via::AccessToken { device, .. } => device,
            Via::Browser(_) => None,
        }
    }
}

/// May see and change the devices that are the caller's own.
#[derive(Debug)]
pub struct DeviceOwner(pub Caller);

impl FromRequestParts<Arc<App>> for DeviceOwner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self(Caller::with_scope(parts, app, &["devices"]).await?))
    }
}

/// May see and change everything of the tenant.
#[derive(Debug)]
pub struct Admin(pub Caller);

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Caller::with_scope(parts, app, &[ADMIN]).await?;
        insist(app, &caller, Deed::Change)?;
        Ok(Self(caller))
    }
}

/// May see everything of the tenant: an administrator, or somebody who only looks after them. Their program needs no
/// scope that lets it change anything.
#[derive(Debug)]
pub struct Auditor(pub Caller);

impl FromRequestParts<Arc<App>> for Auditor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (needed, deed): (AnyScope, _) =
            if parts.method.is_safe() { (&[ADMIN_READ, ADMIN], Deed::See) } else { (&[ADMIN], Deed::Change) };
        let caller = Caller::with_scope(parts, app, needed).await?;
        insist(app, &caller, deed)?;
        Ok(Self(caller))
    }
}

/// Where the extractor leaves the token that the answer is to carry.
#[derive(Clone, Debug, Default)]
struct CsrfOffer(Arc<OnceLock<String>>);

/// Hands a signed-in browser the token that its unsafe requests must show, with the answer to every safe one: a front
/// end on the same origin can read it, and no one else can.
pub(in crate::http) fn with_csrf_token(endpoints: OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>> {
    let (router, document) = endpoints.split_for_parts();
    let router = router.layer(middleware::from_fn(offer_csrf_token));
    OpenApiRouter::with_openapi(document).merge(OpenApiRouter::from(router))
}

async fn offer_csrf_token(mut request: Request, next: Next) -> Response {
    let offer = CsrfOffer::default();
    request.extensions_mut().insert(offer.clone());
    let mut response = next.run(request).await;
    if let Some(token) = offer.0.get().and_then(|token| HeaderValue::from_str(token).ok()) {
        response.headers_mut().insert(CSRF_TOKEN, token);
    }
    response
}
