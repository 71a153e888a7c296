//! A person's signed-in browser.

use chrono::{DateTime, Utc};

use super::device_authorization::Authentication;
use super::ids::BrowserSessionId;
use super::place::Place;
use super::user::User;

/// A session that is alive, and whose it is.
#[derive(Clone, Debug)]
pub struct BrowserSession {
    /// Its identifier; the cookie's value is another thing, known only to the browser.
    pub id: BrowserSessionId,
    pub user: User,
    pub authentication: Authentication,
    /// Whether they have a second factor, used in this session or not.
    pub has_second_factor: bool,
    /// Where the browser was then, as far as it is known.
    pub place: Option<Place>,
    /// The last request it was seen with.
    pub last_seen_at: DateTime<Utc>,
    /// Whether it has a user code open that waits for a decision.
    pub has_code_open: bool,
}
