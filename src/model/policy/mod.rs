//! What a device must pass before it is connected, and what it gets: by the settings (`[policy]`), a tenant's changes
//! to them, and a client's changes to those. `config/default.toml` describes each member.
//!
//! A change is a JSON Merge Patch (RFC 7396): what it names is replaced, what it does not name stays, `null` goes back
//! to the server's setting.

pub mod approval;
pub mod client_authentication;
pub mod grant;
pub mod members;
pub mod step_up;
pub mod trust;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use approval::ApprovalPolicy;
use client_authentication::ClientAuthenticationPolicy;
use grant::GrantPolicy;
use step_up::StepUpPolicy;
use trust::TrustPolicy;

/// A whole policy: every member has a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub approval: ApprovalPolicy,
    pub client_authentication: ClientAuthenticationPolicy,
    /// What the person who approves may choose.
    pub grant: GrantPolicy,
    /// The sign-in that connecting a device needs.
    pub step_up: StepUpPolicy,
    pub trust: TrustPolicy,
}

/// Overrides set by a tenant or a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyChanges(pub Map<String, Value>);

/// What `null` does when changes are merged into earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergedNull {
    /// It removes what was set: right where only the settings lie below.
    Removes,
    /// It is kept, and so goes back to the settings past the layer in between.
    Stays,
}

