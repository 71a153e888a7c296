//! The user who decides, authenticated by a browser session or an access token.

use super::browser_session::BrowserSession;
use super::device_authorization::Authentication;
use super::ids::ApproverId;
use super::scope::ScopeSet;
use super::user::User;

/// A signed-in person who may open codes and decide on them.
#[derive(Clone, Debug)]
pub struct Approver {
    /// The browser session, or the device whose access token acts: what has a code open.
    pub id: ApproverId,
    pub user: User,
    /// When and how they had proved who they are.
    pub authentication: Authentication,
    /// Whether they have a second factor, as far as is known here.
    pub has_second_factor: bool,
    /// The scopes of the access token that acts; `None` for a browser.
    pub token_scopes: Option<ScopeSet>,
}

impl From<&BrowserSession> for Approver {
    fn from(session: &BrowserSession) -> Self {
        Self {
            id: ApproverId(session.id.0),
            user: session.user.clone(),
            authentication: session.authentication.clone(),
            has_second_factor: session.has_second_factor,
            token_scopes: None,
        }
    }
}
