//! Bodies that are none: not of the media type, not JSON, too large, with a member that nobody knows.

use serde_json::{Value, json};

use super::document::Described;
use super::world::{Ask, World};
use super::{Check, Must};
use crate::tenant_isolation::requests::{Body, Case};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const UNKNOWN: &str = "surprise";
/// Whose body is a policy, in which a member of any depth may be unknown, and is named in words.
const OF_A_POLICY: [&str; 2] = ["v1_admin_client_policy_replace", "v1_admin_tenant_policy_replace"];
/// OAuth endpoints ignore what they do not know (RFC 6749 §3.1, RFC 7591 §2).
const IGNORES_UNKNOWN: &str = "/oauth/";
/// The form may hold the token, and whatever is no form holds none.
const NEEDS_NO_FORM: &str = "v1_oauth_userinfo_show_to_form";

pub async fn checks(world: &World, described: &Described<'_>, case: &Case) -> Vec<Check> {
    let takes = described.takes();
    let mut checks = Vec::new();
    if takes.is_empty() {
        return checks;
    }
    let ask = || Ask::of(described, case);
    if described.id() != NEEDS_NO_FORM {
        let other = world.ask_as(ask().sending("text/plain", "a=b"), case.who).await;
        checks.push(Check::of("of another media type", other, Must::Be(415)));
    }
    let most = world.server.app.config.server.max_body_bytes;
    let long = "x".repeat(most);
    let (media_type, text) = if takes.contains(&FORM) {
        (FORM, format!("token={long}"))
    } else {
        (JSON, json!({UNKNOWN: long}).to_string())
    };
    let large = world.ask_as(ask().sending(media_type, text), case.who).await;
    checks.push(Check::of("too large", large, Must::Be(413)));
    if takes.contains(&FORM) && described.id() != NEEDS_NO_FORM {
        let twice = world.ask_as(ask().sending(FORM, "client_id=a&client_id=b"), case.who).await;
        checks.push(Check::of("with a parameter twice", twice, Must::Say(400, "invalid_request")));
    }
    if takes == [JSON] {
        let broken = world.ask_as(ask().sending(JSON, r#"{"name": "#), case.who).await;
        checks.push(Check::of("no JSON", broken, Must::Be(400)));
        if !described.operation.path.starts_with(IGNORES_UNKNOWN) {
            checks.push(with_unknown_member(world, described, case).await);
        }
    }
    checks
}

async fn with_unknown_member(world: &World, described: &Described<'_>, case: &Case) -> Check {
    let Body::Json(Value::Object(known)) = &case.body else {
        return Check::missing("a JSON object to add a member to");
    };
    let mut members = known.clone();
    members.insert(UNKNOWN.to_owned(), json!(1));
    let ask = Ask::of(described, case).sending(JSON, Value::Object(members).to_string());
    let answer = world.ask_as(ask, case.who).await;
    let is_named = if OF_A_POLICY.contains(&described.id()) {
        answer.json["detail"].to_string().contains(UNKNOWN)
    } else {
        answer.json["errors"][0]["field"] == UNKNOWN
    };
    let must = if is_named { Must::Say(422, "validation_failed") } else { Must::Hold(false) };
    Check::of("with a member that nobody knows, which is named", answer, must)
}
