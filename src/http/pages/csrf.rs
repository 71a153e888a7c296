//! Forms that change something come from our own pages, in the browser they were shown to.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, Uri, header};

use super::browser::Browser;
use super::page_error::PageError;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::parameters::{BodyParameters, Parameters};
use crate::http::site::Site;

/// For what the token of every form stands.
pub(in crate::http) const ANY_FORM: &str = "form";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SAME_ORIGIN: &str = "same-origin";

/// A form that passed the checks. Having one is the proof.
pub(super) struct CsrfChecked {
    /// The browser that sent it.
    pub(super) browser: Browser,
    /// What it says.
    pub(super) form: Parameters,
}

impl FromRequest<Arc<App>> for CsrfChecked {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let Ok(site) = Site::from_request_parts(&mut parts, app).await;
        if !is_from_our_pages(&parts.headers, &site.origin(app)) {
            return Err(PageError::ForeignForm);
        }
        let browser = Browser::from_request_parts(&mut parts, app).await?;
        let mut form = BodyParameters::from_request(Request::from_parts(parts, body), app)
            .await
            .map_err(|refusal| PageError::Failed(OAuthError::from(refusal)))?
            .into_texts();
        let given = form.take("csrf").unwrap_or_default();
        if !browser.is_form_token(&given, ANY_FORM) {
            return Err(PageError::ForeignForm);
        }
        Ok(Self { browser, form })
    }
}

/// Whether the browser says that a page of our own origin asks (Fetch Metadata §2.3). Pages of other sites cannot say so,
/// nor can a tenant's host for another's.
pub(in crate::http) fn says_same_origin(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == SAME_ORIGIN)
}

/// What the browser says of where the form was. Our pages send no referrer, so their `Origin` is `null`; then
/// `Sec-Fetch-Site` tells, and the token in any case.
pub(in crate::http) fn is_from_our_pages(headers: &HeaderMap, public_origin: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(SEC_FETCH_SITE) && !says_same_origin(headers) {
        return false;
    }
    match text(header::ORIGIN) {
        None | Some("null") => true,
        Some(origin) if origin == public_origin => true,
        // A loopback server is reached under several names.
        Some(origin) => {
            let authority =
                origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
            authority.is_some() && authority.as_deref() == text(header::HOST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        is_from_our_pages(&headers, "https://login.example.org")
    }

    #[test]
    fn forms_of_other_sites_are_told_apart() {
        assert!(judged(&[]));
        assert!(judged(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(judged(&[("origin", "https://login.example.org"), ("sec-fetch-site", "same-origin")]));
        assert!(judged(&[("origin", "http://localhost:8628"), ("host", "localhost:8628")]));
        assert!(!judged(&[("sec-fetch-site", "cross-site")]));
        assert!(!judged(&[("origin", "null"), ("sec-fetch-site", "same-site")]));
        assert!(!judged(&[("origin", "https://evil.example"), ("host", "login.example.org")]));
    }
}
