//! The body of an answer that must not be lost unnoticed.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::store::memory::lost_answers::Delivery;

/// Returns the answer with a body that tells `delivery` when the connection takes it.
pub(super) fn delivered(answer: Response, delivery: Option<Delivery>) -> Response {
    match delivery {
        None => answer,
        Some(delivery) => answer.map(|body| Body::new(Delivered { body, delivery: Some(delivery) })),
    }
}

struct Delivered {
    body: Body,
    delivery: Option<Delivery>,
}

impl http_body::Body for Delivered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(delivery) = self.delivery.take() {
            delivery.is_sent();
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
