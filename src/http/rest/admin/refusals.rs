//! Whoever may not do what they ask for, or does it too late, is written down in the audit trail.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::app::App;
use crate::domain::refusals::{self, Refusal};
use crate::domain::tenants;
use crate::http::rest::problem::Problem;
use crate::http::surface::Surface;
use crate::model::audit_event::Actor;
use crate::model::ids::UserId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::TenantSlug;

/// Where whoever finds out who asks leaves a note.
#[derive(Clone, Debug, Default)]
struct Asker(Arc<OnceLock<UserId>>);

pub fn note(parts: &Parts, user: UserId) {
    if let Some(asker) = parts.extensions.get::<Asker>() {
        // A request is asked by one person.
        let _ = asker.0.set(user);
    }
}

#[derive(Debug)]
pub struct Attempt {
    slug: TenantSlug,
    origin: RequestOrigin,
    words: String,
    asker: Asker,
}

impl Attempt {
    /// The attempt that this request is, if refusals are recorded where it goes.
    pub fn of(request: &mut Request, slug: &TenantSlug, origin: &RequestOrigin) -> Option<Self> {
        let path = request.uri().path();
        if !Surface::at(path).is_audited {
            return None;
        }
        let words = format!("{} {path}", request.method());
        let asker = Asker::default();
        request.extensions_mut().insert(asker.clone());
        Some(Self { slug: slug.clone(), origin: origin.clone(), words, asker })
    }

    /// Writes down that it was refused (403, 409 and 412), if it was.
    pub async fn write_down(self, app: &App, status: StatusCode, problem: Option<Problem>) {
        let refused = [StatusCode::FORBIDDEN, StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
        if !refused.contains(&status) {
            return;
        }
        let Ok(tenant) = tenants::find(app, &self.slug).await else { return };
        let refusal = Refusal {
            actor: self.asker.0.get().map_or(Actor::Anyone, |user| Actor::User(*user)),
            attempt: self.words,
            status: status.as_u16(),
            error: problem.as_ref().map_or("", Problem::error),
        };
        if let Err(error) = refusals::record(app, tenant.id, refusal, &self.origin).await {
            tracing::warn!(%error, "refused request not recorded in audit log");
        }
    }
}
