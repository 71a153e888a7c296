//! A device asks again, and nobody has decided.

use std::time::Duration;

use super::{Comparison, Stage, UNHURRIED, compare};
use crate::Fault;
use crate::child::Server;
use crate::connection::{Answer, Connection, Form};
use crate::device;
use crate::drive::{Pace, Work, drive};
use crate::figures::{Reference, median};
use crate::options::Role;

/// Every device's turn, one after the other.
#[derive(Debug)]
pub(crate) struct Polls {
    codes: Vec<String>,
    next: usize,
    left: usize,
}

impl Polls {
    /// Polls of these sessions, again and again.
    pub(crate) fn new(codes: Vec<String>) -> Self {
        Self { codes, next: 0, left: usize::MAX }
    }

    /// So many more.
    pub(crate) fn limited(self, left: usize) -> Self {
        Self { left, ..self }
    }

    /// The sessions.
    pub(crate) fn into_codes(self) -> Vec<String> {
        self.codes
    }
}

impl Work for Polls {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        self.left = self.left.checked_sub(1)?;
        let code = self.codes.get(self.next)?;
        self.next = (self.next + 1) % self.codes.len();
        Some(((), device::poll(code)))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        device::still_pending(answer)
    }
}

/// Polls each session once, so that the servers remember it.
pub(crate) async fn acquaint(server: &Server, codes: Vec<String>) -> Result<Vec<String>, Fault> {
    let count = codes.len();
    let work = Polls::new(codes).limited(count);
    let (work, tally) = drive(&[server.address], Pace::Closed(64), Duration::from_mins(5), work).await?;
    super::complain(&tally.failures);
    Ok(work.into_codes())
}

/// Measures polls beside the ceiling.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Comparison, Fault> {
    let codes = stage.waiting_codes(stage.extent.pollers).await?;
    let before = stage.counts().await?;
    let server = stage.server(UNHURRIED)?;
    let ceiling = Server::start(Role::Ceiling, &())?;
    must_answer_alike(&server, &ceiling, codes.first().ok_or("no sessions")?).await?;
    let acquainted = codes.len();
    let mut work = Polls::new(acquaint(&server, codes).await?);
    let pace = stage.pace(16);
    let (mut rounds, mut references, mut polled) = (Vec::new(), Vec::new(), 0);
    for number in 0..=stage.extent.rounds {
        let limit = if number == 0 { Duration::from_millis(300) } else { stage.extent.round };
        let (returned, ours) = stage.round(&[&server], pace, limit, work).await?;
        polled += ours.tally.requests();
        let (returned, theirs) = stage.round(&[&ceiling], pace, limit, returned).await?;
        work = returned;
        if number > 0 {
            rounds.push(ours);
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            references.push(theirs.server_us / theirs.tally.requests().max(1) as f64);
        }
    }
    stage.codes.extend(work.into_codes());
    ceiling.stop()?;
    server.stop()?;
    let mut counted = stage.counts().await?.since(before);
    // Getting acquainted is one look-up each, and not what is measured.
    counted.statements -= i64::try_from(acquainted)?;
    let reference = Reference { own_us: median(references), postgres_us: None };
    Ok(compare(&rounds, reference, |cost| cost.server_us, counted.over(polled), pace))
}

/// The ceiling is one only as long as it gives the same answer: the same status, headers and body, byte for byte
/// but for the date and the request's number.
async fn must_answer_alike(server: &Server, ceiling: &Server, code: &str) -> Result<(), Fault> {
    let mut shapes = Vec::new();
    for server in [server, ceiling] {
        let answer = Connection::open(server.address).await?.send(&device::poll(code)).await?;
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| {
                let varies = matches!(name.as_str(), "date" | "x-request-id");
                let value = if varies { format!("{} bytes", value.len()) } else { format!("{value:?}") };
                format!("{name}: {value}")
            })
            .collect();
        headers.sort();
        shapes.push((answer.status, headers, answer.body));
    }
    if shapes[0] == shapes[1] {
        return Ok(());
    }
    Err(format!("the ceiling answers otherwise: {shapes:#?}").into())
}