impl PolicyChanges {
    /// These changes with later ones merged in: what those name is replaced, the rest stays.
    #[must_use]
    pub fn merged(&self, later: &Self, null: MergedNull) -> Self {
        let mut merged = self.0.clone();
        merge(&mut merged, &later.0, null);
        Self(merged)
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>, null: MergedNull) {
    for (name, change) in patch {
        match change {
            Value::Null if null == MergedNull::Removes => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let mut members = match target.remove(name) {
                    Some(Value::Object(members)) => members,
                    _ => Map::new(),
                };
                merge(&mut members, inner, null);
                if !members.is_empty() {
                    target.insert(name.clone(), Value::Object(members));
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

/// The changes do not lead to a policy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicyError(String);

impl Policy {
    /// The policy after `changes`, each over those before.
    pub fn changed_by(&self, changes: &[&PolicyChanges]) -> Result<Self, InvalidPolicyError> {
        if changes.iter().all(|changes| changes.0.is_empty()) {
            return Ok(self.clone());
        }
        let standard = serde_json::to_value(self).map_err(|error| InvalidPolicyError(error.to_string()))?;
        let mut policy = standard.clone();
        for PolicyChanges(members) in changes {
            apply(&mut policy, members, &standard);
        }
        let policy: Self =
            serde_json::from_value(policy).map_err(|error| InvalidPolicyError(error.to_string()))?;
        policy.check().map_err(InvalidPolicyError)?;
        Ok(policy)
    }

    /// Refuses changes that name a member which no policy has, at any depth and whatever its value.
    pub fn must_know(&self, changes: &PolicyChanges) -> Result<(), InvalidPolicyError> {
        let known = serde_json::to_value(self).map_err(|error| InvalidPolicyError(error.to_string()))?;
        match unknown_member(&known, &changes.0) {
            Some(name) => Err(InvalidPolicyError(format!("unknown policy member {name}"))),
            None => Ok(()),
        }
    }

    /// Refuses values that cannot work together.
    pub fn check(&self) -> Result<(), String> {
        self.approval.check()?;
        self.grant.check()?;
        self.step_up.check()?;
        self.trust.check()
    }
}

/// The name of the first member of the patch that `known` does not have.
fn unknown_member(known: &Value, patch: &Map<String, Value>) -> Option<String> {
    patch.iter().find_map(|(name, change)| match (known.get(name), change) {
        (None, _) => Some(name.clone()),
        (Some(known), Value::Object(inner)) => {
            unknown_member(known, inner).map(|inner| format!("{name}.{inner}"))
        }
        (Some(_), _) => None,
    })
}

/// Applies a merge patch; `null` means what `standard` has.
fn apply(target: &mut Value, patch: &Map<String, Value>, standard: &Value) {
    for (name, change) in patch {
        let usual = &standard[name.as_str()];
        match change {
            Value::Null => target[name.as_str()] = usual.clone(),
            Value::Object(inner) if target[name.as_str()].is_object() => {
                apply(&mut target[name.as_str()], inner, usual);
            }
            other => target[name.as_str()] = other.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::client_authentication::SecretIn;
    use super::trust::TrustAllowed;
    use super::*;
    use crate::model::acr::Acr;

    pub(super) fn standard() -> Policy {
        let trust =
            TrustPolicy { allowed: TrustAllowed::Never, idle_seconds: 86_400, absolute_seconds: 864_000 };
        let grant = json!({"optional_scopes": "all", "person_chooses_lifetime": true,
                           "max_lifetime_seconds": 864_000});
        let step_up = StepUpPolicy { required_acr: Acr::OneFactor, max_age_seconds: 900 };
        let client_authentication = ClientAuthenticationPolicy { secret_in: SecretIn::Either };
        let grant = serde_json::from_value(grant).unwrap();
        Policy { approval: approval(), client_authentication, grant, step_up, trust }
    }

    fn approval() -> ApprovalPolicy {
        let rules = [
            "by_link",
            "other_country",
            "other_country_by_link",
            "far_away",
            "far_away_by_link",
            "hosting_provider",
            "hosting_provider_by_link",
            "other_network",
            "other_network_by_link",
            "old_code",
            "unknown_key",
            "first_device",
            "many_codes",
            "many_accounts",
        ];
        let rules: Map<String, Value> =
            rules.map(|name| (name.to_owned(), json!("allow"))).into_iter().collect();
        let campaign = json!({"far_approvals": 5, "reports": 3, "window_seconds": 60, "freeze_seconds": 60,
                              "trusted_networks": []});
        let approval = json!({"device_grant": "on", "excluded_roles": [], "excluded_networks": [],
                              "allowed_networks": [], "mode": "enforce", "reverse_confirmation": "never",
                              "far_km": 1000, "old_code_seconds": 480, "many_codes": 10, "many_accounts": 5,
                              "rules": rules, "campaign": campaign});
        serde_json::from_value(approval).unwrap()
    }

    fn changes(value: Value) -> PolicyChanges {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_clients_changes_lie_over_the_tenants_and_null_goes_back_to_the_settings() {
        let standard = standard();
        let tenant = changes(json!({"trust": {"allowed": "anyone", "idle_seconds": 3600}}));
        let client = changes(json!({"trust": {"allowed": "key_bound"}}));
        let policy = standard.changed_by(&[&tenant, &client]).unwrap();
        assert_eq!(policy.trust.allowed, TrustAllowed::KeyBound);
        assert_eq!(policy.trust.idle_seconds, 3600);
        let reset = changes(json!({"trust": {"idle_seconds": null}}));
        let policy = standard.changed_by(&[&tenant, &reset]).unwrap();
        assert_eq!(policy.trust.idle_seconds, standard.trust.idle_seconds);
        assert_eq!(policy.trust.allowed, TrustAllowed::Anyone);
        assert_eq!(standard.changed_by(&[]).unwrap(), standard);
    }

    #[test]
    fn later_changes_are_merged_into_earlier_ones() {
        let earlier = changes(json!({"approval": {"mode": "report_only", "rules": {"by_link": "warn"}}}));
        for (later, tenant, client) in [
            (json!({}), None, None),
            (
                json!({"approval": {"rules": {"far_away": "deny"}}}),
                Some(
                    json!({"approval": {"mode": "report_only", "rules": {"by_link": "warn", "far_away": "deny"}}}),
                ),
                None,
            ),
            (
                json!({"approval": {"mode": null}, "trust": null}),
                Some(json!({"approval": {"rules": {"by_link": "warn"}}})),
                Some(json!({"approval": {"mode": null, "rules": {"by_link": "warn"}}, "trust": null})),
            ),
            (
                json!({"approval": {"rules": {"by_link": null}}}),
                Some(json!({"approval": {"mode": "report_only"}})),
                Some(json!({"approval": {"mode": "report_only", "rules": {"by_link": null}}})),
            ),
            (json!({"approval": null}), Some(json!({})), Some(json!({"approval": null}))),
        ] {
            let tenant = tenant.map_or_else(|| earlier.clone(), changes);
            let client = client.map_or_else(|| tenant.clone(), changes);
            let later = changes(later);
            assert_eq!(earlier.merged(&later, MergedNull::Removes), tenant, "{later:?}");
            assert_eq!(earlier.merged(&later, MergedNull::Stays), client, "{later:?}");
        }
    }

    #[test]
    fn an_unknown_member_is_refused_by_its_name_at_any_depth() {
        let standard = standard();
        for (change, name) in [
            (json!({"aproval": {}}), "aproval"),
            (json!({"approval": {"rulez": {}}}), "approval.rulez"),
            (json!({"approval": {"rules": {"by_lnk": null}}}), "approval.rules.by_lnk"),
            (json!({"trust": {"allowed": {"ever": {}}}}), "trust.allowed.ever"),
        ] {
            let refused = standard.must_know(&changes(change)).unwrap_err().to_string();
            assert!(refused.ends_with(&format!("member {name}")), "{refused}");
        }
        for known in
            [json!({}), json!({"approval": null}), json!({"approval": {"rules": {"by_link": "warn"}}})]
        {
            assert!(standard.must_know(&changes(known)).is_ok());
        }
    }

    #[test]
    fn changes_that_lead_to_no_policy_are_refused() {
        let standard = standard();
        for wrong in [
            json!({"trusted": {}}),
            json!({"trust": {"idle": 1}}),
            json!({"trust": {"allowed": "sometimes"}}),
            json!({"trust": {"idle_seconds": -1}}),
            json!({"trust": {"idle_seconds": 7200, "absolute_seconds": 3600}}),
            json!({"trust": 1}),
            json!({"approval": {"rules": {"other_country": "shrug"}}}),
            json!({"approval": {"excluded_roles": ["No Role"]}}),
            json!({"approval": {"excluded_networks": ["here"]}}),
            json!({"approval": {"campaign": {"window_seconds": 0}}}),
            json!({"client_authentication": {"secret_in": "nowhere"}}),
            json!({"grant": {"optional_scopes": "some"}}),
            json!({"grant": {"max_lifetime_seconds": 0}}),
            json!({"step_up": {"required_acr": "urn:latchkey:acr:3fa"}}),
            json!({"step_up": {"max_age_seconds": 59}}),
        ] {
            assert!(standard.changed_by(&[&changes(wrong.clone())]).is_err(), "{wrong}");
        }
    }
}
