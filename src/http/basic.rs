//! HTTP Basic authentication of clients (RFC 6749 §2.3.1).

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::parameters::decode_component;
use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Client id and secret from the `Authorization` header, each form-decoded after base64. `None` without the
/// header or with another scheme than Basic.
pub fn basic_credentials(headers: &HeaderMap) -> Result<Option<(String, Zeroizing<String>)>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(OAuthError::invalid_request("Send only one Authorization header."));
    }
    let malformed =
        || OAuthError::new(ErrorCode::UnauthenticatedClient, "The Authorization header is malformed.");
    let (scheme, encoded) = value.to_str().map_err(|_| malformed())?.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        let description = "The authentication scheme is not supported.";
        return Err(OAuthError::new(ErrorCode::UnauthenticatedClient, description));
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| malformed())?);
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let id = decode_component(&decoded[..colon]).map_err(|_| malformed())?;
    let secret = Zeroizing::new(decode_component(&decoded[colon + 1..]).map_err(|_| malformed())?);
    if id.is_empty() || id.contains('\0') {
        return Err(malformed());
    }
    Ok(Some((id, secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<(String, String)>, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        Ok(basic_credentials(&headers)?.map(|(id, secret)| (id, secret.to_string())))
    }

    #[test]
    fn id_and_secret_are_form_decoded() {
        let encoded = STANDARD.encode("my%3Aclient:p%25w%2Bd%3A+x");
        assert_eq!(read(&format!("basic {encoded}")).unwrap(), Some(("my:client".into(), "p%w+d: x".into())));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["Bearer x", "Basic", "Basic !!!", "Basic eA==", "Basic OmFi"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(basic_credentials(&HeaderMap::new()).unwrap().is_none());
    }
}
