//! How clients authenticate, beyond the method that they are registered for.

/// Where a request shows what its client authenticates with, or that it is a public one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In the `Authorization` header (RFC 6749 §2.3.1).
    Header,
    Body,
    /// In the body, as a signed assertion (RFC 7521 §4.2).
    Assertion,
}

/// A deviation from the rules for client assertions (RFC 7523 §3) that an administrator allows one client, since its
/// library knows no other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAllowance {
    /// `aud` may be or contain the token endpoint.
    TokenEndpointAudience,
    /// One assertion may be used for all requests about one device code, and may lack a `jti`.
    RepeatedAssertion,
}

impl AssertionAllowance {
    pub const ALL: [Self; 2] = [Self::TokenEndpointAudience, Self::RepeatedAssertion];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenEndpointAudience => "token_endpoint_audience",
            Self::RepeatedAssertion => "repeated_assertion",
        }
    }

    /// Reads the name of an allowance.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|allowance| allowance.as_str() == text)
    }
}
