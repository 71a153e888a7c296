use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use super::answer::{PollAnswer, Polled};
use super::flow::{DeviceAuthorization, DeviceFlow, FlowError};
use super::pacing::{Next, Pace};
use super::tokens::TokenResponse;

/// The passing of time, so that the rules of RFC 8628 §3.5 can be tried without waiting.
pub trait Clock: Sync {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Lets `span` pass.
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> + Send;
}

#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Polls until somebody decides or the codes expire (RFC 8628 §3.4 and §3.5). Call it as soon as `authorization` has
/// arrived, since that is when its lifetime begins. `observe` sees every answer. What the person types from the
/// approval page comes by `typed`, and is sent with the polls until an answer speaks of it.
pub async fn wait_for_tokens<C: Clock>(
    flow: &DeviceFlow,
    authorization: &DeviceAuthorization,
    clock: &C,
    observe: impl Fn(&PollAnswer) + Send,
    typed: &mut UnboundedReceiver<String>,
) -> Result<TokenResponse, FlowError> {
    let started = clock.now();
    let deadline = started.saturating_add(authorization.expires_in);
    let mut pace = Pace::new(authorization.interval, flow.long_poll);
    let mut code: Option<String> = None;
    let mut next = started.saturating_add(pace.interval());
    while next < deadline {
        clock.sleep(next.saturating_sub(clock.now())).await;
        while let Ok(newer) = typed.try_recv() {
            code = Some(newer);
        }
        let sent = clock.now();
        // Whoever brings something new wants to hear of it at once.
        let hold = pace.hold(deadline.saturating_sub(sent)).filter(|_| code.is_none());
        let polled = tokio::select! {
            polled = flow.poll(authorization, code.as_deref(), hold) => polled?,
            Some(newer) = typed.recv(), if code.is_none() => {
                code = Some(newer);
                next = sent.saturating_add(pace.interval());
                continue;
            }
        };
        let answered = clock.now();
        observe(&polled.answer);
        if let PollAnswer::WrongConfirmation { .. } = polled.answer {
            code = None;
        }
        next = match pace.after(&polled) {
            Next::AfterSending(delay) => sent.saturating_add(delay).max(answered),
            Next::AfterAnswer(delay) => answered.saturating_add(delay),
        };
        if let Some(outcome) = outcome(polled) {
            return outcome.and_then(|tokens| must_be_bound(flow, tokens));
        }
    }
    clock.sleep(deadline.saturating_sub(clock.now())).await;
    Err(FlowError::Expired)
}

/// Whoever wants bound tokens must not use others (RFC 9449 §5).
fn must_be_bound(flow: &DeviceFlow, tokens: TokenResponse) -> Result<TokenResponse, FlowError> {
    if flow.dpop.is_some() && !tokens.token_type.eq_ignore_ascii_case("DPoP") {
        return Err(FlowError::NotBound);
    }
    Ok(tokens)
}

/// What ends the waiting, if anything does.
fn outcome(polled: Polled) -> Option<Result<TokenResponse, FlowError>> {
    match polled.answer {
        PollAnswer::Pending
        | PollAnswer::WrongConfirmation { .. }
        | PollAnswer::SlowDown
        | PollAnswer::Unavailable(_) => None,
        PollAnswer::Tokens(tokens) => Some(Ok(*tokens)),
        PollAnswer::Denied => Some(Err(FlowError::Denied)),
        PollAnswer::Expired => Some(Err(FlowError::Expired)),
        PollAnswer::Refused(error) => Some(Err(FlowError::Refused(error))),
        PollAnswer::Unreadable(why) => Some(Err(FlowError::Unreadable(why))),
    }
}
