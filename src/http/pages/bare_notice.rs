//! Notices where no tenant or browser is known, or where a page failed.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;

use super::assets;
use super::page::html;
use super::theme::ThemeFrame;
use super::views::{NoticePage, PageFrame, Tone};
use crate::domain::oauth_error::{ErrorCode, OAuthError, UNAVAILABLE_RETRY_AFTER};
use crate::http::oauth_endpoint_error;
use crate::http::retry_after::try_again_after;
use crate::languages::{Language, Phrase, words};
use crate::themes::Theme;

/// A notice, not yet in any language: the response is empty until [`put_into_words`] writes it in the language of the
/// request.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) enum BareNotice {
    /// There is no such page or tenant.
    NotFound,
    /// The page does not know the method.
    NotPossible,
    /// The form was not ours, or its browser has changed since.
    ForeignForm,
    /// The request cannot be read.
    Unreadable,
    /// The head of the request cannot be read.
    UnreadableHead(StatusCode),
    /// The form is larger than any honest one.
    TooLarge,
    /// It is too early.
    TooMany {
        /// How much too early.
        retry_after: TimeDelta,
    },
    /// The database is away.
    Unavailable,
    /// Our fault.
    Fault,
}

impl From<OAuthError> for BareNotice {
    fn from(error: OAuthError) -> Self {
        if let Some(cause) = &error.cause {
            tracing::error!(error = error.code.as_str(), cause, "page request failed");
        }
        match error.code {
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::MethodNotAllowed => Self::NotPossible,
            ErrorCode::TemporarilyUnavailable => Self::Unavailable,
            ErrorCode::ServerError => Self::Fault,
            ErrorCode::TooLarge => Self::TooLarge,
            ErrorCode::HeadTooLarge | ErrorCode::TargetTooLong | ErrorCode::NotImplemented => {
                Self::UnreadableHead(oauth_endpoint_error::status(error.code))
            }
            ErrorCode::TooManyRequests { retry_after } => Self::TooMany { retry_after },
            _ => Self::Unreadable,
        }
    }
}

impl BareNotice {
    fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotPossible => StatusCode::METHOD_NOT_ALLOWED,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::UnreadableHead(status) => status,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its title and its text.
    fn words(self, language: Language) -> (Phrase, Phrase) {
        let t = language;
        match self {
            Self::NotFound => (t.t("notice-not-found-title"), t.t("notice-not-found")),
            Self::NotPossible => (t.t("notice-not-possible-title"), t.t("notice-not-possible")),
            Self::ForeignForm => (t.t("notice-foreign-form-title"), t.t("notice-foreign-form")),
            Self::Unreadable | Self::UnreadableHead(_) => {
                (t.t("notice-unreadable-title"), t.t("notice-unreadable"))
            }
            Self::TooLarge => (t.t("notice-too-large-title"), t.t("notice-too-large")),
            Self::TooMany { retry_after } => {
                let wait = words::wait(language, retry_after);
                (t.t("notice-too-many-title"), t.t("notice-too-many").phrase("wait", wait))
            }
            Self::Unavailable => (t.t("notice-unavailable-title"), t.t("notice-unavailable")),
            Self::Fault => (t.t("notice-fault-title"), t.t("notice-fault")),
        }
    }

    fn retry_after(self) -> Option<TimeDelta> {
        match self {
            Self::TooMany { retry_after } => Some(retry_after),
            Self::Unavailable => Some(UNAVAILABLE_RETRY_AFTER),
            _ => None,
        }
    }
}

impl IntoResponse for BareNotice {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the notice that the response carries, if it carries one, in the theme of the tenant with this path prefix, if
/// it has one. Whether the tenant exists is not checked: the database may be the reason for the notice.
pub(in crate::http) fn put_into_words(
    response: Response,
    language: Language,
    tenant: Option<(&str, &Theme)>,
) -> Response {
    let Some(notice) = response.extensions().get::<BareNotice>().copied() else { return response };
    let (title, text) = notice.words(language);
    let base = tenant.map(|(prefix, _)| prefix.to_owned()).unwrap_or_default();
    let theme = tenant.map(|(_, theme)| theme);
    let frame = PageFrame {
        language,
        here: None,
        tenant_name: theme.and_then(|theme| theme.name.clone()).unwrap_or_else(|| "Latchkey".to_owned()),
        theme: theme.map(|theme| ThemeFrame::of(theme, language, &base)).unwrap_or_default(),
        base,
        stylesheet: assets::STYLESHEET_PATH.clone(),
        signed_in_as: None,
        opens_console: false,
        csrf: String::new(),
    };
    let page = NoticePage { frame, title, text, tone: Tone::Problem, next: None };
    let mut written = html(notice.status(), language, &page);
    // What the router and the handler put on, as `Allow`, stays.
    for (name, value) in response.headers() {
        if !written.headers().contains_key(name) && name != "content-length" {
            written.headers_mut().insert(name, value.clone());
        }
    }
    try_again_after(notice.retry_after(), written)
}
