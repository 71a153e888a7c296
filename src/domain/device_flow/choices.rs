//! Step 4, the rule: what a person may choose when they approve, and what becomes of it. A choice can only make the
//! grant smaller; whatever a form or a program sends, nobody gets more than was offered.

use crate::config::Tokens;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::granting::brings_refresh_token;
use crate::model::client::Client;
use crate::model::device::displayable;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::lifetime::Lifetime;
use crate::model::policy::Policy;
use crate::model::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::store::device_authorizations::decisions::ShapedGrant;

/// What the person may choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub grantable: ScopeSet,
    /// The subset of `grantable` that the user may decline.
    pub optional: ScopeSet,
    /// Whether they may call the device trusted.
    pub may_trust: bool,
    /// How long they may let it stay, shortest first; one only: nothing to choose.
    pub lifetimes: Vec<Lifetime>,
    /// How long a connection lasts that is not trusted.
    pub usual: ConnectionLifetimes,
    /// How long a trusted one lasts.
    pub trusted: ConnectionLifetimes,
    /// How long an access token lasts, in seconds.
    pub access_lifetime_seconds: u32,
    /// How long the scopes allow a connection to last, in seconds. It holds also where the person leaves out the scope
    /// that says so: nothing lasts longer than the page has told.
    pub longest: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// The scopes; `None`: all that were offered.
    pub scopes: Option<ScopeSet>,
    pub trusted: bool,
    /// A name for it; `None`, or without letters: the one it gave itself.
    pub device_name: Option<String>,
    pub lifetime: Lifetime,
}

impl Default for Choices {
    fn default() -> Self {
        Self { scopes: None, trusted: false, device_name: None, lifetime: Lifetime::Longest }
    }
}

/// Why a choice cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceError {
    /// A scope is not on offer (any more), or one that cannot be left out is missing.
    Scopes,
    /// Every scope was left out. The device would be connected without any (RFC 6749 §3.3).
    Nothing,
    /// The access token that acts would pass on a scope that is given by name only, and that it lacks itself.
    BeyondToken,
    /// Devices like this one cannot be trusted.
    Trust,
    /// This lifetime is not on offer.
    Lifetime,
    /// The name cannot be shown to people.
    Name,
}

impl Offer {
    /// What may be chosen for a client's device that started with `dpop_key`, of the scopes that can be granted and that
    /// allow a connection to last as `longest` says.
    #[must_use]
    pub fn of(
        grantable: ScopeSet,
        longest: Option<u32>,
        client: &Client,
        dpop_key: Option<KeyThumbprint>,
        policy: &Policy,
        settings: &Tokens,
    ) -> Self {
        let optional = policy.grant.optional(&grantable);
        let renewable = brings_refresh_token(client, &grantable);
        let usual = ConnectionLifetimes::usual(settings, policy).at_most(longest);
        let trusted = ConnectionLifetimes::trusted(policy).at_most(longest);
        // Where a scope ends it as early, trust would promise what it does not keep.
        let may_trust = renewable && policy.trust.allows(dpop_key) && trusted.outlasts(usual);
        let whole = if may_trust { usual.absolute.max(trusted.absolute) } else { usual.absolute };
        let is_shorter = |lifetime: Lifetime| match lifetime {
            Lifetime::Once => {
                optional.contains(OFFLINE_ACCESS) && grantable.iter().any(|name| name != OFFLINE_ACCESS)
            }
            Lifetime::Longest => true,
            other => other.seconds().is_some_and(|seconds| i64::from(seconds) < whole.num_seconds()),
        };
        let lifetimes = if renewable && policy.grant.person_chooses_lifetime {
            Lifetime::ALL.into_iter().filter(|lifetime| is_shorter(*lifetime)).collect()
        } else {
            vec![Lifetime::Longest]
        };
        let access = settings.access_lifetime_seconds;
        let access_lifetime_seconds = longest.map_or(access, |longest| longest.min(access));
        Self { grantable, optional, may_trust, lifetimes, usual, trusted, access_lifetime_seconds, longest }
    }

