//! What each operation is asked with, and how it must refuse when that is another tenant's.

use serde_json::{Value, json};

use super::Operation;
use super::estate::Estate;
use crate::support::Answer;
use crate::support::device::DEVICE_GRANT;

/// A request with identifiers of one tenant in it.
pub struct Case {
    pub path: String,
    pub body: Body,
    pub who: Who,
    pub expected: Foreign,
}

#[derive(Clone)]
pub enum Body {
    None,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

/// Whose credentials the request needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Admin,
    User,
    /// A confidential client.
    Robot,
    /// With an initial access token (RFC 7591 §3).
    Invited,
    /// With a registration access token (RFC 7592 §2).
    Registered,
}

/// What becomes of the request at the other tenant, with that one's own credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    NotFound,
    Forbidden,
    /// The token is none for this client (RFC 7592 §2.1).
    Unauthorized,
    /// The identifier is one that a field must not have.
    Unprocessable,
    Error(&'static str),
    /// RFC 7662 §2.2.
    Inactive,
    /// A token that is unknown is as good as revoked (RFC 7009 §2.2).
    NothingDone,
    /// An answer in which nothing of the tenant is.
    NothingShown,
    /// There is no identifier in it: only the credentials may be wrong.
    NotAsked,
}

impl Case {
    pub fn is_refused(&self, answer: &Answer, owner: &Estate) -> bool {
        let status = answer.status.as_u16();
        match self.expected {
            Foreign::NotFound => status == 404,
            Foreign::Forbidden => status == 403,
            Foreign::Unauthorized => status == 401,
            Foreign::Unprocessable => status == 422,
            Foreign::Error(error) => status == 400 && answer.error() == error,
            Foreign::Inactive => status == 200 && answer.json == json!({"active": false}),
            Foreign::NothingDone => status == 200 && answer.text.is_empty(),
            Foreign::NothingShown => status == 200 && !owner.is_told_of(&answer.text),
            Foreign::NotAsked => true,
        }
    }
}

/// The requests of an operation with what is `of` this tenant; `None`: nobody has thought of it.
pub fn cases(operation: &Operation, of: &Estate) -> Option<Vec<Case>> {
    let cases = match operation.path.split_once('{') {
        Some((before, rest)) => {
            let after = &rest[rest.find('}')? + 1..];
            let body = body_of(operation, of)?;
            let (who, expected, ids) = identified(before, of)?;
            let case = |id: &String| Case {
                path: format!("{before}{id}{after}"),
                body: body.clone(),
                who,
                expected,
            };
            ids.iter().map(case).collect()
        }
        None => unidentified(operation, of)?,
    };
    Some(cases)
}

/// Whose the paths are that go on with an identifier, and which there are.
fn identified(before: &str, of: &Estate) -> Option<(Who, Foreign, Vec<String>)> {
    let (who, id) = match before {
        "/account/oauth/clients/" => (Who::User, &of.own_client_id),
        "/admin/oauth/clients/" => (Who::Admin, &of.client_id),
        "/admin/oauth/device-authorizations/" => (Who::Admin, &of.session_id),
        "/admin/registration-tokens/" => (Who::Admin, &of.registration_token_id),
        "/admin/resources/" => (Who::Admin, &of.resource_id),
        "/admin/scopes/" => (Who::Admin, &format!("{}-scope", of.slug)),
        "/admin/signing-keys/" => (Who::Admin, &of.kid),
        "/admin/users/" => (Who::Admin, &of.user_id),
        "/admin/devices/" => (Who::Admin, &of.administered_device_id),
        "/admin/webhooks/" => (Who::Admin, &of.webhook_id),
        "/devices/" => (Who::User, &of.device_id),
        "/admin/tenants/" => return Some((Who::Admin, Foreign::Forbidden, vec![of.slug.clone()])),
        "/oauth/register/" => {
            return Some((Who::Registered, Foreign::Unauthorized, vec![of.registered_client_id.clone()]));
        }
        _ => return None,
    };
    Some((who, Foreign::NotFound, vec![id.clone()]))
}

