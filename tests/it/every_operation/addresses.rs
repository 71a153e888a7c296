//! What is not there: the tenant, what the path names, that version of it; and values that no parameter can have.

use super::document::Described;
use super::parameters::{ANY_TEXT, unfit};
use super::world::{Ask, World};
use super::{Check, Must};
use crate::tenant_isolation::requests::Case;

const NOWHERE: &str = "/t/nowhere";
/// A version that nothing has.
const STALE: &str = r#""9999""#;
const NOBODYS_ID: &str = "01a00000-0000-7000-8000-000000000000";
/// The user code is of the person who asks, so it has no name of its own to be unfit by.
const USER_CODE: &str = "user_code";

pub async fn checks(world: &World, described: &Described<'_>, case: &Case) -> Vec<Check> {
    let ask = || Ask::of(described, case);
    let mut checks = Vec::new();
    let elsewhere = if case.path.starts_with("/.well-known/") {
        format!("{}{NOWHERE}", case.path)
    } else {
        format!("{NOWHERE}{}", case.path)
    };
    let answer = world.ask_as(ask().at(elsewhere), case.who).await;
    checks.push(Check::of("of a tenant that is not there", answer, Must::Be(404)));
    if let Some((before, rest)) = described.operation.path.split_once('{') {
        let after = &rest[rest.find('}').expect("its end") + 1..];
        let answer = world.ask_as(ask().at(format!("{before}{NOBODYS_ID}{after}")), case.who).await;
        // RFC 7592 §2.1: whoever is not known there has no token that is good.
        let must = if described.may_answer(404) && described.tells_problems() { 404 } else { 401 };
        checks.push(Check::of("of something that is not there", answer, Must::Be(must)));
    }
    if described.parameters("header").contains(&"If-Match") {
        let answer = world.ask_as(ask().with("if-match", STALE), case.who).await;
        checks.push(Check::of("of a version that is past", answer, Must::Say(412, "stale")));
    }
    for name in described.parameters("query") {
        checks.extend(of_parameter(world, described, case, name).await);
    }
    checks
}

/// Tries a parameter with values that are none.
async fn of_parameter(world: &World, described: &Described<'_>, case: &Case, name: &str) -> Vec<Check> {
    let path = described.operation.path.clone();
    let mut checks = Vec::new();
    if name == USER_CODE {
        let answer = world.ask_as(Ask::of(described, case).at(path.clone()), case.who).await;
        checks.push(Check::of("without a user code", answer, Must::Say(400, "invalid_request")));
        if described.may_answer(403) {
            let wrong = Ask::of(described, case).at(format!("{path}?user_code=BBBB-BBBB"));
            checks.push(Check::of("of no code", world.ask_as(wrong, case.who).await, Must::Be(404)));
        }
        return checks;
    }
    // What cannot be asked without a user code is asked with the case's own.
    let before = if case.path.contains(USER_CODE) { format!("{}&", case.path) } else { format!("{path}?") };
    if described.operation.method.is_safe() {
        let empty = Ask::of(described, case).at(format!("{before}{name}="));
        let answer = world.ask_as(empty, case.who).await;
        checks.push(Check::of(&format!("with {name} empty, as if it were not there"), answer, Must::Succeed));
    }
    if ANY_TEXT.contains(&name) {
        return checks;
    }
    let Some(values) = unfit(name) else {
        return vec![Check::missing(format!("values that {name} cannot have"))];
    };
    let must = match (described.tells_problems(), described.may_answer(422)) {
        (true, true) => (422, "validation_failed"),
        (true, false) => (400, "invalid_parameter"),
        (false, _) => (400, "invalid_request"),
    };
    for value in values {
        let query = form_urlencoded(name, value);
        let answer = world.ask_as(Ask::of(described, case).at(format!("{before}{query}")), case.who).await;
        let described_by = answer.json["error_description"].as_str();
        let is_named = answer.json["errors"][0]["field"] == name
            || described_by.is_some_and(|description| description.starts_with(name));
        let must = if is_named { Must::Say(must.0, must.1) } else { Must::Hold(false) };
        checks.push(Check::of(&format!("with {name}={value}, which is named"), answer, must));
    }
    checks
}

fn form_urlencoded(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}
