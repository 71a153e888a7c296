//! The surfaces of the server: what holds for every address below a path. One table; whoever must know asks it.

use super::address::without_tenant_and_version;

/// Who reads the answers, and so in which shape an error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Person,
    /// A program that speaks OAuth: RFC 6749 §5.2.
    OAuthClient,
    /// A program that speaks REST: RFC 9457.
    RestClient,
}

impl Reader {
    /// Who reads what is at the path of a request, also where no tenant can be.
    pub(super) fn of(path: &str) -> Self {
        Surface::at(without_tenant_and_version(path)).reader
    }
}

/// What holds for all paths below a prefix.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each holds or does not, alone")]
pub(super) struct Surface {
    /// Ends with a slash: everything below it. Otherwise: this path, and everything below it.
    prefix: &'static str,
    pub(super) reader: Reader,
    /// It is there below `/api` and `/api/v1`, too.
    pub(super) is_versioned: bool,
    /// DPoP proofs are read here, and so nonces are handed out: at endpoints that issue tokens, and wherever an access
    /// token may be shown.
    pub(super) reads_proofs: bool,
    /// Refusals are recorded in the audit log.
    pub(super) is_audited: bool,
    /// It is answered even when there is no room for other requests: health checks, and what a person needs to decide.
    pub(super) is_kept_open: bool,
    /// It is about the server and not about a tenant: no host is looked up for it, which takes the database.
    pub(super) is_of_server: bool,
}

/// The first that holds a path describes it; what none holds is the last one's.
static SURFACES: [Surface; 16] = [
    Surface::of(Reader::OAuthClient, "/oauth/device/consent").versioned().with_proofs().kept_open(),
    Surface::of(Reader::OAuthClient, "/oauth/device-authorization").versioned().with_proofs(),
    Surface::of(Reader::OAuthClient, "/oauth/token").versioned().with_proofs(),
    Surface::of(Reader::OAuthClient, "/oauth/userinfo").versioned().with_proofs(),
    Surface::of(Reader::OAuthClient, "/oauth/").versioned(),
    Surface::of(Reader::OAuthClient, "/.well-known/"),
    Surface::of(Reader::OAuthClient, "/openapi.json"),
    // Whatever has another version, or none of the endpoints.
    Surface::of(Reader::OAuthClient, "/api/"),
    Surface::of(Reader::OAuthClient, "/health/").kept_open().of_server(),
    Surface::of(Reader::RestClient, "/devices").versioned().with_proofs(),
    Surface::of(Reader::RestClient, "/admin/").versioned().with_proofs().audited(),
    Surface::of(Reader::RestClient, "/account/oauth/").versioned().with_proofs().audited(),
    // Only a program makes it.
    Surface::of(Reader::RestClient, "*"),
    Surface::of(Reader::Person, "/console/").audited().kept_open(),
    Surface::of(Reader::Person, "/docs"),
    Surface::of(Reader::Person, "/").kept_open(),
];

impl Surface {
    /// The surface of a path as the router knows it: without tenant and version.
    pub(super) fn at(path: &str) -> &'static Self {
        let found = SURFACES.iter().find(|surface| surface.holds(path));
        found.unwrap_or(&SURFACES[SURFACES.len() - 1])
    }

    fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.prefix);
        rest.is_some_and(|rest| self.prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    }

    const fn of(reader: Reader, prefix: &'static str) -> Self {
        Self {
            prefix,
            reader,
            is_versioned: false,
            reads_proofs: false,
            is_audited: false,
            is_kept_open: false,
            is_of_server: false,
        }
    }

    const fn versioned(self) -> Self {
        Self { is_versioned: true, ..self }
    }

    const fn with_proofs(self) -> Self {
        Self { reads_proofs: true, ..self }
    }

    const fn audited(self) -> Self {
        Self { is_audited: true, ..self }
    }

    const fn kept_open(self) -> Self {
        Self { is_kept_open: true, ..self }
    }

    const fn of_server(self) -> Self {
        Self { is_of_server: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_reader() {
        for (path, reader) in [
            ("/", Reader::Person),
            ("/device", Reader::Person),
            ("/account/devices", Reader::Person),
            ("/admin", Reader::Person),
            ("/devicesx", Reader::Person),
            ("/oauth/token", Reader::OAuthClient),
            ("/t/acme/.well-known/x", Reader::OAuthClient),
            ("/api/v1/nothing", Reader::OAuthClient),
            ("*", Reader::RestClient),
            ("/devices", Reader::RestClient),
            ("/devices/x/y", Reader::RestClient),
            ("/t/NO TENANT/devices", Reader::RestClient),
            ("/admin/users", Reader::RestClient),
            ("/api/admin/users", Reader::RestClient),
            ("/t/acme/api/v1/devices", Reader::RestClient),
            ("/account/oauth/clients", Reader::RestClient),
        ] {
            assert_eq!(Reader::of(path), reader, "{path}");
        }
    }
}
