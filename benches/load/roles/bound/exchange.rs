//! Redemptions and refreshes: the product's own statements.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::model::device_code::DeviceCode;
use latchkey::model::ids::{ClientId, RequestId};
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::request_origin::RequestOrigin;
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::secrets::MacKey;
use latchkey::store::device_authorizations::redemptions::{self, Redemption};
use latchkey::store::event_keys::EventKey;
use latchkey::store::refresh_tokens::TokenName;
use latchkey::store::refresh_tokens::exchanges::{Exchange, Ground, PlainCase};
use latchkey::store::sending::Sending;

use super::{Bench, Step};
use crate::Fault;
use crate::database::seed;

/// Codes to redeem, and refresh tokens that came of it.
pub(super) struct Codes {
    bench: Arc<Bench>,
    scopes: ScopeSet,
    to_redeem: Mutex<VecDeque<DeviceCode>>,
    to_refresh: Mutex<VecDeque<RefreshToken>>,
}

impl Codes {
    pub(super) fn new(bench: Arc<Bench>, codes: Vec<DeviceCode>) -> Arc<Self> {
        let scopes = ScopeSet::parse(seed::SCOPE).unwrap_or_default();
        Arc::new(Self { bench, scopes, to_redeem: Mutex::new(codes.into()), to_refresh: Mutex::default() })
    }

    fn origin(&self, now: DateTime<Utc>) -> RequestOrigin {
        let request_id = RequestId(self.bench.random.uuid_v7(now));
        RequestOrigin { request_id, ip_address: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None }
    }
}

fn take<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn put<T>(queue: &Mutex<VecDeque<T>>, item: T) {
    queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(item);
}

pub(super) async fn redeem(codes: Arc<Codes>) -> Result<Step, Fault> {
    let Some(code) = take(&codes.to_redeem) else { return Ok(Step::NothingLeft) };
    let (queues, random, now) = (&codes.bench.queues, &codes.bench.random, codes.bench.clock.now());
    let token = RefreshToken::first(&code);
    let plain = redemptions::PlainCase {
        client: ClientId::parse(seed::CLIENT_ID)?,
        scopes: codes.scopes.clone(),
        not_before: None,
    };
    let redemption = Redemption {
        tenant: DEFAULT_TENANT,
        id: code.authorization(),
        code: code.hash(),
        ground: redemptions::Ground::Plain(plain),
        expires_at: now + TimeDelta::days(90),
        token: token.hash(),
        idle_expires_at: Some(now + TimeDelta::days(14)),
        audit: EventKey { id: random.uuid_v7(now), key: Arc::new(MacKey::new(&[0; 32])?) },
        origin: codes.origin(now),
        at: now,
        sending: Sending::default(),
    };
    if queues.redemptions.submit(redemption).await?.is_none() {
        return Err("a session could not be redeemed".into());
    }
    put(&codes.to_refresh, token);
    Ok(Step::Done)
}

pub(super) async fn refresh(codes: Arc<Codes>) -> Result<Step, Fault> {
    let Some(token) = take(&codes.to_refresh) else { return Ok(Step::NothingLeft) };
    let (queues, random, now) = (&codes.bench.queues, &codes.bench.random, codes.bench.clock.now());
    let plain = PlainCase {
        client: ClientId::parse(seed::CLIENT_ID)?,
        scopes: codes.scopes.clone(),
        not_before: None,
        longest: TimeDelta::days(90),
    };
    let exchange = Exchange {
        token: TokenName { tenant: DEFAULT_TENANT, device: token.device(), hash: token.hash() },
        presented: token.generation(),
        ground: Ground::Plain(plain),
        idle_expires_at: now + TimeDelta::days(14),
        is_audited: true,
        audit: EventKey { id: random.uuid_v7(now), key: Arc::new(MacKey::new(&[0; 32])?) },
        origin: codes.origin(now),
        at: now,
        sending: Sending::default(),
    };
    if queues.exchanges.submit(exchange).await?.is_none() {
        return Err("a token could not be exchanged".into());
    }
    put(&codes.to_refresh, token.successor());
    Ok(Step::Done)
}