    /// The grant that comes of these choices. An offer without scopes is granted as it is; of any other offer at least
    /// one scope must be left.
    pub fn shape(&self, choices: Choices) -> Result<ShapedGrant, ChoiceError> {
        let chosen = choices.scopes.unwrap_or_else(|| self.grantable.clone());
        let is_missing = |name: &str| !chosen.contains(name) && !self.optional.contains(name);
        if !chosen.is_subset(&self.grantable) || self.grantable.iter().any(is_missing) {
            return Err(ChoiceError::Scopes);
        }
        let stays = choices.lifetime != Lifetime::Once && chosen.contains(OFFLINE_ACCESS);
        let scopes: ScopeSet =
            chosen.iter().filter(|name| stays || *name != OFFLINE_ACCESS).map(ToOwned::to_owned).collect();
        if scopes.is_empty() && !self.grantable.is_empty() {
            return Err(ChoiceError::Nothing);
        }
        if choices.trusted && !self.may_trust {
            return Err(ChoiceError::Trust);
        }
        if !self.lifetimes.contains(&choices.lifetime) {
            return Err(ChoiceError::Lifetime);
        }
        let name =
            choices.device_name.as_deref().map(displayable).transpose().map_err(|_| ChoiceError::Name)?;
        Ok(ShapedGrant {
            scopes,
            // Trust is about staying: a one-time device has no trust to keep.
            trusted: choices.trusted && stays,
            device_name: name.filter(|name| !name.is_empty()),
            lifetime_seconds: choices
                .lifetime
                .seconds()
                .filter(|_| stays)
                .into_iter()
                .chain(self.longest)
                .min(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::client::GrantType;
    use crate::model::ids::ClientId;
    use crate::model::policy::grant::{Extent, OptionalScopes};
    use crate::model::policy::trust::TrustAllowed;
    use crate::model::tenant::DEFAULT_TENANT;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    fn offer_for(
        longest: Option<u32>,
        scopes: &str,
        key: Option<KeyThumbprint>,
        change: impl FnOnce(&mut Policy),
    ) -> Offer {
        let Config { tokens, mut policy, .. } = Config::default();
        change(&mut policy);
        let client = Client {
            grant_types: vec![GrantType::DeviceCode, GrantType::RefreshToken],
            ..Client::public(DEFAULT_TENANT, ClientId::parse("tv").unwrap())
        };
        Offer::of(set(scopes), longest, &client, key, &policy, &tokens)
    }

    fn offer(scopes: &str, key: Option<KeyThumbprint>, change: impl FnOnce(&mut Policy)) -> Offer {
        offer_for(None, scopes, key, change)
    }

    fn granted(offer: &Offer, scopes: &str) -> Result<String, ChoiceError> {
        let choices = Choices { scopes: Some(set(scopes)), ..Choices::default() };
        offer.shape(choices).map(|grant| grant.scopes.to_string())
    }

    #[test]
    fn optional_scopes_may_go_others_must_stay_and_none_may_come() {
        let offer = offer("openid email profile", None, |_| ());
        assert_eq!(granted(&offer, "openid email profile").unwrap(), "email openid profile");
        assert_eq!(granted(&offer, "openid profile").unwrap(), "openid profile");
        assert_eq!(granted(&offer, "openid").unwrap(), "openid");
        for wrong in ["email profile", "", "openid admin", "openid email profile offline_access"] {
            assert_eq!(granted(&offer, wrong), Err(ChoiceError::Scopes), "{wrong}");
        }
        assert_eq!(offer.shape(Choices::default()).unwrap().scopes, set("openid email profile"));
    }

    #[test]
    fn what_the_policy_makes_a_condition_cannot_be_left_out() {
        let strict = offer("openid email offline_access", None, |policy| {
            policy.grant.optional_scopes = OptionalScopes::Every(Extent::None);
        });
        assert_eq!(granted(&strict, "openid"), Err(ChoiceError::Scopes));
        assert!(!strict.lifetimes.contains(&Lifetime::Once), "{strict:?}");
        let some = offer("openid email profile", None, |policy| {
            policy.grant.optional_scopes = OptionalScopes::Named(["email".to_owned()].into());
        });
        assert_eq!(granted(&some, "openid profile").unwrap(), "openid profile");
        assert_eq!(granted(&some, "openid email"), Err(ChoiceError::Scopes));
    }

    #[test]
    fn an_approval_leaves_at_least_one_of_the_offered_scopes() {
        let optional = offer("email profile", None, |_| ());
        assert_eq!(granted(&optional, "email").unwrap(), "email");
        assert_eq!(granted(&optional, ""), Err(ChoiceError::Nothing));
        let staying = offer("email offline_access", None, |_| ());
        let once =
            Choices { scopes: Some(set("offline_access")), lifetime: Lifetime::Once, ..Choices::default() };
        assert_eq!(staying.shape(once), Err(ChoiceError::Nothing));
        assert!(!offer("offline_access", None, |_| ()).lifetimes.contains(&Lifetime::Once));
        let nothing = offer("", None, |_| ());
        assert_eq!(granted(&nothing, "").unwrap(), "");
        assert_eq!(nothing.shape(Choices::default()).unwrap().scopes, set(""));
    }

    #[test]
    fn a_device_that_may_stay_only_this_once_gets_nothing_to_stay_with() {
        let offer = offer("openid offline_access", Some(KeyThumbprint([7; 32])), |_| ());
        let once = Choices { lifetime: Lifetime::Once, trusted: true, ..Choices::default() };
        let grant = offer.shape(once).unwrap();
        assert_eq!((grant.scopes.to_string().as_str(), grant.trusted), ("openid", false));
        let day = offer.shape(Choices { lifetime: Lifetime::Day, ..Choices::default() }).unwrap();
        assert_eq!((day.scopes, day.lifetime_seconds), (set("openid offline_access"), Some(86_400)));
    }

    #[test]
    fn only_what_is_shorter_than_the_longest_can_be_chosen() {
        let week = |policy: &mut Policy| policy.grant.max_lifetime_seconds = 7 * 86_400;
        let short = offer("openid offline_access", None, week);
        let expected = [Lifetime::Once, Lifetime::TwelveHours, Lifetime::Day, Lifetime::Longest];
        assert_eq!(short.lifetimes, expected);
        let month = Choices { lifetime: Lifetime::Month, ..Choices::default() };
        assert_eq!(short.shape(month), Err(ChoiceError::Lifetime));
        let fixed = |policy: &mut Policy| policy.grant.person_chooses_lifetime = false;
        assert_eq!(offer("openid offline_access", None, fixed).lifetimes, [Lifetime::Longest]);
        assert_eq!(offer("openid", None, |_| ()).lifetimes, [Lifetime::Longest]);
    }

    #[test]
    fn what_the_page_tells_of_the_time_holds_also_without_the_scope_that_shortens_it() {
        let key = Some(KeyThumbprint([7; 32]));
        let day = offer_for(Some(86_400), "payments offline_access", key, |_| ());
        assert_eq!((day.usual.absolute.num_hours(), day.trusted.absolute.num_hours()), (24, 24));
        assert_eq!(day.lifetimes, [Lifetime::Once, Lifetime::TwelveHours, Lifetime::Longest]);
        assert!(!day.may_trust, "{day:?}");
        let lasts = |scopes: &str, lifetime| {
            let choices = Choices { scopes: Some(set(scopes)), lifetime, ..Choices::default() };
            day.shape(choices).unwrap().lifetime_seconds
        };
        assert_eq!(lasts("payments offline_access", Lifetime::Longest), Some(86_400));
        assert_eq!(lasts("offline_access", Lifetime::Longest), Some(86_400));
        assert_eq!(lasts("offline_access", Lifetime::TwelveHours), Some(43_200));
        let minutes = offer_for(Some(120), "payments", None, |_| ());
        assert_eq!(minutes.access_lifetime_seconds, 120);
    }

    #[test]
    fn trust_is_for_devices_that_the_policy_allows_and_that_stay() {
        let key = Some(KeyThumbprint([7; 32]));
        let trust = |offer: &Offer| offer.shape(Choices { trusted: true, ..Choices::default() });
        assert!(trust(&offer("offline_access", key, |_| ())).unwrap().trusted);
        let keyless = offer("offline_access", None, |_| ());
        assert_eq!(trust(&keyless), Err(ChoiceError::Trust));
        assert_eq!(trust(&offer("openid", key, |_| ())), Err(ChoiceError::Trust));
        let anyone = |policy: &mut Policy| policy.trust.allowed = TrustAllowed::Anyone;
        assert!(trust(&offer("offline_access", None, anyone)).unwrap().trusted);
        let never = |policy: &mut Policy| policy.trust.allowed = TrustAllowed::Never;
        assert_eq!(trust(&offer("offline_access", key, never)), Err(ChoiceError::Trust));
    }

    #[test]
    fn a_name_is_shown_as_it_is_or_not_taken() {
        let offer = offer("openid", None, |_| ());
        let named = |name: &str| {
            let choices = Choices { device_name: Some(name.to_owned()), ..Choices::default() };
            offer.shape(choices).map(|grant| grant.device_name)
        };
        assert_eq!(named(" Kitchen <b>TV</b> ").unwrap().as_deref(), Some("Kitchen <b>TV</b>"));
        assert_eq!(named("  ").unwrap(), None);
        for bad in ["a\nb", "\u{202e}gpj.exe", &"x".repeat(129)] {
            assert_eq!(named(bad), Err(ChoiceError::Name), "{bad:?}");
        }
    }
}
