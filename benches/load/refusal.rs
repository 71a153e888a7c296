//! Why something was not done, as whoever asked understands it.

use std::fmt;
use std::time::Duration;

use hyper::{StatusCode, header};

use crate::Fault;
use crate::connection::Answer;
use crate::device;

/// After how long somebody asks again who was not told when.
const USUAL: Duration = Duration::from_secs(1);

/// Why it was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It was answered 503, or not at all: it may be asked for again.
    Later {
        /// In which words.
        words: String,
        /// When.
        after: Duration,
    },
    /// It was refused for good.
    Final(String),
}

impl Refusal {
    /// What an answer says that is not the right one.
    pub(crate) fn of(answer: &Answer) -> Self {
        let words = device::unexpected(answer);
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return Self::Final(words);
        }
        let said =
            answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Self::Later { words, after: said.map_or(USUAL, Duration::from_secs) }
    }

    /// A connection broke, or none could be made.
    pub(crate) fn cut(error: &Fault) -> Self {
        Self::Later { words: format!("cut: {error}"), after: USUAL }
    }
}

/// Insists on an answer with this status.
pub(crate) fn must_be(status: StatusCode, answer: &Answer) -> Result<(), Refusal> {
    if answer.status == status { Ok(()) } else { Err(Refusal::of(answer)) }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Later { words, .. } | Self::Final(words)) = self;
        f.write_str(words)
    }
}

impl std::error::Error for Refusal {}
