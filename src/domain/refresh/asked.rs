//! A refresh request whose token the server issued: the exchange without a look-up, the judged exchange and the repeat.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use super::{RefreshRequest, dead, is_proven, is_void};
use crate::app::App;
use crate::config::AuditedRefreshes;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::oauth_error::OAuthError;
use crate::domain::own_audiences::OwnAudiences;
use crate::domain::tokens::{self, Grant, IssuedTokens};
use crate::domain::{audit, granting, policies};
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::bearer_secret::BearerSecret;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::policy::trust::TrustPolicy;
use crate::model::refresh_rule::Presented;
use crate::model::refresh_token::RefreshToken;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::tenant::Tenant;
use crate::model::token_family::{HeldToken, TokenFamily, Trust, TrustLoss};
use crate::secrets::MacKey;
use crate::store;
use crate::store::memory::lost_answers::{Delivery, Generation};
use crate::store::refresh_tokens::TokenName;
use crate::store::refresh_tokens::exchanges::{Exchange, Ground, PlainCase};
use crate::store::refresh_tokens::repeats::{self, Repeat, Repeated};
use crate::store::refresh_tokens::unanswered::Unanswered;
use crate::store::sending::Sending;

/// A request with the token that it presents.
pub(super) struct Asked<'a> {
    pub(super) app: &'a App,
    pub(super) tenant: &'a Tenant,
    pub(super) client: &'a AuthenticatedClient,
    pub(super) request: &'a RefreshRequest,
    pub(super) origin: &'a RequestOrigin,
    pub(super) key: Arc<MacKey>,
    pub(super) token: RefreshToken,
    pub(super) arrived_at: DateTime<Utc>,
}

