//! Names to addresses, none of which is out of bounds.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{ForbiddenAddressError, Reachable};

/// Resolves names by the system, and refuses a name if one of its addresses may not be called at.
pub(super) struct CheckedResolver(pub(super) Reachable);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reachable = self.0.clone();
        Box::pin(async move {
            // The port is put in by the caller.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| reachable.contains(address.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(ForbiddenAddressError.into())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(networks: &[&str], name: &str) -> Result<usize, String> {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let found = CheckedResolver(Reachable(networks)).resolve(name.parse().unwrap()).await;
        found.map(Iterator::count).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_unless_the_operator_lists_where_it_leads() {
        assert_eq!(resolve(&[], "localhost").await, Err(ForbiddenAddressError.to_string()));
        // One of several addresses is enough.
        assert_eq!(resolve(&["192.168.0.0/16"], "localhost").await, Err(ForbiddenAddressError.to_string()));
        assert!(resolve(&["127.0.0.0/8", "::1/128"], "localhost").await.unwrap() > 0);
    }
}
