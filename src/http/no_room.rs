//! What is said when there are too many connections, and to whom it is not.

use axum::response::Response;

use super::address::Address;
use super::surface::Surface;
use super::unrouted;
use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Returns `true` for what is answered even when there is no room for other requests: health checks, and what a person
/// needs to decide.
pub(super) fn is_kept_for(path: &str) -> bool {
    let Some(Address { path, .. }) = Address::of(path) else { return false };
    Surface::at(&path).is_kept_open
}

/// Refuses a request because there are too many connections.
pub(super) fn refuse(path: &str) -> Response {
    let description = "The server has no room for more connections; try again later.";
    unrouted::refuse(path, OAuthError::new(ErrorCode::TemporarilyUnavailable, description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_for_health_checks_and_people() {
        for path in [
            "/health/live",
            "/health/ready",
            "/device",
            "/t/acme/device/consent",
            "/sign-in",
            "/oauth/device/consent",
        ] {
            assert!(is_kept_for(path), "{path}");
        }
        for path in [
            "/oauth/token",
            "/t/acme/oauth/token",
            "/api/v1/oauth/token",
            "/devices",
            "/docs",
            "/t/A B/device",
        ] {
            assert!(!is_kept_for(path), "{path}");
        }
    }
}
