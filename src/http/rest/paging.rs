//! Long lists, a part at a time: by offset, for those who turn pages, and by cursor, for those who read on.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::problem::Problem;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::asked::Slug;
use crate::http::pages::page_error::PageError;
use crate::http::parameters::Parameters;
use crate::http::site::Site;
use crate::model::ids::TenantId;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

/// Which part of a list is asked for: `offset` and `limit`.
#[derive(Debug)]
pub struct Page {
    /// How many items to leave out, from the first on.
    pub offset: i64,
    /// How many to show at most.
    pub limit: i64,
    /// The list's own address, in full.
    address: String,
    query: Vec<(String, String)>,
}

impl FromRequestParts<Arc<App>> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Slug(slug) = Slug::from_request_parts(parts, app).await?;
        let Ok(site) = Site::from_request_parts(parts, app).await;
        let address = format!("{}{}", site.base(app, &slug), parts.uri.path());
        Self::of(parts.uri.query().unwrap_or_default(), address)
    }
}

impl Page {
    fn of(query: &str, address: String) -> Result<Self, Problem> {
        let mut parameters = Parameters::of_query(Some(query))?;
        let offset = take_number(&mut parameters, "offset", 0, 0..=i64::from(i32::MAX))?;
        let limit = take_number(&mut parameters, "limit", DEFAULT_LIMIT, 1..=MAX_LIMIT)?;
        let query = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name != "offset" && name != "limit")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Ok(Self { offset, limit, address, query })
    }

    /// The headers that tell where in the list this page is (RFC 8288).
    #[must_use]
    pub fn headers(&self, total: i64) -> HeaderMap {
        let last = (total - 1).max(0) / self.limit * self.limit;
        let mut links = vec![("first", 0)];
        if self.offset > 0 {
            links.push(("prev", (self.offset - self.limit).max(0)));
        }
        if self.offset + self.limit < total {
            links.push(("next", self.offset + self.limit));
        }
        links.push(("last", last));
        let links: Vec<_> =
            links.iter().map(|(rel, offset)| format!("<{}>; rel=\"{rel}\"", self.link(*offset))).collect();
        let mut headers = HeaderMap::new();
        headers.insert(TOTAL_COUNT, HeaderValue::from(total));
        if let Ok(links) = HeaderValue::try_from(links.join(", ")) {
            headers.insert(header::LINK, links);
        }
        headers
    }

    fn link(&self, offset: i64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        query.append_pair("offset", &offset.to_string());
        query.append_pair("limit", &self.limit.to_string());
        format!("{}?{}", self.address, query.finish())
    }
}

/// A number among the parameters, or its default.
pub fn take_number(
    parameters: &mut Parameters,
    name: &'static str,
    default: i64,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, Problem> {
    let Some(text) = parameters.take(name) else { return Ok(default) };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let message = format!("must be a whole number from {} to {}", range.start(), range.end());
        Problem::invalid_field(name, message)
    })
}

/// Where to read on in one list of one tenant, as a text that only this server can have made.
#[derive(Debug)]
pub struct Cursor;

impl Cursor {
    /// The text for the place after `shown_last`, the key of the last item shown. `list` names the list and its filters.
    #[must_use]
    pub fn seal(app: &App, tenant: TenantId, list: &str, shown_last: &impl Serialize) -> String {
        let plain = serde_json::to_vec(shown_last).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(app.secrets.cookies.seal(&plain, &context(tenant, list), &app.random))
    }

    /// Cuts a list, of which one item more than `limit` was looked for, to `limit`; the text for the place after the
    /// last that stays, if more follow.
    pub fn cut<T, K: Serialize>(
        app: &App,
        tenant: TenantId,
        list: &str,
        found: &mut Vec<T>,
        limit: i64,
        key: impl FnOnce(&T) -> K,
    ) -> Option<String> {
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let goes_on = found.len() > shown;
        found.truncate(shown);
        let shown_last = found.last().filter(|_| goes_on)?;
        Some(Self::seal(app, tenant, list, &key(shown_last)))
    }

    /// The key that [`Cursor::seal`] was given for the same list; none where there is no text, at the list's beginning.
    pub fn open<K: DeserializeOwned>(
        app: &App,
        tenant: TenantId,
        list: &str,
        text: Option<&str>,
    ) -> Result<Option<K>, ForeignCursor> {
        let Some(text) = text else { return Ok(None) };
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| ForeignCursor)?;
        let plain = app.secrets.cookies.open(&sealed, &context(tenant, list)).map_err(|_| ForeignCursor)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| ForeignCursor)
    }
}

/// A text that is no cursor of the list: it was made for another, or for other filters, or by nobody.
#[derive(Debug)]
pub struct ForeignCursor;

impl From<ForeignCursor> for Problem {
    fn from(_: ForeignCursor) -> Self {
        Self::bad_parameter("cursor", "must be a next_cursor from the same list with the same filters")
    }
}

impl From<ForeignCursor> for PageError {
    fn from(_: ForeignCursor) -> Self {
        OAuthError::invalid_request("The cursor belongs to another list.").into()
    }
}

fn context(tenant: TenantId, list: &str) -> String {
    format!("cursor {tenant} {list}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Page {
        Page::of(query, "https://x.example/devices".to_owned()).unwrap()
    }

    #[test]
    fn a_page_has_its_default_and_its_bounds() {
        let default = page("");
        assert_eq!((default.offset, default.limit), (0, 100));
        let asked = page("limit=1000&offset=7");
        assert_eq!((asked.offset, asked.limit), (7, 1000));
        for bad in ["limit=0", "limit=1001", "limit=x", "offset=-1", "offset=1.5", "limit=1&limit=2"] {
            assert!(Page::of(bad, String::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_lead_to_the_neighbours_and_keep_what_else_was_asked() {
        let links = |query: &str, total| {
            page(query).headers(total)[header::LINK]
                .to_str()
                .unwrap()
                .replace("https://x.example/devices", "")
        };
        assert_eq!(
            links("status=active&offset=2&limit=2", 5),
            "<?status=active&offset=0&limit=2>; rel=\"first\", <?status=active&offset=0&limit=2>; rel=\"prev\", \
             <?status=active&offset=4&limit=2>; rel=\"next\", <?status=active&offset=4&limit=2>; rel=\"last\""
        );
        assert_eq!(links("", 0), "<?offset=0&limit=100>; rel=\"first\", <?offset=0&limit=100>; rel=\"last\"");
        assert_eq!(
            links("limit=2", 4).matches("offset=2&limit=2>; rel=\"last\"").count(),
            1,
            "the last page is not an empty one"
        );
    }
}
