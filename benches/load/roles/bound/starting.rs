//! Starts: the product's own queue, which puts together what arrives together.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use latchkey::model::client::Client;
use latchkey::model::device::DeviceDescription;
use latchkey::model::device_code::DeviceCode;
use latchkey::model::ids::DeviceAuthorizationId;
use latchkey::model::scope::ScopeSet;
use latchkey::store::device_authorizations::starts::{NewDeviceAuthorization, Stored};
use latchkey::store::sending::Sending;

use super::{Bench, Step};
use crate::Fault;
use crate::database::seed;

/// What the sessions to start are made of.
pub(super) struct Queue {
    bench: Arc<Bench>,
    client: Arc<Client>,
    scopes: ScopeSet,
    left: AtomicUsize,
}

impl Queue {
    pub(super) fn open(bench: Arc<Bench>, operations: usize) -> Result<Arc<Self>, Fault> {
        let (client, scopes) = (Arc::new(seed::client()?), ScopeSet::parse(seed::SCOPE)?);
        let left = AtomicUsize::new(operations);
        Ok(Arc::new(Self { bench, client, scopes, left }))
    }
}

pub(super) async fn next(queue: Arc<Queue>) -> Result<Step, Fault> {
    let taken = queue.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    if taken.is_err() {
        return Ok(Step::NothingLeft);
    }
    let (random, now) = (&queue.bench.random, queue.bench.clock.now());
    let mut user_code_mac = [0; 32];
    random.fill(&mut user_code_mac);
    let id = DeviceAuthorizationId(random.uuid_v7(now));
    let session = NewDeviceAuthorization {
        id,
        client: Arc::clone(&queue.client),
        device_code_hash: DeviceCode::generate(id, now, random).hash(),
        user_code_mac,
        user_code_sealed: vec![7; 40],
        requested_scopes: Some(queue.scopes.clone()),
        resources: Vec::new(),
        nonce: None,
        dpop_key: None,
        device: Arc::new(DeviceDescription {
            name: Some("Living room TV".into()),
            ..DeviceDescription::default()
        }),
        ip_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        place: None,
        user_agent: None,
        created_at: now,
        expires_at: now + TimeDelta::hours(2),
        interval_seconds: 5,
        sending: Sending::default(),
    };
    match queue.bench.queues.starts.submit(session).await? {
        Stored::Yes => Ok(Step::Done),
        Stored::UserCodeTaken => Err("256 random bits were there already".into()),
    }
}
