//! From where a request came, as far as the server can tell.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::ids::RequestId;

/// The longest `User-Agent` that is kept, in characters.
pub const MAX_USER_AGENT_CHARS: usize = 256;

/// Who asked, for the audit trail, the consent page and the request limits.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    pub request_id: RequestId,
    /// The client's address: the peer's, or what trusted proxies said.
    pub ip_address: IpAddr,
    /// The `User-Agent` header, cut to [`MAX_USER_AGENT_CHARS`].
    pub user_agent: Option<String>,
}

impl RequestOrigin {
    /// The address as a network of one, as the database stores it.
    #[must_use]
    pub fn ip_network(&self) -> IpNet {
        IpNet::from(self.ip_address)
    }

    /// The unit that request limits count by: an IPv4 address, or an IPv6 /64, of which one household has 2⁶⁴.
    #[must_use]
    pub fn limit_unit(&self) -> IpNet {
        limit_unit(self.ip_address)
    }
}

/// The unit that an address is counted in.
#[must_use]
pub fn limit_unit(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(v4) => IpNet::V4(Ipv4Net::from(v4)),
        IpAddr::V6(v6) => IpNet::V6(Ipv6Net::new_assert(v6, 64).trunc()),
    }
}
