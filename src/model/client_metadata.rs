//! What a client says of itself when it registers (RFC 7591 §2). Members that nobody here acts on are left out.

use serde_json::{Map, Value};
use url::Url;

use super::client::{AuthMethod, ClientKeys, GrantType};
use super::scope::ScopeSet;
use super::signing_key::SigningAlgorithm;

/// The longest text of one member, in bytes.
const MAX_TEXT_BYTES: usize = 512;
/// The most entries of one list.
const MAX_ENTRIES: usize = 10;

#[derive(Debug)]
pub struct ClientMetadata {
    /// `client_name`, or the first of those with a language (`client_name#de`).
    pub name: Option<String>,
    pub auth_method: AuthMethod,
    pub keys: Option<ClientKeys>,
    /// Those of `grant_types` that this server knows; `None` if the member is absent.
    pub grant_types: Option<Vec<GrantType>>,
    pub scopes: Option<ScopeSet>,
    /// `id_token_signed_response_alg` (OpenID Connect Dynamic Client Registration §2).
    pub id_token_algorithm: Option<SigningAlgorithm>,
    /// `dpop_bound_access_tokens` (RFC 9449 §5.2)
    pub dpop_bound_access_tokens: bool,
    /// What else is kept and shown: addresses, contacts, software.
    pub shown: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    RedirectUri,
    /// `invalid_client_metadata`, with a sentence of printable ASCII.
    Member(&'static str),
}

type Read<T> = Result<T, MetadataError>;

const fn unfit<T>(description: &'static str) -> Read<T> {
    Err(MetadataError::Member(description))
}

impl ClientMetadata {
    /// Reads the members of a registration. Those that are `null` count as absent (RFC 7592 §2.2).
    pub fn read(members: &Map<String, Value>) -> Read<Self> {
        check_redirects(members)?;
        let mut shown = Map::new();
        addresses(members, &mut shown)?;
        for name in ["software_id", "software_version"] {
            if let Some(text) = text(members, name)? {
                shown.insert(name.to_owned(), text.into());
            }
        }
        if let Some(contacts) = list(members, "contacts")? {
            shown.insert("contacts".to_owned(), contacts.into_iter().map(Value::from).collect());
        }
        let localised = || members.keys().find(|name| name.starts_with("client_name#"));
        let name = match text(members, "client_name")? {
            None => localised().map(|name| text(members, name)).transpose()?.flatten(),
            name => name,
        };
        Ok(Self {
            name: name.map(ToOwned::to_owned),
            auth_method: auth_method(members)?,
            keys: keys(members)?,
            grant_types: grant_types(members)?,
            scopes: match text(members, "scope")? {
                Some(scope) => {
                    Some(ScopeSet::parse(scope).or(unfit("scope contains an invalid character."))?)
                }
                None => None,
            },
            id_token_algorithm: match text(members, "id_token_signed_response_alg")? {
                Some(name) => match SigningAlgorithm::parse(name) {
                    None => return unfit("id_token_signed_response_alg must be ES256, RS256 or EdDSA."),
                    known => known,
                },
                None => None,
            },
            dpop_bound_access_tokens: match members.get("dpop_bound_access_tokens") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(bound)) => *bound,
                Some(_) => return unfit("dpop_bound_access_tokens must be true or false."),
            },
            shown,
        })
    }
}

/// There is no flow here that redirects; what is sent must be right all the same (RFC 7591 §2).
fn check_redirects(members: &Map<String, Value>) -> Read<()> {
    let uris = list(members, "redirect_uris").or(Err(MetadataError::RedirectUri))?.unwrap_or_default();
    let fits = |text: &&str| {
        Url::parse(text).is_ok_and(|url| {
            url.fragment().is_none() && !["javascript", "data", "vbscript", "file"].contains(&url.scheme())
        })
    };
    if uris.iter().all(fits) { Ok(()) } else { Err(MetadataError::RedirectUri) }
}

fn auth_method(members: &Map<String, Value>) -> Read<AuthMethod> {
    let Some(name) = text(members, "token_endpoint_auth_method")? else {
        return Ok(AuthMethod::ClientSecretBasic);
    };
    AuthMethod::parse(name).map_or_else(|| unfit("token_endpoint_auth_method is not supported."), Ok)
}

