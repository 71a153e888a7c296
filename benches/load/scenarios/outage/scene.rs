//! The cluster that fails, and what is there before it does.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::Fault;
use crate::child::Server;
use crate::database::cluster::{PrivateCluster, StoppedCluster};
use crate::database::{Database, people, seed};
use crate::frozen::Frozen;
use crate::household::{Household, Person};
use crate::options::Role;
use crate::roles::serve::ServeInstructions;
use crate::scenarios::{redemption, start};

/// How often codes are approved and redeemed until all devices have tokens.
const TIMES: usize = 10;

/// A cluster, and the database of the servers on it.
pub(super) struct Scene {
    cluster: Place,
    pub(super) db: Database,
}

enum Place {
    Running(Box<PrivateCluster>),
    Stopped(Box<StoppedCluster>),
    /// Between the two.
    Nowhere,
}

impl Scene {
    pub(super) async fn open() -> Result<Self, Fault> {
        let cluster = PrivateCluster::start("outage").await?;
        let db = seed::prepare(cluster.user()).await?;
        Ok(Self { cluster: Place::Running(Box::new(cluster)), db })
    }

    pub(super) async fn close(mut self) -> Result<(), Fault> {
        self.start().await?;
        self.db.pool.close().await;
        match self.cluster {
            Place::Running(cluster) => cluster.destroy().await,
            Place::Stopped(_) | Place::Nowhere => Ok(()),
        }
    }

    /// Lets the cluster stand still.
    pub(super) fn freeze(&self) -> Result<Frozen, Fault> {
        match &self.cluster {
            Place::Running(cluster) => Frozen::family(cluster.postmaster()),
            Place::Stopped(_) | Place::Nowhere => Err("a cluster that is stopped cannot stand still".into()),
        }
    }

    /// Stops the cluster.
    pub(super) async fn stop(&mut self) -> Result<(), Fault> {
        let cluster = std::mem::replace(&mut self.cluster, Place::Nowhere);
        self.cluster = match cluster {
            Place::Running(cluster) => Place::Stopped(Box::new(cluster.stop().await?)),
            other => other,
        };
        Ok(())
    }

    /// Starts it again, and waits until it takes connections.
    pub(super) async fn start(&mut self) -> Result<(), Fault> {
        let cluster = std::mem::replace(&mut self.cluster, Place::Nowhere);
        self.cluster = match cluster {
            Place::Stopped(cluster) => Place::Running(Box::new(cluster.start().await?)),
            other => other,
        };
        Ok(())
    }

    /// A server on this database, or on the way to it that `url` is.
    pub(super) fn server(&self, url: Option<&str>, poll_interval_seconds: u32) -> Result<Server, Fault> {
        let database_url = url.unwrap_or(&self.db.url).to_owned();
        let instructions = ServeInstructions {
            database_url,
            poll_interval_seconds,
            max_connections: None,
            is_in_trouble: true,
        };
        Server::start(Role::Serve, &instructions)
    }

    /// Codes that were approved and not collected yet.
    pub(super) async fn approved_codes(&self, server: &Server, count: usize) -> Result<Vec<String>, Fault> {
        let codes = start::many(server, count).await?;
        seed::approve(&self.db.pool, &seed::authorizations(&codes)?).await?;
        Ok(codes)
    }

    /// Refresh tokens of so many devices.
    pub(super) async fn refresh_tokens(&self, server: &Server, count: usize) -> Result<Vec<String>, Fault> {
        let mut tokens = Vec::new();
        // A server that has not heard of an approval yet says that it is pending.
        for _ in 0..TIMES {
            let missing = count - tokens.len();
            if missing == 0 {
                break;
            }
            let codes: VecDeque<String> = self.approved_codes(server, missing).await?.into();
            tokens.extend(redemption::collect(server, codes).await?);
        }
        if tokens.len() < count {
            return Err(format!("only {} of {count} devices have tokens", tokens.len()).into());
        }
        Ok(tokens)
    }

    /// So many households with one person each, from this number on.
    pub(super) async fn households(
        &self,
        server: SocketAddr,
        first: usize,
        count: usize,
    ) -> Result<Vec<Household>, Fault> {
        let secrets = people::sign_in(&self.db.pool, first..first + count).await?;
        let people = secrets.iter().map(Person::new).enumerate();
        people.map(|(number, person)| Household::new(first + number, server, vec![person])).collect()
    }
}
