use super::*;
use crate::model::client::OwnerRights;
use crate::model::ids::{ClientId, UserId};
use crate::model::tenant::DEFAULT_TENANT;
use crate::model::user::Standing;
use uuid::Uuid;

fn set(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

fn client(scope_policy: ScopePolicy) -> Client {
    let scopes = set("openid billing gone");
    let public = Client::public(DEFAULT_TENANT, ClientId::parse("tv").unwrap());
    Client { scopes, scope_policy, first_party: true, ..public }
}

fn user(roles: &[&str]) -> User {
    User {
        id: UserId(Uuid::nil()),
        tenant_id: DEFAULT_TENANT,
        username: "ada".into(),
        display_name: None,
        email: None,
        email_verified: false,
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        standing: Standing::Good,
        tokens_not_before: None,
    }
}

fn catalogue() -> Vec<Scope> {
    [("openid", None), ("billing", Some("accountant")), ("video", None)]
        .map(|(name, role)| Scope {
            required_role: role.map(|role| role.parse::<Role>().unwrap()),
            ..Scope::unconditional(name, "")
        })
        .to_vec()
}

#[test]
fn granted_is_requested_and_the_clients_and_the_users() {
    let (explicit, catalogue) = (client(ScopePolicy::Explicit), catalogue());
    let granted = |asked: Option<&str>, roles: &[&str]| {
        grantable(asked.map(set).as_ref(), &explicit, &catalogue, &user(roles), None).to_string()
    };
    assert_eq!(granted(Some("openid billing video"), &[]), "openid");
    assert_eq!(granted(Some("openid billing"), &["accountant"]), "billing openid");
    assert_eq!(granted(Some("openid gone"), &["accountant"]), "openid");
    assert_eq!(granted(None, &["accountant"]), "billing openid");
}

#[test]
fn an_inheriting_client_receives_all_that_the_user_may_grant() {
    let (inheriting, catalogue) = (client(ScopePolicy::Inherit), catalogue());
    assert_eq!(grantable(None, &inheriting, &catalogue, &user(&[]), None).to_string(), "openid video");
    let accountant = user(&["accountant"]);
    assert_eq!(
        grantable(None, &inheriting, &catalogue, &accountant, None).to_string(),
        "billing openid video"
    );
    assert_eq!(
        grantable(Some(&set("video")), &inheriting, &catalogue, &accountant, None).to_string(),
        "video"
    );
}

#[test]
fn the_scopes_that_open_everything_are_registered_by_name_or_not_had() {
    let names = ["admin", "device:approve", "video"];
    let catalogue = names.map(|name| Scope::unconditional(name, ""));
    let mut inheriting = client(ScopePolicy::Inherit);
    assert_eq!(grantable(None, &inheriting, &catalogue, &user(&[]), None).to_string(), "video");
    inheriting.scopes = set("device:approve");
    assert_eq!(
        grantable(None, &inheriting, &catalogue, &user(&[]), None).to_string(),
        "device:approve video"
    );
}

#[test]
fn what_is_for_bound_tokens_only_needs_a_key_and_the_shortest_lifetime_counts() {
    let key = Some(KeyThumbprint([7; 32]));
    let mut catalogue = catalogue();
    catalogue[1] = Scope { requires_dpop: true, ..Scope::unconditional("billing", "") };
    catalogue[2] = Scope { max_lifetime_seconds: Some(3600), ..Scope::unconditional("video", "") };
    let inheriting = client(ScopePolicy::Inherit);
    let granted = |asked: Option<&str>, key| {
        grantable(asked.map(set).as_ref(), &inheriting, &catalogue, &user(&[]), key).to_string()
    };
    assert_eq!(
        (granted(None, None).as_str(), granted(None, key).as_str()),
        ("openid video", "billing openid video")
    );
    assert_eq!(
        (granted(Some("billing"), None).as_str(), granted(Some("billing"), key).as_str()),
        ("", "billing")
    );
    assert_eq!(grantable_unseen(&inheriting, &catalogue).to_string(), "openid");
    let itself = |asked, key| for_client_itself(&inheriting, &catalogue, asked, key);
    assert_eq!(itself(None, None).unwrap().to_string(), "");
    assert_eq!(itself(None, key).unwrap().to_string(), "billing");
    assert_eq!(itself(Some("billing"), None).unwrap_err().code, ErrorCode::InvalidDpopProof);
    assert_eq!(itself(Some("video"), key).unwrap_err().code, ErrorCode::InvalidScope);
    assert_eq!(longest(&set("openid billing"), &catalogue), None);
    assert_eq!(longest(&set("openid video"), &catalogue), Some(3600));
    catalogue[0].max_lifetime_seconds = Some(60);
    assert_eq!(longest(&set("openid video"), &catalogue), Some(60));
}

#[test]
fn a_client_that_acts_for_itself_gets_what_is_registered_for_it_and_speaks_of_nobody() {
    let (itself, catalogue) = (client(ScopePolicy::Inherit), catalogue());
    let granted = |owner: Option<OwnerRights>, asked| {
        let itself = Client { owner_rights: owner, ..itself.clone() };
        for_client_itself(&itself, &catalogue, asked, None).map(|scopes| scopes.to_string())
    };
    assert_eq!(granted(None, None).unwrap(), "billing");
    assert_eq!(granted(None, Some("billing")).unwrap(), "billing");
    for more in ["openid", "billing openid", "video", "gone", "nothing", ""] {
        assert_eq!(granted(None, Some(more)).unwrap_err().code, ErrorCode::InvalidScope, "{more:?}");
    }
    assert_eq!(granted(Some(owner(&["accountant"])), None).unwrap(), "billing");
    assert_eq!(granted(Some(owner(&["admin"])), None).unwrap(), "billing");
    assert_eq!(granted(Some(owner(&[])), None).unwrap(), "");
}

fn owner(roles: &[&str]) -> OwnerRights {
    OwnerRights { is_active: true, roles: user(roles).roles }
}

#[test]
fn a_client_of_a_user_gets_no_more_than_its_owner_could_grant_whoever_approves() {
    let (explicit, catalogue) = (client(ScopePolicy::Explicit), catalogue());
    let granted = |owner: OwnerRights| {
        let client = Client { owner_rights: Some(owner), ..explicit.clone() };
        grantable(None, &client, &catalogue, &user(&["accountant"]), None).to_string()
    };
    assert_eq!(granted(owner(&["accountant"])), "billing openid");
    assert_eq!(granted(owner(&[])), "openid");
    assert_eq!(granted(OwnerRights { is_active: false, ..owner(&["accountant"]) }), "");
}

#[test]
fn an_administrator_may_grant_everything() {
    let granted = grantable(None, &client(ScopePolicy::Inherit), &catalogue(), &user(&["admin"]), None);
    assert_eq!(granted.to_string(), "billing openid video");
}

const DEFAULT_AUDIENCE: &str = "https://login.example.org/api";

fn uris(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn only_known_services_can_be_asked_for_and_each_counts_once() {
    let known: Vec<Resource> =
        (0..20).map(|n| Resource { uri: format!("urn:api:{n:02}"), name: String::new() }).collect();
    let requested = |asked: &[&str]| requested_resources(&known, &[DEFAULT_AUDIENCE], &uris(asked));
    assert_eq!(requested(&[]).unwrap(), uris(&[]));
    let thrice = ["urn:api:02", "urn:api:01", "urn:api:02"];
    assert_eq!(requested(&thrice).unwrap(), uris(&["urn:api:01", "urn:api:02"]));
    assert_eq!(requested(&[DEFAULT_AUDIENCE]).unwrap(), uris(&[DEFAULT_AUDIENCE]));
    assert_eq!(requested(&["urn:api:01"; 30]).unwrap().len(), 1);
    for bad in ["urn:api:20", "URN:api:01", "urn:api:01/", "urn:api:01#", " urn:api:01", "api"] {
        let refused = requested(&["urn:api:00", bad]).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidTarget, "{bad:?}");
    }
    let all: Vec<&str> = known.iter().map(|resource| resource.uri.as_str()).collect();
    assert_eq!(requested(&all[..MAX_RESOURCES]).unwrap().len(), MAX_RESOURCES);
    assert_eq!(requested(&all[..=MAX_RESOURCES]).unwrap_err().code, ErrorCode::InvalidTarget);
}

#[test]
fn a_token_is_for_what_was_granted_or_for_less_and_never_for_more() {
    let granted = uris(&["urn:api:1", "urn:api:2"]);
    assert_eq!(narrow_resources(&granted, &[]).unwrap(), granted);
    assert_eq!(narrow_resources(&granted, &granted).unwrap(), granted);
    let one = uris(&["urn:api:2", "urn:api:2"]);
    assert_eq!(narrow_resources(&granted, &one).unwrap(), uris(&["urn:api:2"]));
    for more in [&["urn:api:3"][..], &["urn:api:1", "urn:api:3"], &[DEFAULT_AUDIENCE], &["urn:api:"]] {
        let refused = narrow_resources(&granted, &uris(more)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidTarget, "{more:?}");
    }
}

#[test]
fn where_nothing_was_named_at_the_start_the_default_is_all_there_is() {
    let granted = uris(&[DEFAULT_AUDIENCE]);
    assert_eq!(narrow_resources(&granted, &granted).unwrap(), granted);
    assert_eq!(narrow_resources(&granted, &[]).unwrap(), granted);
    for nothing in [&granted, &Vec::new()] {
        let refused = narrow_resources(nothing, &uris(&["urn:api:1"])).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidTarget);
    }
}

#[test]
fn a_token_passes_on_a_scope_given_by_name_only_if_it_has_it() {
    for (token, granted, passed) in [
        (None, "openid admin", "admin openid"),
        (Some("openid device:approve"), "openid profile devices", "devices openid profile"),
        (Some("openid device:approve"), "openid admin", "openid"),
        (Some("openid device:approve"), "admin:read clients", ""),
        (Some("openid device:approve"), "device:approve", "device:approve"),
        (Some("openid device:approve admin"), "openid admin", "admin openid"),
    ] {
        assert_eq!(passed_on(token.map(set).as_ref(), &set(granted)).to_string(), passed, "{token:?}");
    }
}
