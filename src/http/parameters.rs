//! Request parameters from a body of any of the three media types: the same fields, the same checks, the same
//! errors (RFC 6749 §3.2, App. B). What is in the query string is never looked at here.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_decoding::form_pairs;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

use super::basic::basic_credentials;
use super::oauth_endpoint_error::OAuthEndpointError;
use super::within::within;
use crate::app::App;
use crate::domain::authenticate_client::PresentedCredentials;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::model::bearer_secret::SecretHash;
use crate::model::jws::MAX_JWS_BYTES;
use crate::model::strict_json;

mod percent_decoding;

pub use percent_decoding::decode_component;

/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
/// What may be as long as a signed token: one that names many scopes, and a set of keys, are longer than any other value.
const LONG: [&str; 3] = ["access_token", "jwks", "token"];
/// The one parameter that may be repeated (RFC 8707 §2).
const REPEATABLE: &str = "resource";

/// The parameters of a query or a form, each given once.
pub struct Parameters {
    pairs: Vec<(String, Zeroizing<String>)>,
}

impl Parameters {
    /// The parameters of a URL's query, for pages.
    pub fn of_query(query: Option<&str>) -> Result<Self, OAuthError> {
        Self::checked(form_pairs(query.unwrap_or_default().as_bytes())?)
    }

    fn checked(pairs: Vec<(String, String)>) -> Result<Self, OAuthError> {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect();
        let mut names: Vec<_> =
            pairs.iter().map(|(name, _)| name).filter(|name| *name != REPEATABLE).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(OAuthError::invalid_request("A parameter is repeated."));
        }
        for (name, value) in &pairs {
            let longest = if LONG.contains(&name.as_str()) { MAX_JWS_BYTES } else { MAX_VALUE_BYTES };
            if value.len() > longest {
                return Err(OAuthError::invalid_request("A parameter is too long."));
            }
            if value.contains('\0') {
                return Err(OAuthError::invalid_request("A parameter contains a NUL character."));
            }
        }
        Ok(Self { pairs })
    }

    /// The parameter's value; one without a value counts as absent (RFC 6749 §3.2).
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.take_secret(name).map(|mut value| std::mem::take(&mut *value))
    }

    /// The same for a value that must be wiped.
    pub fn take_secret(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let index = self.pairs.iter().position(|(given, value)| given == name && !value.is_empty())?;
        Some(self.pairs.swap_remove(index).1)
    }

    /// What is left of the names that begin with `start`.
    pub fn names_after(&self, start: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter_map(move |(name, _)| name.strip_prefix(start))
    }

    /// The parameters of a form whose sender shows a token, and not who it is as a client (RFC 6750 §2.2); none, when
    /// the body is no form.
    pub async fn of_form(request: Request, app: &App) -> Result<Self, OAuthError> {
        if !matches!(MediaType::of(request.headers()), Some(MediaType::Form)) {
            return Self::checked(Vec::new());
        }
        Ok(in_time(app, read(request, app.config.server.max_body_bytes)).await?.texts)
    }

    /// The body of a request as a JSON object, for endpoints whose parameters are more than texts.
    pub async fn of_json<T: DeserializeOwned>(request: Request, app: &App) -> Result<T, OAuthError> {
        if !matches!(MediaType::of(request.headers()), Some(MediaType::Json)) {
            return Err(OAuthError::new(ErrorCode::UnsupportedMediaType, "Send application/json."));
        }
        let (parts, body) = request.into_parts();
        let body = in_time(app, collect(&parts.headers, body, app.config.server.max_body_bytes)).await?;
        let members = strict_json::object(&body)
            .map_err(|_| OAuthError::invalid_request("The body must be a UTF-8 JSON object."))?;
        serde_json::from_value(Value::Object(members))
            .map_err(|_| OAuthError::invalid_request("A JSON member is missing or has the wrong type."))
    }
}

/// The parameters of a request's body in any of the three media types, each given once.
///
/// An endpoint takes what it understands, and that must be text, also in JSON: a `scope` that is a list must not pass for
/// none. What no endpoint takes may be anything.
pub struct BodyParameters {
    texts: Parameters,
    /// The names of JSON members that are no text.
    others: Vec<String>,
    basic: Option<(String, Zeroizing<String>)>,
}

