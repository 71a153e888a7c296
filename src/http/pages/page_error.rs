//! Why a page cannot be shown.

use axum::response::{IntoResponse, Response};

use super::bare_notice::BareNotice;
use crate::domain::oauth_error::OAuthError;
use crate::store::StoreError;

/// Why a page cannot be shown, or a form not be taken.
#[derive(Debug)]
pub enum PageError {
    /// The form was not ours, or its browser has changed since.
    ForeignForm,
    /// Something below failed.
    Failed(OAuthError),
}

impl From<OAuthError> for PageError {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::ForeignForm => BareNotice::ForeignForm,
            Self::Failed(error) => BareNotice::from(error),
        }
        .into_response()
    }
}
