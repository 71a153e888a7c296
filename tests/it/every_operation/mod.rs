//! Every operation of the OpenAPI document is asked rightly, and wrongly in each way that applies to it: each answer
//! must be the one that the fault asks for and one of which the document speaks, and nothing stands in the document
//! that no request was answered with. An operation that nobody thought of here fails by its name.

mod addresses;
mod bodies;
mod conflicts;
mod credentials;
pub mod document;
mod parameters;
pub mod world;

use std::collections::BTreeSet;

use crate::availability::database_takes_connections;
use crate::support::{Answer, TestServer};
use crate::tenant_isolation::requests::{Case, cases};
use document::{Described, Document};
use world::{Ask, World};

/// What is documented and not asked for here, and why.
const SEEN_ELSEWHERE: [(u16, &str); 1] = [(
    429,
    "limits are off here, so that every request is answered: rfc8628::section_3_1_limits, pages::code_guessing, \
     api::devices_refusals and api::consent_refusals go beyond each",
)];

/// A request that was made, what came of it, and what had to.
struct Check {
    what: String,
    outcome: Option<(Answer, Must)>,
}

/// What an answer must be.
enum Must {
    Succeed,
    Be(u16),
    Say(u16, &'static str),
    /// It is known already whether it is right.
    Hold(bool),
}

impl Check {
    fn of(what: &str, answer: Answer, must: Must) -> Self {
        Self { what: what.to_owned(), outcome: Some((answer, must)) }
    }

    /// Nobody has thought of how to ask it.
    fn missing(what: impl Into<String>) -> Self {
        Self { what: what.into(), outcome: None }
    }
}

impl Must {
    fn is_met(&self, answer: &Answer) -> bool {
        let status = answer.status.as_u16();
        match *self {
            Self::Succeed => answer.status.is_success(),
            Self::Be(expected) => status == expected,
            Self::Say(expected, error) => status == expected && answer.error() == error,
            Self::Hold(is_right) => is_right,
        }
    }
}

/// What was found.
#[derive(Default)]
struct Findings {
    seen: BTreeSet<(String, u16)>,
    faults: Vec<String>,
}

impl Findings {
    fn add(&mut self, described: &Described<'_>, check: Check) {
        let Check { what, outcome } = check;
        let id = described.id();
        let Some((answer, must)) = outcome else {
            self.faults.push(format!("{id} lacks {what}"));
            return;
        };
        self.seen.insert((id.to_owned(), answer.status.as_u16()));
        if !must.is_met(&answer) {
            self.faults.push(format!("{id} {what}: {} {}", answer.status, answer.text));
        }
        if let Some(fault) = described.fault_of(&answer) {
            self.faults.push(format!("{id} {what}: {fault}: {} {}", answer.status, answer.text));
        }
    }

    /// What the document says and nobody has seen.
    fn unseen(&self, operations: &[Described<'_>]) -> Vec<String> {
        let documented = operations
            .iter()
            .flat_map(|described| described.statuses().into_iter().map(|status| (described.id(), status)));
        documented
            .filter(|(id, status)| {
                !self.seen.contains(&((*id).to_owned(), *status))
                    && !SEEN_ELSEWHERE.iter().any(|(elsewhere, _)| elsewhere == status)
            })
            .map(|(id, status)| format!("{id} was never answered {status}"))
            .collect()
    }
}

#[tokio::test]
async fn every_operation_is_answered_as_the_document_says_rightly_and_wrongly_asked() {
    let world = Box::pin(World::build()).await;
    let document = Document(world.server.get("/openapi.json").await.json);
    let operations = document.operations();
    let mut findings = Findings::default();
    for described in &operations {
        let Some(case) = first_case(&world, described) else {
            findings.faults.push(format!("{} is not covered", described.id()));
            continue;
        };
        let mut checks = credentials::checks(&world, described, &case).await;
        checks.extend(bodies::checks(&world, described, &case).await);
        checks.extend(addresses::checks(&world, described, &case).await);
        for check in checks {
            findings.add(described, check);
        }
    }
    let described = |id: &str| operations.iter().find(|described| described.id() == id).expect("it is there");
    for conflict in Box::pin(conflicts::conflicts(&world)).await {
        let must = Must::Say(409, conflict.error);
        findings.add(described(conflict.id), Check::of("against what is there", conflict.answer, must));
    }
    for described in operations.iter().filter(|described| described.may_answer(304)) {
        findings.add(described, unchanged(&world, described).await);
    }
    without_database(&world, &operations, &mut findings).await;
    for described in &operations {
        for case in cases(&described.operation, &world.estate).unwrap_or_default() {
            let answer = world.ask_as(Ask::of(described, &case), case.who).await;
            findings.add(described, Check::of("rightly", answer, Must::Succeed));
        }
    }
    findings.faults.extend(findings.unseen(&operations));
    assert!(findings.faults.is_empty(), "{}", findings.faults.join("\n"));
}

fn first_case(world: &World, described: &Described<'_>) -> Option<Case> {
    cases(&described.operation, &world.estate)?.into_iter().next()
}

/// Asks for what is known already.
async fn unchanged(world: &World, described: &Described<'_>) -> Check {
    let Some(case) = first_case(world, described) else { return Check::missing("a request") };
    let known = world.ask(Ask::of(described, &case)).await;
    let again = Ask::of(described, &case).with("if-none-match", known.header("etag"));
    Check::of("for what is known already", world.ask(again).await, Must::Be(304))
}

/// Asks a server that knows nothing yet and reaches no database.
async fn without_database(world: &World, operations: &[Described<'_>], findings: &mut Findings) {
    let server: TestServer =
        world.server.replica_with(|config| config.database.acquire_timeout_milliseconds = 50).await;
    database_takes_connections(&world.server, false).await;
    for described in operations {
        let Some(case) = first_case(world, described) else { continue };
        let answer = world.ask_as_at(&server.base, Ask::of(described, &case), case.who).await;
        let comes_again = answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0);
        let must = if comes_again { Must::Be(503) } else { Must::Hold(false) };
        findings.add(described, Check::of("without a database", answer, must));
    }
    database_takes_connections(&world.server, true).await;
}