/// Reads the grants. One that this server does not know is left out, and with it its response type: no grant of this
/// server has one (RFC 7591 §2.1, §3.2.1).
fn grant_types(members: &Map<String, Value>) -> Read<Option<Vec<GrantType>>> {
    list(members, "response_types")?;
    let Some(names) = list(members, "grant_types")? else { return Ok(None) };
    let mut grants = Vec::new();
    for grant in names.into_iter().filter_map(GrantType::parse) {
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(Some(grants))
}

fn keys(members: &Map<String, Value>) -> Read<Option<ClientKeys>> {
    let uri = text(members, "jwks_uri")?;
    match (members.get("jwks").filter(|set| !set.is_null()), uri) {
        (Some(_), Some(_)) => unfit("Send only one of jwks and jwks_uri."),
        (Some(set), None) if set.is_object() => Ok(Some(ClientKeys::Registered(set.clone().into()))),
        (Some(_), None) => unfit("jwks must be a JWK Set."),
        (None, Some(uri)) => {
            let uri = Url::parse(uri).or(unfit("jwks_uri must be a URL."))?;
            Ok(Some(ClientKeys::Published(uri)))
        }
        (None, None) => Ok(None),
    }
}

/// Addresses for people: https, and all on the host of `client_uri` or below it (RFC 7591 §5).
fn addresses(members: &Map<String, Value>, shown: &mut Map<String, Value>) -> Read<()> {
    let mut home: Option<String> = None;
    for name in ["client_uri", "logo_uri", "tos_uri", "policy_uri"] {
        let Some(text) = text(members, name)? else { continue };
        let url = Url::parse(text)
            .ok()
            .filter(|url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
        let host = url.as_ref().and_then(Url::domain);
        let Some(host) = host else {
            return unfit(
                "client_uri, logo_uri, tos_uri and policy_uri must be https URLs with a host name.",
            );
        };
        let home = home.get_or_insert_with(|| host.to_owned());
        if host != home.as_str() && !host.ends_with(&format!(".{home}")) {
            return unfit("logo_uri, tos_uri and policy_uri must be on the host of client_uri.");
        }
        shown.insert(name.to_owned(), text.into());
    }
    Ok(())
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Read<Option<&'a str>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES && !text.contains('\0') => Ok(Some(text)),
        Some(_) => unfit("A member must be a string of at most 512 bytes."),
    }
}

fn list<'a>(members: &'a Map<String, Value>, name: &str) -> Read<Option<Vec<&'a str>>> {
    let entries = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(entries)) if entries.len() <= MAX_ENTRIES => entries,
        Some(_) => return unfit("A member must be an array of at most 10 strings."),
    };
    let text =
        |entry: &'a Value| entry.as_str().filter(|text| text.len() <= MAX_TEXT_BYTES && !text.contains('\0'));
    entries
        .iter()
        .map(text)
        .collect::<Option<_>>()
        .map_or_else(|| unfit("Array items must be strings of at most 512 bytes."), |list| Ok(Some(list)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Read<ClientMetadata> {
        ClientMetadata::read(value.as_object().unwrap())
    }

    #[test]
    fn what_is_not_said_is_what_a_device_needs() {
        let metadata =
            read(&json!({"unknown": [1], "client_name#de": "Fernseher", "contacts": null})).unwrap();
        assert_eq!(metadata.name.as_deref(), Some("Fernseher"));
        assert_eq!(metadata.auth_method, AuthMethod::ClientSecretBasic);
        assert_eq!(metadata.grant_types, None);
        assert!(metadata.shown.is_empty() && metadata.scopes.is_none());
    }

    #[test]
    fn addresses_are_https_and_of_one_host() {
        let good = json!({"client_uri": "https://a.example/", "logo_uri": "https://img.a.example/x.png"});
        assert_eq!(read(&good).unwrap().shown.len(), 2);
        for bad in [
            json!({"client_uri": "http://a.example/"}),
            json!({"logo_uri": "javascript:alert(1)"}),
            json!({"tos_uri": "data:text/html,x"}),
            json!({"policy_uri": "https://user@a.example/"}),
            json!({"client_uri": "https://127.0.0.1/"}),
            json!({"client_uri": "https://a.example/", "logo_uri": "https://b.example/"}),
            json!({"client_uri": "https://a.example/", "logo_uri": "https://xa.example/"}),
            json!({"client_uri": 1}),
        ] {
            assert!(matches!(read(&bad), Err(MetadataError::Member(_))), "{bad}");
        }
    }

    #[test]
    fn grants_and_response_types_that_are_unknown_are_left_out() {
        let many = json!({"grant_types": ["authorization_code", "refresh_token", "refresh_token", "implicit"],
                          "response_types": ["code", "none"]});
        assert_eq!(read(&many).unwrap().grant_types, Some(vec![GrantType::RefreshToken]));
        for bad in [
            json!({"response_types": "code"}),
            json!({"grant_types": [1]}),
            json!({"grant_types": "refresh_token"}),
            json!({"jwks": {}, "jwks_uri": "https://a.example/"}),
            json!({"contacts": vec!["x"; 11]}),
            json!({"client_name": "x".repeat(513)}),
        ] {
            assert!(matches!(read(&bad), Err(MetadataError::Member(_))), "{bad}");
        }
    }

    #[test]
    fn a_redirect_uri_must_be_one() {
        assert!(read(&json!({"redirect_uris": ["https://a.example/cb", "com.example.app:/cb"]})).is_ok());
        for bad in
            [json!(["/cb"]), json!(["https://a.example/#x"]), json!(["javascript:x"]), json!("x"), json!([1])]
        {
            let refused = read(&json!({"redirect_uris": bad})).unwrap_err();
            assert_eq!(refused, MetadataError::RedirectUri);
        }
    }
}
