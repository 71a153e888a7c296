//! An answer that comes later. Until then, only what its handlers have put aside is left of the request: a server has
//! many thousands that wait.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::connections::Coming;

#[derive(Clone)]
struct Later(Arc<Mutex<Option<Coming>>>);

/// An answer that comes later, and what is put on every answer of its endpoint.
pub(super) struct Awaited {
    coming: Coming,
    headers: Box<[(HeaderName, HeaderValue)]>,
}

/// Returns a placeholder for the answer that comes later.
pub(super) fn later(coming: impl Future<Output = Response> + Send + 'static) -> Response {
    let mut response = ().into_response();
    response.extensions_mut().insert(Later(Arc::new(Mutex::new(Some(Box::pin(coming))))));
    response
}

/// Takes what comes later, or returns the answer itself if nothing does.
#[expect(clippy::result_large_err, reason = "the answer is what most requests get, and is not moved twice")]
pub(super) fn take(mut response: Response) -> Result<Awaited, Response> {
    let Some(Later(coming)) = response.extensions_mut().remove::<Later>() else { return Err(response) };
    let Some(coming) = coming.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return Err(response);
    };
    let of_body = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
    let headers = response.headers().iter().filter(|(name, _)| !of_body.contains(name));
    Ok(Awaited { coming, headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect() })
}

impl Awaited {
    pub(super) async fn arrive(self) -> Response {
        let mut response = self.coming.await;
        let own: Vec<_> = response.headers().keys().cloned().collect();
        for (name, value) in self.headers {
            if !own.contains(&name) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    #[tokio::test]
    async fn what_was_put_on_the_answer_in_its_place_is_on_the_one_that_comes() {
        let coming = async { (StatusCode::BAD_REQUEST, [("x-own", "own")], "body").into_response() };
        let mut placed = later(coming);
        for (name, value) in
            [("x-own", "other"), ("vary", "origin"), ("vary", "accept"), ("content-length", "0")]
        {
            placed.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let arrived = take(placed).map_err(|_| "an answer").unwrap().arrive().await;
        assert_eq!(arrived.status(), StatusCode::BAD_REQUEST);
        assert_eq!(arrived.headers()["x-own"], "own");
        assert_eq!(arrived.headers().get_all("vary").iter().count(), 2);
        assert!(!arrived.headers().contains_key("content-length"));
    }

    #[test]
    fn an_answer_that_is_there_is_not_waited_for() {
        assert!(take(StatusCode::OK.into_response()).is_err());
    }
}
