//! What the person who approves may choose, and how long a connection lasts at most.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::scope::{OPENID, ScopeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantPolicy {
    /// Which of the scopes that a device asks for the person may leave out.
    pub optional_scopes: OptionalScopes,
    /// Whether the person may have the connection end earlier than it would.
    pub person_chooses_lifetime: bool,
    /// No connection lasts longer than this, trusted or not, in seconds.
    pub max_lifetime_seconds: u32,
}

/// Scopes that may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = r#"must be "all", "none" or a list of scopes"#)]
pub enum OptionalScopes {
    Every(Extent),
    Named(BTreeSet<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    All,
    /// None.
    None,
}

impl GrantPolicy {
    /// Those of `scopes` that the person may leave out. Never `openid`: it tells the client nothing that the approval
    /// itself does not, and a client that signs people in is broken without its ID token.
    #[must_use]
    pub fn optional(&self, scopes: &ScopeSet) -> ScopeSet {
        let may_go = |name: &str| match &self.optional_scopes {
            OptionalScopes::Every(Extent::All) => true,
            OptionalScopes::Every(Extent::None) => false,
            OptionalScopes::Named(names) => names.contains(name),
        };
        scopes.iter().filter(|name| *name != OPENID && may_go(name)).map(ToOwned::to_owned).collect()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.max_lifetime_seconds == 0 {
            return Err("grant.max_lifetime_seconds must be at least 1".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_all_none_or_which_but_openid_always_stays() {
        let asked = ScopeSet::parse("openid email profile").unwrap();
        for (written, optional) in [
            (r#""all""#, "email profile"),
            (r#""none""#, ""),
            (r#"["email", "openid", "billing"]"#, "email"),
            ("[]", ""),
        ] {
            let policy = GrantPolicy {
                optional_scopes: serde_json::from_str(written).unwrap(),
                person_chooses_lifetime: true,
                max_lifetime_seconds: 1,
            };
            assert_eq!(policy.optional(&asked).to_string(), optional, "{written}");
        }
        for wrong in [r#""some""#, "true", "{}", "[1]"] {
            assert!(serde_json::from_str::<OptionalScopes>(wrong).is_err(), "{wrong}");
        }
    }
}
