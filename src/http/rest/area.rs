//! What the operations of one area have in common in the API's description: their tag, how callers authenticate, and
//! how every one of them may refuse. The router says it, so that no operation can forget it.

use std::sync::Arc;

use utoipa::IntoResponses;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// An area of the REST API.
pub(super) struct Area {
    pub(super) tag: &'static str,
    /// The scopes of access tokens of which each allows reading.
    pub(super) reads: &'static [&'static str],
    /// The scope of access tokens that allows changes.
    pub(super) changes: &'static str,
}

impl Area {
    /// Describes all operations of the routes: those that read, and those that change something. What an operation says
    /// itself of an answer stays.
    pub(super) fn describe<Reading: IntoResponses, Changing: IntoResponses>(
        &self,
        routes: OpenApiRouter<Arc<App>>,
    ) -> OpenApiRouter<Arc<App>> {
        let (handlers, mut document) = routes.split_for_parts();
        for item in document.paths.paths.values_mut() {
            if let Some(operation) = &mut item.get {
                self.describe_one::<Reading>(operation, self.reads, &[]);
            }
            let changing = [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in changing.into_iter().flatten() {
                self.describe_one::<Changing>(operation, &[self.changes], &["csrf_token"]);
            }
        }
        OpenApiRouter::with_openapi(document).merge(OpenApiRouter::from(handlers))
    }

    /// Describes an operation for callers with one of the scopes, or with a browser that also shows these.
    fn describe_one<Refusals: IntoResponses>(
        &self,
        operation: &mut Operation,
        scopes: &[&str],
        shown: &[&str],
    ) {
        let none: [&str; 0] = [];
        let browser = shown
            .iter()
            .fold(SecurityRequirement::new("browser_session", none), |with, scheme| with.add(*scheme, none));
        let tokens = scopes.iter().map(|scope| SecurityRequirement::new("access_token", [*scope]));
        operation.security = Some(tokens.chain([browser]).collect());
        operation.tags = Some(vec![self.tag.to_owned()]);
        for (status, refusal) in Refusals::responses() {
            operation.responses.responses.entry(status).or_insert(refusal);
        }
    }
}