/// The body of an operation that has its identifier in the path.
fn body_of(operation: &Operation, of: &Estate) -> Option<Body> {
    let is_bare = matches!(operation.method.as_str(), "GET" | "DELETE" | "POST");
    let body = match operation.id.as_str() {
        "v1_account_clients_update" | "v1_admin_clients_update" => json!({"client_name": "Taken"}),
        "v1_admin_client_policy_replace" | "v1_admin_tenant_policy_replace" => {
            json!({"trust": {"allowed": "never"}})
        }
        "v1_admin_resources_update"
        | "v1_admin_tenants_update"
        | "v1_devices_replace"
        | "v1_devices_update"
        | "v1_admin_devices_update" => json!({"name": "Taken"}),
        "v1_admin_scopes_update" => json!({"description": "Taken"}),
        "v1_admin_users_update" => json!({"display_name": "Taken"}),
        "v1_oauth_register_replace" => {
            json!({"client_id": of.registered_client_id, "client_name": "Taken", "token_endpoint_auth_method": "none"})
        }
        _ if is_bare => return Some(Body::None),
        _ => return None,
    };
    Some(Body::Json(body))
}

/// The requests of an operation that has no identifier in its path, but may have some elsewhere.
#[expect(clippy::too_many_lines, reason = "one of everything")]
fn unidentified(operation: &Operation, of: &Estate) -> Option<Vec<Case>> {
    let case = |query: String, body: Body, who: Who, expected: Foreign| Case {
        path: format!("{}{query}", operation.path),
        body,
        who,
        expected,
    };
    let shown = |who: Who, queries: &[String]| -> Vec<Case> {
        let all = std::iter::once(String::new()).chain(queries.iter().map(|query| format!("?{query}")));
        all.map(|query| case(query, Body::None, who, Foreign::NothingShown)).collect()
    };
    let own = |who: Who, body: Body| vec![case(String::new(), body, who, Foreign::NotAsked)];
    let form = |fields: Vec<(&'static str, &String)>, who: Who, expected: Foreign| {
        let fields = fields.into_iter().map(|(name, value)| (name, value.clone())).collect();
        case(String::new(), Body::Form(fields), who, expected)
    };
    let client = format!("client_id={}", of.client_id);
    let code = &of.waiting.user_code;
    Some(match operation.id.as_str() {
        "v1_oauth_authorization_server_metadata_show"
        | "v1_openid_configuration_show"
        | "v1_oauth_jwks_show" => shown(Who::Nobody, &[]),
        "v1_account_clients_list" | "v1_devices_list" | "v1_oauth_userinfo_show" => shown(Who::User, &[]),
        "v1_admin_registration_tokens_list"
        | "v1_admin_resources_list"
        | "v1_admin_scopes_list"
        | "v1_admin_signing_keys_list"
        | "v1_admin_webhooks_list" => shown(Who::Admin, &[]),
        "v1_admin_activity_show" => shown(Who::Admin, &["span=day".to_owned()]),
        "v1_admin_audit_log_list" => shown(
            Who::Admin,
            &[
                format!("actor={}", of.user_id),
                format!("target_id={}", of.client_id),
                format!("target_id={}", of.user_id),
            ],
        ),
        "v1_admin_devices_revoke" => {
            let fleet = Body::Json(json!({"client_id": format!("{}-fleet", of.slug)}));
            vec![case(String::new(), fleet, Who::Admin, Foreign::NothingShown)]
        }
        "v1_admin_webhooks_create" => own(Who::Admin, Body::Json(json!({"url": "https://fresh.example/"}))),
        "v1_admin_clients_list" => {
            shown(Who::Admin, &[format!("q={}", of.slug), format!("owner={}", of.user_id)])
        }
        "v1_admin_devices_list" | "v1_admin_device_authorizations_list" => {
            shown(Who::Admin, &[client, format!("user_id={}", of.user_id)])
        }
        "v1_admin_device_authorization_pages_list" => shown(Who::Admin, &[client]),
        "v1_admin_users_list" => shown(Who::Admin, &[format!("username={}-bob", of.slug)]),
        "v1_admin_tenants_list" => {
            vec![case(String::new(), Body::None, Who::Admin, Foreign::Forbidden)]
        }
        "v1_admin_tenants_create" => {
            let body = Body::Json(json!({"slug": "annexe"}));
            vec![case(String::new(), body, Who::Admin, Foreign::Forbidden)]
        }
        "v1_admin_clients_create" => {
            let scopes = json!({"client_id": "fresh", "scopes": [format!("{}-scope", of.slug)],
                "grant_types": ["refresh_token"]});
            vec![case(String::new(), Body::Json(scopes), Who::Admin, Foreign::Unprocessable)]
        }
        "v1_account_clients_create" => {
            let scopes = json!({"client_name": "Fresh", "scopes": [format!("{}-scope", of.slug)],
                "grant_types": ["refresh_token"]});
            vec![case(String::new(), Body::Json(scopes), Who::User, Foreign::Unprocessable)]
        }
        "v1_admin_registration_tokens_create" => own(Who::Admin, Body::Json(json!({"name": "Fresh"}))),
        "v1_admin_resources_create" => own(Who::Admin, Body::Json(json!({"uri": "https://fresh.example/"}))),
        "v1_admin_scopes_create" => {
            own(Who::Admin, Body::Json(json!({"name": "fresh", "description": "Fresh"})))
        }
        "v1_admin_signing_keys_rotate" => own(Who::Admin, Body::Json(json!({"algorithm": "ES256"}))),
        "v1_admin_users_create" => own(Who::Admin, Body::Json(json!({"username": "fresh"}))),
        "v1_devices_delete_all" => own(Who::User, Body::None),
        "v1_oauth_userinfo_show_to_form" => {
            vec![
                case(String::new(), Body::None, Who::User, Foreign::NothingShown),
                form(vec![("access_token", &of.user_token)], Who::Nobody, Foreign::Unauthorized),
            ]
        }
        "v1_oauth_device_authorization_create" => {
            let foreign = format!("{}-tv", of.slug);
            vec![form(vec![("client_id", &foreign)], Who::Nobody, Foreign::Error("invalid_client"))]
        }
        "v1_oauth_device_consent_show" => {
            vec![case(format!("?user_code={code}"), Body::None, Who::User, Foreign::NotFound)]
        }
        "v1_oauth_device_consent_create" => {
            let body = json!({"user_code": code, "decision": "approve"});
            vec![case(String::new(), Body::Json(body), Who::User, Foreign::NotFound)]
        }
        // The picture is of what was asked, whether there is such a code or not.
        "v1_oauth_device_qr_show" => {
            vec![case(format!("?user_code={code}"), Body::None, Who::Nobody, Foreign::NothingShown)]
        }
        "v1_oauth_introspect_create" => [&of.user_token, &of.refresh_token]
            .map(|token| form(vec![("token", token)], Who::Robot, Foreign::Inactive))
            .into(),
        "v1_oauth_revoke_create" => [&of.user_token, &of.refresh_token]
            .map(|token| form(vec![("token", token)], Who::Robot, Foreign::NothingDone))
            .into(),
        "v1_oauth_token_create" => {
            let (device, refresh) = (DEVICE_GRANT.to_owned(), "refresh_token".to_owned());
            let unknown = Foreign::Error("invalid_grant");
            vec![
                form(
                    vec![("grant_type", &device), ("device_code", &of.approved.device_code)],
                    Who::Robot,
                    unknown,
                ),
                form(
                    vec![("grant_type", &refresh), ("refresh_token", &of.refresh_token)],
                    Who::Robot,
                    unknown,
                ),
            ]
        }
        "v1_oauth_register_create" => own(Who::Invited, Body::Json(json!({"client_name": "Fresh"}))),
        _ => return None,
    })
}
