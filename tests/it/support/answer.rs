//! An answer of a protocol endpoint, read whole.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Status, headers and JSON body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `Null` when the body is no JSON.
    pub json: Value,
    pub text: String,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.expect("the body arrives")
    }

    /// The same where the body may break off.
    pub async fn try_read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(Self { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text })
    }

    /// The `error` member, or "" when there is none.
    pub fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    /// Insists on an OAuth error of RFC 6749 §5.2 in its whole shape: status, body, headers.
    #[track_caller]
    pub fn must_be_error(&self, error: &str) -> &Self {
        assert_eq!(self.error(), error, "{self:?}");
        // A client that used the header, or had to authenticate, is challenged (RFC 6749 §5.2); nobody else is.
        let is_challenged = error == "invalid_client" && self.headers.contains_key("www-authenticate");
        let expected = if is_challenged { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        assert_eq!(self.status, expected, "{self:?}");
        self.must_be_an_oauth_body();
        self
    }

    /// Insists on what every OAuth error has, whatever its status.
    #[track_caller]
    pub fn must_be_an_oauth_body(&self) -> &Self {
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert!(self.header("content-type").starts_with("application/json"), "{self:?}");
        let described = self.json["error_description"].as_str().expect("error_description is a string");
        for text in [self.error(), described] {
            assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text:?}");
        }
        self
    }

    /// Insists on tokens (RFC 6749 §5.1).
    #[track_caller]
    pub fn must_be_tokens(&self) -> &Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert!(self.json["access_token"].is_string(), "{self:?}");
        assert_eq!(self.json["token_type"], "Bearer", "{self:?}");
        assert!(self.json["expires_in"].is_i64(), "{self:?}");
        self
    }

    /// Insists on tokens that are bound to a key (RFC 9449 §5).
    #[track_caller]
    pub fn must_be_bound_tokens(&self) -> &Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert!(self.json["access_token"].is_string(), "{self:?}");
        assert_eq!(self.json["token_type"], "DPoP", "{self:?}");
        self
    }

    /// A string member; panics when it is missing.
    #[track_caller]
    pub fn string(&self, member: &str) -> String {
        self.json[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }

    /// A header as text, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
