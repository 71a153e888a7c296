//! Values as files and environment variables write them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::model::signing_key::SigningAlgorithm;
use crate::model::user::Role;

pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

/// Reads an address and a port, or says how to write what was meant.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    const RULE: &str = "must be an IP address and a port";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        return Err(format!("{RULE}: use 127.0.0.1:{port} instead of {text}"));
    }
    let any = text.strip_prefix(':').or_else(|| text.strip_prefix("*:"));
    if let Some(port) = any.filter(|port| port.parse::<u16>().is_ok()) {
        return Err(format!(
            "{RULE}: use 0.0.0.0:{port} for all interfaces, 127.0.0.1:{port} for this machine only"
        ));
    }
    if text.parse::<u16>().is_ok() {
        return Err(format!("{RULE}: use 127.0.0.1:{text} instead of {text}"));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V4(ip)) => Err(format!("{RULE}: use {ip}:8628 instead of {text}")),
        Ok(IpAddr::V6(ip)) => Err(format!("{RULE}: use [{ip}]:8628 instead of {text}")),
        Err(_) => Err(format!("{RULE}, such as 127.0.0.1:8628 or 0.0.0.0:8628, found {text}")),
    }
}

/// A text, or a port alone, which deserves its own message.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be text")]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl TextOrNumber {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_address(&TextOrNumber::deserialize(deserializer)?.into_text()).map_err(serde::de::Error::custom)
}

pub(super) fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = TextOrNumber::deserialize(deserializer)?.into_text();
    if text.is_empty() { Ok(None) } else { parse_address(&text).map(Some).map_err(serde::de::Error::custom) }
}

/// Reads a URL, or says which scheme is missing. A host with a port, such as `login.example.org:8443`, would pass for a
/// URL whose scheme is the host.
fn parse_url(text: &str, scheme: &str) -> Result<Url, String> {
    if !text.contains("://") {
        return Err(format!("must begin with a scheme: use {scheme}://{text}"));
    }
    text.parse().map_err(|error| format!("must be a URL such as {scheme}://host: {error}"))
}

pub(super) fn web_origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_local = text.starts_with("localhost") || text.starts_with("127.") || text.starts_with("[::1]");
    url(&text, if is_local { "http" } else { "https" })
}

/// The address of the mail server.
pub(super) fn mail_server<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    url(&String::deserialize(deserializer)?, "smtps")
}

fn url<E: serde::de::Error>(text: &str, scheme: &str) -> Result<Option<Url>, E> {
    if text.is_empty() { Ok(None) } else { parse_url(text, scheme).map(Some).map_err(E::custom) }
}

/// Reads a secret. Digits without quotes are a number in TOML, which has lost its leading zeros; no message repeats it.
pub(super) fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be text")]
    enum Given {
        Text(String),
        #[expect(dead_code, reason = "only told apart, never used")]
        Number(f64),
    }
    match Given::deserialize(deserializer)? {
        Given::Text(text) if text.is_empty() => Ok(None),
        Given::Text(text) => Ok(Some(text)),
        Given::Number(_) => {
            Err(serde::de::Error::custom("must be a string: put the digits in double quotes"))
        }
    }
}

pub(super) fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SigningAlgorithm, D::Error> {
    let name = String::deserialize(deserializer)?;
    SigningAlgorithm::parse(&name)
        .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not one of ES256, RS256, EdDSA")))
}

/// Networks as a list, or separated by commas as an environment variable has them. An address is a network of one.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    words(deserializer)?
        .iter()
        .map(|word| {
            word.parse::<IpNet>()
                .or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| serde::de::Error::custom(format!("`{word}` is not an IP address or network")))
        })
        .collect()
}

/// Roles, in the same two ways.
pub(super) fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Role>, D::Error> {
    words(deserializer)?
        .iter()
        .map(|word| word.parse().map_err(|error| serde::de::Error::custom(format!("`{word}`: {error}"))))
        .collect()
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a list of texts, or a text with commas")]
    enum Given {
        List(Vec<String>),
        Text(String),
    }
    let words = match Given::deserialize(deserializer)? {
        Given::List(words) => words,
        Given::Text(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
    };
    Ok(words.into_iter().filter(|word| !word.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_ip_or_port_is_rejected_with_the_right_spelling() {
        for (text, right) in [
            ("localhost:8628", "use 127.0.0.1:8628"),
            (":8628", "use 0.0.0.0:8628"),
            ("*:80", "use 0.0.0.0:80"),
            ("8628", "use 127.0.0.1:8628"),
            ("10.0.0.7", "use 10.0.0.7:8628"),
            ("::1", "use [::1]:8628"),
            ("[::1]", "use [::1]:8628"),
            ("login.example.org:443", "such as 127.0.0.1:8628"),
            ("127.0.0.1:99999", "such as 127.0.0.1:8628"),
        ] {
            let said = parse_address(text).unwrap_err();
            assert!(said.starts_with("must be an IP address and a port") && said.contains(right), "{said}");
        }
        assert!(parse_address("[::]:8628").is_ok());
    }

    #[test]
    fn a_url_without_a_scheme_is_rejected_with_the_right_spelling() {
        for (text, right) in [
            ("login.example.org", "use https://login.example.org"),
            ("login.example.org:8443", "use https://login.example.org:8443"),
            ("https://", "must be a URL such as https://host"),
        ] {
            let said = parse_url(text, "https").unwrap_err();
            assert!(said.contains(right), "{said}");
        }
    }
}
