//! One log line for each request: what was asked, how it ended, how long it took, and who asked.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use axum::http::{Method, Request, StatusCode};

use crate::app::App;
use crate::model::ids::RequestId;
use crate::model::tenant::TenantSlug;
use crate::model::user_code::{ALPHABET, MIN_LENGTH, UserCode};
use crate::noted::Notes;

/// The longest part of a path that is logged, in bytes; an identifier is shorter, a token longer.
const MAX_PART_BYTES: usize = 64;

pub(super) struct Arrived {
    method: Method,
    path: String,
    peer: IpAddr,
    at: Instant,
}

impl Arrived {
    /// Notes what arrives, and from whom. `None` where requests are not logged.
    pub(super) fn note<B>(app: &App, request: &Request<B>, peer: IpAddr) -> Option<Self> {
        (app.config.log.requests && tracing::enabled!(tracing::Level::INFO)).then(|| Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            peer,
            at: Instant::now(),
        })
    }

    pub(super) fn log(self, status: StatusCode, id: RequestId, notes: &Notes) {
        let (error, reason) = notes.refusal.unzip();
        let micros = u32::try_from(self.at.elapsed().as_micros()).unwrap_or(u32::MAX);
        tracing::info!(
            method = self.method.as_str(),
            path = &*loggable(&self.path),
            status = status.as_u16(),
            duration_ms = f64::from(micros) / 1000.0,
            tenant = notes.tenant.as_ref().map(TenantSlug::as_str),
            client_id = notes.client_id.as_deref(),
            error,
            reason = reason.flatten(),
            peer = %self.peer,
            request_id = %id,
            "request completed"
        );
    }
}

/// The path without what might be a code or a token: a person who mistypes an address may put one anywhere.
fn loggable(path: &str) -> Cow<'_, str> {
    let is_secret = |part: &str| {
        part.len() > MAX_PART_BYTES
            || part.starts_with("lk") && part.contains('_')
            || part.contains('%')
            || might_be_user_code(part)
    };
    if path.split('/').any(is_secret) {
        let parts: Vec<_> = path.split('/').map(|part| if is_secret(part) { "…" } else { part }).collect();
        return parts.join("/").into();
    }
    path.into()
}

/// Returns `true` for what a person could enter as a user code; looks at few bytes of nearly everything else.
fn might_be_user_code(part: &str) -> bool {
    let fits = |byte: u8| !byte.is_ascii_alphanumeric() || ALPHABET.contains(&byte.to_ascii_uppercase());
    part.len() >= MIN_LENGTH && part.bytes().all(fits) && UserCode::parse(part).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_logged_without_codes_and_tokens() {
        for (path, logged) in [
            ("/oauth/token", "/oauth/token"),
            (
                "/t/acme/devices/01a00000-0000-7000-8000-000000000000/lock",
                "/t/acme/devices/01a00000-0000-7000-8000-000000000000/lock",
            ),
            ("/devices/BDJW-DSXQ", "/devices/…"),
            ("/devices/bdjwdsxq/lock", "/devices/…/lock"),
            ("/device/BDJW%2DDSXQ", "/device/…"),
            ("/oauth/userinfo/lka_secret", "/oauth/userinfo/…"),
            ("/", "/"),
        ] {
            assert_eq!(loggable(path), logged, "{path}");
        }
        assert_eq!(loggable(&format!("/x/{}", "a".repeat(65))), "/x/…");
    }
}
