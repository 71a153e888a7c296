//! What is found out about a request while it is answered, for the log: its identifier, the client, why it was refused.
//! Each request has notes of its own; outside a request nothing is noted.

use std::cell::RefCell;

use crate::model::ids::RequestId;
use crate::model::tenant::TenantSlug;

/// The longest client identifier that is noted, in characters; it may be anything that somebody sent.
pub const MAX_CLIENT_ID_CHARS: usize = 100;

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}

#[derive(Debug, Default)]
pub struct Notes {
    request_id: Option<RequestId>,
    /// The tenant that the request goes to.
    pub tenant: Option<TenantSlug>,
    /// The client that the request is from, as far as it says so.
    pub client_id: Option<String>,
    /// The error code, and its description unless it holds what was sent.
    pub refusal: Option<(&'static str, Option<&'static str>)>,
}

/// Does work that belongs to a request, and returns what was noted with what came of it.
pub async fn during<F: Future>(request_id: RequestId, work: F) -> (F::Output, Notes) {
    further(Notes { request_id: Some(request_id), ..Notes::default() }, work).await
}

/// The same for work that goes on where some was done before, and noted.
pub async fn further<F: Future>(notes: Notes, work: F) -> (F::Output, Notes) {
    let noting = async {
        let done = work.await;
        (done, NOTES.with(RefCell::take))
    };
    NOTES.scope(RefCell::new(notes), noting).await
}

/// Notes which tenant the request goes to.
pub fn tenant(slug: &TenantSlug) {
    change(|notes| notes.tenant = Some(slug.clone()));
}

/// Notes which client the request is from, or says it is from; the first one noted stays.
pub fn client(client_id: &str) {
    change(|notes| {
        notes.client_id.get_or_insert_with(|| client_id.chars().take(MAX_CLIENT_ID_CHARS).collect());
    });
}

/// Notes why the request is refused.
pub fn refusal(code: &'static str, description: Option<&'static str>) {
    change(|notes| notes.refusal = Some((code, description)));
}

/// Returns the identifier of the request under way. `None` outside of requests.
#[must_use]
pub fn request_id() -> Option<RequestId> {
    NOTES.try_with(|notes| notes.borrow().request_id).ok().flatten()
}

fn change(change: impl FnOnce(&mut Notes)) {
    // Outside of a request there is nobody to note for.
    let _ = NOTES.try_with(|notes| change(&mut notes.borrow_mut()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_request_has_its_own_notes() {
        client("outside");
        assert!(request_id().is_none());
        let id = |number| RequestId(uuid::Uuid::from_u128(number));
        let noting = |number: u128| {
            during(id(number), async move {
                client(&format!("client-{number}"));
                tokio::task::yield_now().await;
                refusal("invalid_grant", Some("Because."));
                request_id()
            })
        };
        let ((one, first), (two, second)) = tokio::join!(noting(1), noting(2));
        assert_eq!((one, two), (Some(id(1)), Some(id(2))));
        assert_eq!(first.client_id.as_deref(), Some("client-1"));
        assert_eq!(second.client_id.as_deref(), Some("client-2"));
        assert_eq!(first.refusal, Some(("invalid_grant", Some("Because."))));
    }
}
