//! Values as files and environment variables write them.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

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

/// A key of digits alone arrives from the environment as a number that has lost its leading zeros.
pub(super) fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Text(String),
        #[expect(dead_code, reason = "only told apart, never used")]
        Number(f64),
    }
    match Given::deserialize(deserializer)? {
        Given::Text(text) if text.is_empty() => Ok(None),
        Given::Text(text) => Ok(Some(text)),
        Given::Number(_) => Err(serde::de::Error::custom("put the digits into double quotes")),
    }
}

pub(super) fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SigningAlgorithm, D::Error> {
    let name = String::deserialize(deserializer)?;
    SigningAlgorithm::parse(&name)
        .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is none of ES256, RS256, EdDSA")))
}

/// Networks as a list, or separated by commas as an environment variable has them. An address is a network of one.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    words(deserializer)?
        .iter()
        .map(|word| {
            word.parse::<IpNet>()
                .or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| serde::de::Error::custom(format!("`{word}` is no address or network")))
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
    #[serde(untagged)]
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
