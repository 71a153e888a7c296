//! Challenges: every value of `WWW-Authenticate` is made here (RFC 9110 §11.6.1).
//!
//! Wherever an access token opens an endpoint, it is offered both as a bearer token (RFC 6750 §3) and with a proof of its
//! key (RFC 9449 §7.1). What was wrong is said with the scheme that was used, and nothing is if nothing was presented.

use axum::http::HeaderValue;

use crate::domain::dpop::proof::ALGORITHMS;

/// How a request presents an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

/// What was wrong with a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason<'a> {
    /// The scheme that it is said with.
    pub(super) scheme: Scheme,
    pub(super) error: &'a str,
    pub(super) description: &'a str,
    /// The scope that would be enough, if that is what is missing.
    pub(super) scope: Option<&'a str>,
}

/// Returns the challenges of an endpoint that access tokens open.
pub(super) fn access_token(reason: Option<Reason<'_>>) -> [HeaderValue; 2] {
    let of = |scheme| reason.filter(|reason| reason.scheme == scheme);
    let (bearer, dpop) =
        (challenge(Scheme::Bearer, of(Scheme::Bearer)), challenge(Scheme::Dpop, of(Scheme::Dpop)));
    // Programs that read one challenge only read the first.
    match reason.map(|reason| reason.scheme) {
        Some(Scheme::Dpop) => [dpop, bearer],
        _ => [bearer, dpop],
    }
}

/// Returns the challenge of an endpoint whose tokens are never bound to a key.
pub(super) fn bearer(reason: Option<Reason<'_>>) -> HeaderValue {
    challenge(Scheme::Bearer, reason)
}

/// Returns the challenge of an endpoint that clients authenticate at.
pub(super) const fn client_authentication() -> HeaderValue {
    HeaderValue::from_static("Basic realm=\"latchkey\", charset=\"UTF-8\"")
}

fn challenge(scheme: Scheme, reason: Option<Reason<'_>>) -> HeaderValue {
    let mut parameters = Vec::new();
    if let Some(Reason { error, description, scope, .. }) = reason {
        parameters.push(format!(r#"error="{error}""#));
        parameters.push(format!(r#"error_description="{description}""#));
        parameters.extend(scope.map(|scope| format!(r#"scope="{scope}""#)));
    }
    let realm = r#"realm="latchkey""#.to_owned();
    let name = match scheme {
        Scheme::Bearer => {
            parameters.insert(0, realm);
            "Bearer"
        }
        Scheme::Dpop => {
            parameters.push(format!(r#"algs="{}""#, ALGORITHMS.join(" ")));
            parameters.push(realm);
            "DPoP"
        }
    };
    let text = format!("{name} {}", parameters.join(", "));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Reason<'static> = Reason {
        scheme: Scheme::Dpop,
        error: "use_dpop_nonce",
        description: "The proof needs a nonce.",
        scope: None,
    };

    #[test]
    fn both_schemes_are_offered_and_the_one_that_was_used_says_what_was_wrong() {
        let plain = access_token(None);
        assert_eq!(plain[0], r#"Bearer realm="latchkey""#);
        assert_eq!(plain[1], r#"DPoP algs="ES256 RS256 EdDSA Ed25519", realm="latchkey""#);
        let dpop = access_token(Some(NONCE));
        assert_eq!(
            dpop[0],
            r#"DPoP error="use_dpop_nonce", error_description="The proof needs a nonce.", algs="ES256 RS256 EdDSA Ed25519", realm="latchkey""#
        );
        assert_eq!(dpop[1], plain[0]);
        let scope =
            Reason { scheme: Scheme::Bearer, error: "insufficient_scope", scope: Some("admin"), ..NONCE };
        assert_eq!(
            access_token(Some(scope))[0],
            r#"Bearer realm="latchkey", error="insufficient_scope", error_description="The proof needs a nonce.", scope="admin""#
        );
        assert_eq!(access_token(Some(scope))[1], plain[1]);
    }
}
