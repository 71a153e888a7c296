//! The members of a policy one by one: which value each has, who set it, and what a change did to it.

use serde_json::{Map, Value};

use super::{InvalidPolicyError, Policy, PolicyChanges};

/// Who set a member, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it has the default of `config/default.toml`.
    Default,
    Settings,
    Tenant,
    Client,
}

impl Origin {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Settings => "settings",
            Self::Tenant => "tenant",
            Self::Client => "client",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name, such as `approval.rules.by_link`.
    pub name: String,
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub name: String,
    pub before: Value,
    pub after: Value,
}

/// Lists the members of the policy that applies to a client, or to a tenant where `client` is `None`.
pub fn members(
    default: &Policy,
    settings: &Policy,
    tenant: &PolicyChanges,
    client: Option<&PolicyChanges>,
) -> Result<Vec<Member>, InvalidPolicyError> {
    let changes: Vec<&PolicyChanges> = [tenant].into_iter().chain(client).collect();
    let (defaults, own) = (leaves(default)?, leaves(settings)?);
    let member = |(name, value): (String, Value)| {
        let of_settings = || {
            let is_default = defaults
                .iter()
                .any(|(other, usual)| *other == name && own.contains(&(name.clone(), usual.clone())));
            if is_default { Origin::Default } else { Origin::Settings }
        };
        let by_client = client.and_then(|changes| said(&changes.0, &name)).map(|said| (said, Origin::Client));
        let by_tenant = || said(&tenant.0, &name).map(|said| (said, Origin::Tenant));
        let origin = match by_client.or_else(by_tenant) {
            Some((Said::Value, origin)) => origin,
            // `null` goes back to the settings.
            Some((Said::Null, _)) | None => of_settings(),
        };
        Member { name, value, origin }
    };
    Ok(leaves(&settings.changed_by(&changes)?)?.into_iter().map(member).collect())
}

/// Lists the members that differ.
pub fn differences(before: &Policy, after: &Policy) -> Result<Vec<Difference>, InvalidPolicyError> {
    let pairs = leaves(before)?.into_iter().zip(leaves(after)?);
    Ok(pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((name, before), (_, after))| Difference { name, before, after })
        .collect())
}

/// What changes say of a member.
enum Said {
    Value,
    Null,
}

/// `None` if they do not name it.
fn said(changes: &Map<String, Value>, name: &str) -> Option<Said> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    match (changes.get(first)?, rest) {
        (Value::Null, _) => Some(Said::Null),
        (Value::Object(inner), Some(rest)) => said(inner, rest),
        _ => Some(Said::Value),
    }
}

/// The values of a policy by their names, in the order of the policy.
fn leaves(policy: &Policy) -> Result<Vec<(String, Value)>, InvalidPolicyError> {
    let mut found = Vec::new();
    let policy = serde_json::to_value(policy).map_err(|error| InvalidPolicyError(error.to_string()))?;
    collect(String::new(), policy, &mut found);
    Ok(found)
}

fn collect(name: String, value: Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (inner, value) in members {
                let name = if name.is_empty() { inner } else { format!("{name}.{inner}") };
                collect(name, value, found);
            }
        }
        value => found.push((name, value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::policy::tests::standard;

    fn changes(value: Value) -> PolicyChanges {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_strongest_layer_that_names_a_member_is_its_origin() {
        let default = standard();
        let mut settings = default.clone();
        settings.trust.idle_seconds = 90_000;
        let tenant = changes(
            json!({"approval": {"mode": "report_only", "far_km": 50}, "trust": {"idle_seconds": 7200}}),
        );
        let client = changes(json!({"approval": {"far_km": 70}, "trust": null}));
        let origin = |client: Option<&PolicyChanges>, name: &str| {
            let members = members(&default, &settings, &tenant, client).unwrap();
            let member = members.into_iter().find(|member| member.name == name).unwrap();
            (member.value, member.origin)
        };
        for (client, name, value, expected) in [
            (None, "approval.mode", json!("report_only"), Origin::Tenant),
            (Some(&client), "approval.mode", json!("report_only"), Origin::Tenant),
            (None, "approval.far_km", json!(50), Origin::Tenant),
            (Some(&client), "approval.far_km", json!(70), Origin::Client),
            (None, "trust.idle_seconds", json!(7200), Origin::Tenant),
            (Some(&client), "trust.idle_seconds", json!(90_000), Origin::Settings),
            (Some(&client), "trust.allowed", json!("never"), Origin::Default),
            (Some(&client), "approval.rules.by_link", json!("allow"), Origin::Default),
        ] {
            assert_eq!(origin(client, name), (value, expected), "{name}");
        }
    }

    #[test]
    fn only_members_that_differ_are_listed() {
        let before = standard();
        let after = before.changed_by(&[&changes(json!({"approval": {"far_km": 50}}))]).unwrap();
        let difference =
            Difference { name: "approval.far_km".to_owned(), before: json!(1000), after: json!(50) };
        assert_eq!(differences(&before, &after).unwrap(), [difference]);
        assert_eq!(differences(&before, &before).unwrap(), []);
    }
}
