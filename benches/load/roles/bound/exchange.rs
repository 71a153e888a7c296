//! Redemptions and refreshes: the product's own statements.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::model::audit_mac::EventStamp;
use latchkey::model::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use latchkey::model::ids::{ClientId, DeviceId, RefreshTokenId, RequestId, TokenFamilyId};
use latchkey::model::request_origin::RequestOrigin;
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::redemptions::{self, Redemption};
use latchkey::store::refresh_tokens::NewRefreshToken;
use latchkey::store::refresh_tokens::rotations::{Ground, PlainCase, Rotation};

use super::{Bench, Step};
use crate::Fault;
use crate::database::seed;

/// Codes to redeem, and refresh tokens that came of it.
pub(super) struct Codes {
    bench: Arc<Bench>,
    scopes: ScopeSet,
    to_redeem: Mutex<VecDeque<SecretHash>>,
    to_refresh: Mutex<VecDeque<SecretHash>>,
}

impl Codes {
    pub(super) fn new(bench: Arc<Bench>, codes: Vec<SecretHash>) -> Arc<Self> {
        let scopes = ScopeSet::parse(seed::SCOPE).unwrap_or_default();
        Arc::new(Self { bench, scopes, to_redeem: Mutex::new(codes.into()), to_refresh: Mutex::default() })
    }

    fn origin(&self, now: DateTime<Utc>) -> RequestOrigin {
        let request_id = RequestId(self.bench.random.uuid_v7(now));
        RequestOrigin { request_id, ip_address: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None }
    }

    fn new_token(&self, now: DateTime<Utc>) -> NewRefreshToken {
        let random = &self.bench.random;
        let hash = BearerSecret::generate(SecretKind::RefreshToken, random).hash();
        NewRefreshToken {
            id: RefreshTokenId(random.uuid_v7(now)),
            hash,
            expires_at: now + TimeDelta::days(14),
        }
    }
}

fn take(queue: &Mutex<VecDeque<SecretHash>>) -> Option<SecretHash> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn put(queue: &Mutex<VecDeque<SecretHash>>, hash: SecretHash) {
    queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(hash);
}

pub(super) async fn redeem(codes: Arc<Codes>) -> Result<Step, Fault> {
    let Some(code) = take(&codes.to_redeem) else { return Ok(Step::NothingLeft) };
    let (queues, random, now) = (&codes.bench.queues, &codes.bench.random, codes.bench.clock.now());
    let token = codes.new_token(now);
    let plain = redemptions::PlainCase {
        client: ClientId::parse(seed::CLIENT_ID)?,
        scopes: codes.scopes.clone(),
        not_before: None,
    };
    let redemption = Redemption {
        tenant: DEFAULT_TENANT,
        code,
        ground: redemptions::Ground::Plain(plain),
        device_id: DeviceId(random.uuid_v7(now)),
        family_id: TokenFamilyId(random.uuid_v7(now)),
        expires_at: now + TimeDelta::days(90),
        refresh_token: Some(token.clone()),
        audit: EventStamp { id: random.uuid_v7(now), key: [0; 32] },
        origin: codes.origin(now),
        at: now,
    };
    if queues.redemptions.submit(redemption).await?.is_none() {
        return Err("a session could not be redeemed".into());
    }
    put(&codes.to_refresh, token.hash);
    Ok(Step::Done)
}

pub(super) async fn refresh(codes: Arc<Codes>) -> Result<Step, Fault> {
    let Some(token) = take(&codes.to_refresh) else { return Ok(Step::NothingLeft) };
    let (queues, random, now) = (&codes.bench.queues, &codes.bench.random, codes.bench.clock.now());
    let successor = codes.new_token(now);
    let plain = PlainCase {
        client: ClientId::parse(seed::CLIENT_ID)?,
        scopes: codes.scopes.clone(),
        not_before: None,
        longest: TimeDelta::days(90),
    };
    let rotation = Rotation {
        tenant: DEFAULT_TENANT,
        replaced: token,
        ground: Ground::Plain(plain),
        successor: successor.clone(),
        audit: EventStamp { id: random.uuid_v7(now), key: [0; 32] },
        origin: codes.origin(now),
        at: now,
    };
    if queues.rotations.submit(rotation).await?.is_none() {
        return Err("a token could not be exchanged".into());
    }
    put(&codes.to_refresh, successor.hash);
    Ok(Step::Done)
}
