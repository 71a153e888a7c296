//! What libraries go through: every ending of the flow, all libraries of a program side by side. They wait in real time,
//! so the server's clock runs as theirs do.

use futures_util::future::join_all;
use latchkey::config::Config;
use serde_json::Value;

use super::house::House;
use super::program::{Program, Run};
use super::{Library, PATIENT_POLLS};

/// How a flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Approved,
    ApprovedLate,
    Denied,
    Expired,
    SlowedDown,
}

/// Seconds between polls in most tests. Some libraries give one request no more time than that.
const INTERVAL: u32 = 3;
/// How long codes live that are to expire, in seconds: longer than all starts take, and shorter than an assertion is
/// valid, for the clocks of the clients stay behind.
const SHORT_LIFE: u32 = 45;
const PENDING: &str = "authorization_pending";
const SLOW_DOWN: &str = "slow_down";
const TOKENS: &str = "tokens";

/// A flow under way.
struct Flow<'a> {
    house: &'a House,
    library: Library,
    ending: Ending,
    run: Run<'a>,
    user_code: String,
    device_code: String,
}

/// Has the libraries of a program go through every ending of the flow.
pub(super) async fn every_ending(program: &Program, libraries: &[Library]) {
    let (house, late_house) = tokio::join!(
        quick_house(|_| ()),
        quick_house(|config| config.device_flow.code_lifetime_seconds = SHORT_LIFE),
    );
    let runs = &runs(program, libraries);
    let failures = tokio::join!(
        end(&house, runs, Ending::Approved),
        end(&house, runs, Ending::Denied),
        end(&house, runs, Ending::SlowedDown),
        // Here all codes expire.
        end(&late_house, runs, Ending::Expired),
    );
    must_be_none(&[failures.0, failures.1, failures.2, failures.3].concat());
}

/// Has the libraries of a program get tokens and use them.
pub(super) async fn approval(program: &Program, libraries: &[Library]) {
    must_be_none(&end(&quick_house(|_| ()).await, &runs(program, libraries), Ending::Approved).await);
}

/// Has all libraries wait for half a minute at the default interval before somebody approves.
pub(super) async fn long_wait(runs: &[(&Program, Library)]) {
    must_be_none(&end(&Box::pin(House::with(|_| ())).await, runs, Ending::ApprovedLate).await);
}

/// A house whose devices poll often.
async fn quick_house(change: impl FnOnce(&mut Config)) -> House {
    let quick = |config: &mut Config| {
        config.device_flow.poll_interval_seconds = INTERVAL;
        change(config);
    };
    Box::pin(House::with(quick)).await
}

fn runs<'a>(program: &'a Program, libraries: &[Library]) -> Vec<(&'a Program, Library)> {
    libraries.iter().map(|library| (program, *library)).collect()
}

#[track_caller]
fn must_be_none(failures: &[String]) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Has libraries come to this ending. What went wrong with each.
async fn end(house: &House, runs: &[(&Program, Library)], ending: Ending) -> Vec<String> {
    house.server.clock.run();
    let starts = runs.iter().map(|(program, library)| Flow::start(house, program, *library, ending));
    let mut failures = Vec::new();
    let mut flows = Vec::new();
    for started in join_all(starts).await {
        started.map_or_else(|failure| failures.push(failure), |flow| flows.push(flow));
    }
    if ending == Ending::Expired {
        house.server.clock.advance(f64::from(SHORT_LIFE));
    }
    let finished = join_all(flows.into_iter().map(Flow::finish)).await;
    failures.extend(finished.into_iter().filter_map(Result::err));
    failures
}

impl<'a> Flow<'a> {
    /// Starts a flow and has it poll until it has been answered what the ending begins with.
    async fn start(
        house: &'a House,
        program: &'a Program,
        library: Library,
        ending: Ending,
    ) -> Result<Self, String> {
        let (told, client) = house.registers(library, &format!("{ending:?}").to_lowercase()).await;
        let mut run = program.run(told).await;
        let codes = run.says().await;
        let text = |member: &str| codes[member].as_str().unwrap_or_default().to_owned();
        let (user_code, device_code) = (text("user_code"), text("device_code"));
        let mut flow = Self { house, library, ending, run, user_code, device_code };
        if flow.device_code.is_empty() {
            return Err(flow.failure(&codes.to_string()));
        }
        let (answer, polls) = match ending {
            Ending::Approved | Ending::Denied | Ending::Expired => (PENDING, 1),
            Ending::ApprovedLate => (PENDING, PATIENT_POLLS),
            Ending::SlowedDown => (SLOW_DOWN, 1),
        };
        if ending == Ending::SlowedDown {
            house.makes_a_poll_early(&flow.device_code, &client);
        }
        let sent = polls * library.sends;
        tokio::select! {
            () = house.sees(&flow.device_code, answer, sent) => return Ok(flow),
            outcome = flow.run.outcome() => Err(format!("ended early: {outcome:?}")),
        }
        .map_err(|failure: String| flow.failure(&failure))
    }

    /// Brings the flow to its end.
    async fn finish(mut self) -> Result<(), String> {
        match self.ending {
            Ending::Approved | Ending::ApprovedLate | Ending::SlowedDown => {
                self.house.approves(&self.user_code).await;
            }
            Ending::Denied => self.house.denies(&self.user_code).await,
            Ending::Expired => {}
        }
        let outcome = self.run.outcome().await.map_err(|failure| self.failure(&failure))?;
        let answers = self.house.answers(&self.device_code);
        let ended = match self.ending {
            Ending::Approved | Ending::ApprovedLate | Ending::SlowedDown => {
                self.has_used_tokens(&outcome).await && answers.last().is_some_and(|last| last == TOKENS)
            }
            Ending::Denied => outcome["error"] == "access_denied",
            Ending::Expired => outcome["error"] == "expired_token",
        };
        let slowed = answers.iter().filter(|answer| *answer == SLOW_DOWN).count();
        let expected = if self.ending == Ending::SlowedDown { self.library.sends } else { 0 };
        if ended && slowed == expected {
            Ok(())
        } else {
            Err(self.failure(&format!("{outcome} after {answers:?}")))
        }
    }

    /// Whether the program has verified, refreshed and revoked its tokens, as far as its library can.
    async fn has_used_tokens(&self, outcome: &Value) -> bool {
        let ada = self.house.server.user_id("ada").await.to_string();
        let is = |member: &str, expected: &str| outcome[member].is_null() || outcome[member] == expected;
        outcome["after_revocation"] == "invalid_grant"
            && is("sub", &ada)
            && is("alg", "RS256")
            && outcome["error"].is_null()
    }

    fn failure(&self, what: &str) -> String {
        format!("{:?}, {:?}: {what}", self.library, self.ending)
    }
}