impl Asked<'_> {
    pub(super) fn name(&self) -> TokenName {
        TokenName { tenant: self.tenant.id, device: self.token.device(), hash: self.token.hash() }
    }

    /// The refresh token that this request is answered with.
    fn successor(&self) -> BearerSecret {
        self.token.successor().write(self.tenant.id, &self.key)
    }

    /// Looks the token up. What the row does not tell yet of a lost answer, this server knows.
    pub(super) async fn held(&self) -> Result<HeldToken, OAuthError> {
        let held = self.app.observe(self.app.queues.refresh_tokens.submit(self.name()).await)?;
        let mut held = held.ok_or_else(dead)?;
        let newest = Unanswered {
            tenant: self.tenant.id,
            device: self.token.device(),
            generation: held.stored.generation,
            issued_at: held.stored.exchanged_at,
        };
        held.stored.unanswered |= self.app.lost_answers.is_lost(&newest);
        Ok(held)
    }

    /// Whether the answer with the newest generation may be lost without anybody knowing yet. It was issued for this token.
    pub(super) fn may_be_unanswered(&self, held: &HeldToken) -> bool {
        let is_before = self.token.generation() == held.stored.generation - 1;
        is_before && self.app.lost_answers.may_be_lost(held.stored.exchanged_at, self.app.clock.now())
    }

    pub(super) fn presented(&self, held: &HeldToken) -> Presented {
        Presented {
            generation: self.token.generation(),
            proven: is_proven(self.client, held.family.dpop_key),
            foreign: held.exchanged_from.is_some_and(|before| !self.is_near(before)),
            arrived_at: self.arrived_at,
            at: self.app.clock.now(),
        }
    }

    /// Whether an address is in the caller's network: IPv4 /24, IPv6 /48, or the same autonomous system.
    fn is_near(&self, before: IpAddr) -> bool {
        let here = self.origin.ip_address;
        let system = |address| self.app.geo.place_of(address).and_then(|place| place.asn);
        network(before) == network(here) || system(before).is_some_and(|asn| Some(asn) == system(here))
    }

    /// Notices if the answer with the next generation is lost.
    fn watch(&self, exchange: &Exchange) -> Delivery {
        let generation = Generation {
            tenant: self.tenant.id,
            device: self.token.device(),
            number: self.token.successor().generation(),
        };
        self.app.lost_answers.watch(generation, exchange.sending.clone())
    }

    async fn to_store(&self, ground: Ground, idle: TimeDelta) -> store::Result<Exchange> {
        let now = self.app.clock.now();
        Ok(Exchange {
            token: self.name(),
            presented: self.token.generation(),
            ground,
            idle_expires_at: now + idle,
            is_audited: self.app.config.audit.refreshes == AuditedRefreshes::Each,
            audit: audit::event_key(self.app, self.tenant.id, now).await?,
            origin: self.origin.clone(),
            at: now,
            sending: Sending::default(),
        })
    }

    async fn stamp(&self, now: DateTime<Utc>) -> store::Result<EventStamp> {
        let (app, tenant) = (self.app, self.tenant.id);
        audit::stamp(app, tenant, Action::TokenRefreshed, Outcome::Success, Some(self.origin), now).await
    }

    /// The exchange of a token that was not looked up, if its case is the plain one. The tokens are signed afterwards,
    /// with a key that is at hand before.
    pub(super) async fn exchange_unseen(&self) -> Result<Option<IssuedTokens>, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        // A proof is spent once the token is known to be its key's, and whoever wants less may want what there is not.
        if request.proof.is_some() || request.scope.is_some() || !request.resources.is_empty() {
            return Ok(None);
        }
        let keys = tokens::keys(app, tenant, client).await?;
        let audiences = OwnAudiences::of(app, tenant).await?;
        let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
        let lifetimes =
            ConnectionLifetimes::usual(&app.config.tokens, &policies::effective(app, tenant, client));
        let plain = PlainCase {
            client: client.client_id.clone(),
            scopes: granting::grantable_unseen(client, &catalogue),
            not_before: granting::not_before(tenant, client),
            longest: lifetimes.absolute,
        };
        let exchange = self.to_store(Ground::Plain(plain), lifetimes.idle).await?;
        let delivery = self.watch(&exchange);
        let Some(exchanged) = app.observe(app.queues.exchanges.submit(exchange).await)? else {
            delivery.is_not_owed();
            return Ok(None);
        };
        let exchanged = exchanged?;
        metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
        let grant = Grant {
            tenant,
            client,
            user: &exchanged.user,
            device_id: self.token.device(),
            scopes: &exchanged.scopes,
            resources: &audiences.or_default(exchanged.resources, &exchanged.scopes),
            dpop_key: None,
            authentication: &exchanged.authentication,
            ends_at: exchanged.expires_at,
            nonce: None,
        };
        let tokens = tokens::issue_with(app, &keys, &grant, Some(self.successor())).await?;
        Ok(Some(tokens.delivered_by(delivery)))
    }

    /// The exchange of a token that was judged. Returns `None` if the row has changed since.
    pub(super) async fn exchange(&self, held: &HeldToken) -> Result<Option<IssuedTokens>, OAuthError> {
        let renewal = self.renew(held).await?;
        let tokens = self.issue(held, &renewal).await?;
        let ground = Ground::Judged {
            stored: held.stored.generation,
            earlier_end: (renewal.ends_at < held.family.expires_at).then_some(renewal.ends_at),
            trust_loss: renewal.trust_loss,
        };
        let exchange = self.to_store(ground, renewal.idle).await?;
        let delivery = self.watch(&exchange);
        if self.app.observe(self.app.queues.exchanges.submit(exchange).await)?.is_some() {
            return Ok(Some(tokens.delivered_by(delivery)));
        }
        delivery.is_not_owed();
        Ok(None)
    }

    /// The same exchange again. Returns `None` if the device may not have it any more.
    pub(super) async fn repeat(
        &self,
        held: &HeldToken,
        foreign: bool,
    ) -> Result<Option<IssuedTokens>, OAuthError> {
        let renewal = self.renew(held).await?;
        let tokens = self.issue(held, &renewal).await?;
        let now = self.app.clock.now();
        let repeat = Repeat {
            token: self.name(),
            presented: self.token.generation(),
            client: &self.client.client_id,
            foreign,
            of: Repeated::Exchange,
            audit: self.stamp(now).await?,
            origin: self.origin,
            at: now,
        };
        Ok(repeats::record(&self.app.db, &repeat).await?.then_some(tokens))
    }

    /// How the family goes on, as the policy is now. Everything that was true at approval is asked again.
    async fn renew(&self, held: &HeldToken) -> Result<Renewal, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        let (family, user) = (&held.family, &held.user);
        if !user.is_active() || is_void(tenant, client, held) {
            return Err(dead());
        }
        let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
        let scopes = granting::grantable(Some(&family.scopes), client, &catalogue, user, request.dpop_key());
        if !granting::brings_refresh_token(client, &scopes) {
            return Err(dead());
        }
        let policy = policies::effective(app, tenant, client);
        let trust_loss = trust_loss(held.trust, request.dpop_key(), family, &policy.trust);
        let lifetimes = if held.trust.is_some() && trust_loss.is_none() {
            ConnectionLifetimes::trusted(&policy)
        } else {
            ConnectionLifetimes::usual(&app.config.tokens, &policy)
        };
        let lifetimes = lifetimes.at_most(granting::longest(&scopes, &catalogue));
        let ends_at = family.expires_at.min(family.created_at + lifetimes.absolute);
        if app.clock.now() >= ends_at {
            return Err(dead());
        }
        Ok(Renewal { scopes, idle: lifetimes.idle, ends_at, trust_loss })
    }

    /// New tokens for the family.
    async fn issue(&self, held: &HeldToken, renewal: &Renewal) -> Result<IssuedTokens, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        let family = &held.family;
        let (scopes, resources) = granting::for_access_token(
            (&renewal.scopes, family.resources.clone()),
            &OwnAudiences::of(app, tenant).await?,
            request.scope.as_deref(),
            &request.resources,
        )?;
        let grant = Grant {
            tenant,
            client,
            user: &held.user,
            device_id: family.device_id,
            scopes: &scopes,
            resources: &resources,
            dpop_key: request.dpop_key(),
            authentication: &family.authentication,
            ends_at: renewal.ends_at,
            nonce: None,
        };
        tokens::issue(app, &grant, Some(self.successor())).await
    }
}

/// What the family may have from now on.
struct Renewal {
    /// What of its scopes it still has.
    scopes: ScopeSet,
    idle: TimeDelta,
    /// Its end, which only ever moves towards now.
    ends_at: DateTime<Utc>,
    trust_loss: Option<TrustLoss>,
}

/// What becomes of the trust in a device that refreshes with `key`: why it is lost, if it is.
fn trust_loss(
    trust: Option<Trust>,
    key: Option<KeyThumbprint>,
    family: &TokenFamily,
    policy: &TrustPolicy,
) -> Option<TrustLoss> {
    let trust = trust?;
    if trust.key != key {
        Some(TrustLoss::KeyChanged)
    } else if !policy.allows(family.dpop_key) {
        Some(TrustLoss::Policy)
    } else {
        None
    }
}

/// The part of an address that a device keeps while it moves within its network.
fn network(address: IpAddr) -> Option<IpNet> {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).ok().map(|network| network.trunc())
}
