//! Who may not ask: nobody, a token that is none or allows something else, somebody without the role, an auditor who
//! would change something, a browser whose person may not know of it.

use super::document::Described;
use super::world::{Ask, World};
use super::{Check, Must};
use crate::support::Person;
use crate::tenant_isolation::requests::{Body, Case, Who};

/// Clients say who they are in the form, so they ask without saying so there.
const IDENTIFIED_IN_THE_FORM: [&str; 2] = ["client_id", "access_token"];
/// Auditors see their own tenant; of the others, administrators alone.
const CLOSED_TO_AUDITORS: &str = "/admin/tenants";
/// A registration is its client's: a header without its token is as good as none (RFC 7592 §2.1).
const OF_REGISTRATION: &str = "/oauth/register";

pub async fn checks(world: &World, described: &Described<'_>, case: &Case) -> Vec<Check> {
    let mut checks = Vec::new();
    if described.may_answer(401) {
        checks.push(nobody(world, described, case).await);
    }
    let is_registration = described.operation.path.starts_with(OF_REGISTRATION);
    if is_registration || !described.scopes().is_empty() {
        let ask = || Ask::of(described, case);
        let unknown = world.ask(ask().with_token("nonsense")).await;
        checks.push(Check::of("with a token that is none", unknown, Must::Say(401, "invalid_token")));
        let malformed = world.ask(ask().with("authorization", "Bearer")).await;
        let must = if is_registration { Must::Be(401) } else { Must::Say(400, "invalid_request") };
        checks.push(Check::of("with a header that cannot be read", malformed, must));
    }
    if let Some(least) = described.scopes().first() {
        let answer = world.ask(Ask::of(described, case).with_token(&world.idle_token)).await;
        let names = answer.header("www-authenticate").contains(&format!(r#"scope="{least}""#));
        checks.push(Check::of("without the scope", answer.clone(), Must::Say(403, "insufficient_scope")));
        checks.push(Check::of("without the scope, which is named", answer, Must::Hold(names)));
    }
    let (path, is_read) = (&described.operation.path, described.operation.method.is_safe());
    if described.operation.is_for_browsers {
        checks.push(forged(world, described, case).await);
    }
    if path.starts_with("/admin/") || path.starts_with("/account/") {
        let answer = by_browser(world, described, case, &world.nobody).await;
        checks.push(Check::of("without the role", answer, Must::Say(403, "forbidden")));
    }
    if path.starts_with("/admin/") {
        let may = is_read && !path.starts_with(CLOSED_TO_AUDITORS);
        let by_token = world.ask(Ask::of(described, case).with_token(&world.auditor_token)).await;
        let by_browser = by_browser(world, described, case, &world.auditor).await;
        let (token, browser) = match (may, is_read) {
            (true, _) => (Must::Succeed, Must::Succeed),
            (false, true) => (Must::Say(403, "forbidden"), Must::Say(403, "forbidden")),
            (false, false) => (Must::Say(403, "insufficient_scope"), Must::Say(403, "forbidden")),
        };
        checks.push(Check::of("by an auditor's program", by_token, token));
        checks.push(Check::of("by an auditor's browser", by_browser, browser));
    }
    checks
}

/// Where clients authenticate: only whoever does so by the header is challenged (RFC 6749 §5.2).
const OF_CLIENTS: [&str; 3] = ["/oauth/device-authorization", "/oauth/token", "/oauth/revoke"];

async fn nobody(world: &World, described: &Described<'_>, case: &Case) -> Check {
    let by_header = OF_CLIENTS.contains(&described.operation.path.as_str());
    let body = match &case.body {
        Body::Form(fields) => {
            let stays = |(name, _): &&(&'static str, String)| !IDENTIFIED_IN_THE_FORM.contains(name);
            let named = (!by_header).then(|| ("client_id", "unheard-of".to_owned()));
            Body::Form(fields.iter().filter(stays).cloned().chain(named).collect())
        }
        other => other.clone(),
    };
    let case = Case { path: case.path.clone(), body, who: Who::Nobody, expected: case.expected };
    let ask = Ask::of(described, &case);
    // unheard-of:x
    let ask = if by_header { ask.with("authorization", "Basic dW5oZWFyZC1vZjp4") } else { ask };
    let answer = world.ask(ask).await;
    let must = if described.tells_problems() { Must::Say(401, "unauthenticated") } else { Must::Be(401) };
    Check::of("by nobody", answer, must)
}

async fn forged(world: &World, described: &Described<'_>, case: &Case) -> Check {
    let person = if case.who == Who::Admin { &world.estate.administrator } else { &world.estate.person };
    let answer = world.ask_by_browser(Ask::of(described, case), person, None).await;
    let refusal = if described.tells_problems() { "csrf_token_mismatch" } else { "access_denied" };
    Check::of("by a browser whose person may not know", answer, Must::Say(403, refusal))
}

async fn by_browser(
    world: &World,
    described: &Described<'_>,
    case: &Case,
    person: &Person,
) -> crate::support::Answer {
    let csrf = world.csrf_of(person).await;
    world.ask_by_browser(Ask::of(described, case), person, Some(&csrf)).await
}