impl BodyParameters {
    /// The parameter's value; one without a value counts as absent (RFC 6749 §3.2).
    ///
    /// # Errors
    /// `invalid_request` if it is no text.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, OAuthError> {
        self.must_be_text(name)?;
        Ok(self.texts.take(name))
    }

    /// The same for a value that must be wiped.
    ///
    /// # Errors
    /// `invalid_request` if it is no text.
    pub fn take_secret(&mut self, name: &str) -> Result<Option<Zeroizing<String>>, OAuthError> {
        self.must_be_text(name)?;
        Ok(self.texts.take_secret(name))
    }

    /// All values of the parameter that may be repeated.
    ///
    /// # Errors
    /// `invalid_request` if one is no text.
    pub fn take_resources(&mut self) -> Result<Vec<String>, OAuthError> {
        self.must_be_text(REPEATABLE)?;
        Ok(std::iter::from_fn(|| self.texts.take(REPEATABLE)).collect())
    }

    /// What the request says about the client that sends it.
    ///
    /// # Errors
    /// `invalid_request` if a part of it is no text.
    pub fn take_credentials(&mut self) -> Result<PresentedCredentials, OAuthError> {
        Ok(PresentedCredentials {
            basic: self.basic.take(),
            client_id: self.take("client_id")?,
            client_secret: self.take_secret("client_secret")?,
            assertion_type: self.take("client_assertion_type")?,
            assertion: self.take_secret("client_assertion")?,
            device_code: None,
        })
    }

    /// Returns the hash of a parameter, which stays where it is.
    #[must_use]
    pub fn hash_of(&self, name: &str) -> Option<SecretHash> {
        let found = self.texts.pairs.iter().find(|(given, value)| given == name && !value.is_empty());
        found.map(|(_, value)| SecretHash::of(value))
    }

    /// The texts among them, for forms of pages.
    #[must_use]
    pub fn into_texts(self) -> Parameters {
        self.texts
    }

    fn must_be_text(&self, name: &str) -> Result<(), OAuthError> {
        if self.others.iter().any(|other| other == name) {
            return Err(OAuthError::invalid_request("A JSON member must be a string."));
        }
        Ok(())
    }
}

impl FromRequest<Arc<App>> for BodyParameters {
    type Rejection = OAuthEndpointError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, OAuthEndpointError> {
        let basic = basic_credentials(request.headers())?;
        let read = in_time(app, read(request, app.config.server.max_body_bytes)).await?;
        Ok(Self { basic, ..read })
    }
}

pub(super) async fn in_time<T>(
    app: &App,
    reading: impl Future<Output = Result<T, OAuthError>>,
) -> Result<T, OAuthError> {
    let limit = Duration::from_secs(app.config.server.body_timeout_seconds);
    let late = || Err(OAuthError::invalid_request("Reading the request body timed out."));
    within(limit, reading).await.unwrap_or_else(late)
}

async fn read(request: Request, limit: usize) -> Result<BodyParameters, OAuthError> {
    let kind = MediaType::of(request.headers());
    let (parts, body) = request.into_parts();
    let body = collect(&parts.headers, body, limit).await?;
    let mut others = Vec::new();
    let pairs = match kind {
        Some(MediaType::Form) => form_pairs(&body)?,
        Some(MediaType::Json) => json_pairs(&body, &mut others)?,
        Some(MediaType::Multipart) => {
            Box::pin(multipart_pairs(Request::from_parts(parts, Body::from(body)))).await?
        }
        None => {
            return Err(OAuthError::new(
                ErrorCode::UnsupportedMediaType,
                "Send application/x-www-form-urlencoded, application/json or multipart/form-data.",
            ));
        }
    };
    Ok(BodyParameters { texts: Parameters::checked(pairs)?, others, basic: None })
}

#[derive(Clone, Copy)]
enum MediaType {
    Form,
    Json,
    Multipart,
}

impl MediaType {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let given = value.split(';').next()?.trim();
        [
            ("application/x-www-form-urlencoded", Self::Form),
            ("application/json", Self::Json),
            ("multipart/form-data", Self::Multipart),
        ]
        .into_iter()
        .find_map(|(name, kind)| given.eq_ignore_ascii_case(name).then_some(kind))
    }
}

pub(super) async fn collect(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, OAuthError> {
    let too_large = || OAuthError::new(ErrorCode::TooLarge, "The body is too large.");
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(OAuthError::invalid_request("The request body is incomplete.")),
    }
}

/// The members of a JSON object that are texts; the names of all others go to `others`.
fn json_pairs(body: &[u8], others: &mut Vec<String>) -> Result<Vec<(String, String)>, OAuthError> {
    let Members(members) = serde_json::from_slice(body)
        .map_err(|_| OAuthError::invalid_request("The body must be a UTF-8 JSON object."))?;
    let mut pairs = Vec::with_capacity(members.len());
    for (name, value) in members {
        match value {
            Value::Null => pairs.push((name, String::new())),
            Value::String(text) => pairs.push((name, text)),
            Value::Object(_) if name == "metadata" => pairs.push((name, value.to_string())),
            Value::Array(items) if name == REPEATABLE => {
                for item in items {
                    let Value::String(text) = item else {
                        return Err(OAuthError::invalid_request(
                            "resource must be a string or an array of strings.",
                        ));
                    };
                    pairs.push((name.clone(), text));
                }
            }
            // An endpoint that takes it refuses it. In any case it may not be repeated.
            _ => {
                others.push(name.clone());
                pairs.push((name, String::new()));
            }
        }
    }
    Ok(pairs)
}

/// The members of an object as they stand there, so that a repeated one is noticed.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

async fn multipart_pairs(request: Request) -> Result<Vec<(String, String)>, OAuthError> {
    let malformed = || OAuthError::invalid_request("The multipart body is malformed.");
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut pairs = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|_| malformed())? {
        let name = field.name().ok_or_else(malformed)?.to_owned();
        let bytes = field.bytes().await.map_err(|_| malformed())?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| OAuthError::invalid_request("A parameter is not valid UTF-8."))?;
        pairs.push((name, text));
    }
    Ok(pairs)
}
