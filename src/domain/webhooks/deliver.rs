//! Sends the messages that are due: each until it arrives, or for three days.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;

use super::{signature, signing_key};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{TenantId, WebhookId};
use crate::model::webhook::{hold_after, pause_after};
use crate::outbound::FetchError;
use crate::secrets::DecryptError;
use crate::store::webhook_deliveries::{self, CONCURRENT_CALLS, Delivery, Slots};
use crate::store::{self, webhooks};

/// How many messages one server sends to one receiver at a time.
const SLOTS_OF_RECEIVER: i64 = 4;
/// How much longer than an attempt may take a message stays with the server that took it.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// The status that says that nobody is there any more (RFC 9110 §15.5.11).
const GONE: u16 = 410;

#[derive(Debug)]
enum Attempt {
    Arrived,
    /// The receiver wants no more messages.
    Gone,
    Failed(String),
    /// This server cannot sign it. Another one may, once this one's time for it is over.
    NotByThisServer(DecryptError),
}

/// The messages that this server is sending.
#[derive(Debug, Default)]
pub struct Sending {
    attempts: JoinSet<((TenantId, WebhookId), store::Result<()>)>,
    webhooks: Vec<(TenantId, WebhookId)>,
}

impl Sending {
    /// Begins to send messages that are due, as long as slots are free. Returns their number.
    pub async fn begin_due(&mut self, app: &Arc<App>) -> store::Result<usize> {
        let now = app.clock.now();
        let lease = app.webhook_calls.patience() + LEASE_MARGIN;
        let until = now + TimeDelta::from_std(lease).unwrap_or(TimeDelta::minutes(5));
        let slots =
            Slots { total: CONCURRENT_CALLS.into(), for_webhook: SLOTS_OF_RECEIVER, taken: &self.webhooks };
        let mut begun = 0;
        for (tenant, ids) in webhook_deliveries::due(&app.db, &slots, now).await? {
            for delivery in webhook_deliveries::claim(&app.db, tenant, &ids, now, until).await? {
                let (app, webhook) = (Arc::clone(app), (tenant, delivery.webhook_id));
                self.webhooks.push(webhook);
                self.attempts.spawn(async move {
                    let attempt = attempt(&app, &delivery).await;
                    (webhook, record(&app, &delivery, attempt).await)
                });
                begun += 1;
            }
        }
        Ok(begun)
    }

    /// Waits until one of the messages was sent or has failed. Returns `false` if none is under way.
    pub async fn finish_one(&mut self) -> store::Result<bool> {
        match self.attempts.join_next().await {
            Some(Ok((webhook, recorded))) => {
                if let Some(slot) = self.webhooks.iter().position(|taken| *taken == webhook) {
                    self.webhooks.swap_remove(slot);
                }
                recorded.map(|()| true)
            }
            Some(Err(error)) => {
                tracing::error!(%error, "webhook delivery aborted");
                // Whose it was is not known any more; the slot is free once all have ended.
                if self.attempts.is_empty() {
                    self.webhooks.clear();
                }
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Returns `true` if no message is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }
}

/// Sends messages that are due, as many as there are slots for. Returns their number.
pub async fn deliver_due(app: &Arc<App>) -> store::Result<usize> {
    let mut sending = Sending::default();
    let begun = sending.begin_due(app).await?;
    while sending.finish_one().await? {}
    Ok(begun)
}

async fn attempt(app: &App, delivery: &Delivery) -> Attempt {
    let key = signing_key(app, delivery.tenant_id, delivery.webhook_id, &delivery.secret_sealed);
    let key = match key {
        Ok(key) => key,
        Err(error @ DecryptError::UnknownKey(_)) => return Attempt::NotByThisServer(error),
        Err(error) => return Attempt::Failed(format!("its secret: {error}")),
    };
    let Ok(url) = Url::parse(&delivery.url) else { return Attempt::Failed("not an address".to_owned()) };
    let timestamp = app.clock.own_now().timestamp();
    let signed = signature::sign(&key, delivery.id, timestamp, &delivery.payload);
    let headers = [
        ("webhook-id", delivery.id.to_string()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signed),
    ];
    match app.webhook_calls.post(&url, &headers, delivery.payload.clone()).await {
        Ok(200..=299) => Attempt::Arrived,
        Ok(GONE) => Attempt::Gone,
        Ok(status) => Attempt::Failed(FetchError::Status(status).to_string()),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

async fn record(app: &App, delivery: &Delivery, attempt: Attempt) -> store::Result<()> {
    let now = app.clock.now();
    let outcome = match attempt {
        Attempt::Arrived => {
            webhook_deliveries::record_success(&app.db, delivery.tenant_id, delivery.id, now).await?;
            if delivery.failures > 0 {
                webhooks::release(&app.db, delivery.tenant_id, delivery.webhook_id).await?;
            }
            "arrived"
        }
        Attempt::Gone => {
            disable(app, delivery).await?;
            "gone"
        }
        Attempt::NotByThisServer(error) => {
            let (webhook, message) = (delivery.webhook_id, delivery.id);
            tracing::warn!(%webhook, %message, %error, "webhook delivery left to other instances");
            "left"
        }
        Attempt::Failed(reason) => {
            let next = pause_after(delivery.attempt).map(|pause| now + pause);
            webhook_deliveries::record_failure(&app.db, delivery.tenant_id, delivery.id, &reason, next)
                .await?;
            let failures = delivery.failures.saturating_add(1);
            webhooks::hold(
                &app.db,
                delivery.tenant_id,
                delivery.webhook_id,
                failures,
                now + hold_after(failures),
            )
            .await?;
            tracing::warn!(webhook = %delivery.webhook_id, message = %delivery.id, attempt = delivery.attempt, reason,
                           given_up = next.is_none(), "webhook delivery failed");
            if next.is_some() { "failed" } else { "given_up" }
        }
    };
    metrics::counter!("latchkey_webhook_attempts_total", "outcome" => outcome).increment(1);
    Ok(())
}

/// Tells a webhook nothing more, as its receiver asks for.
async fn disable(app: &App, delivery: &Delivery) -> store::Result<()> {
    let (tenant, webhook) = (delivery.tenant_id, delivery.webhook_id);
    let mut change = Change::begin(app, tenant, &By::SERVER).await?;
    webhook_deliveries::give_up(&mut *change, tenant, webhook).await?;
    if webhooks::disable(&mut *change, tenant, webhook).await? {
        let details = json!({"reason": "the receiver answered 410 Gone"});
        change.audit(Action::WebhookDisabled, Target::Webhook(webhook), details).await?;
    }
    change.commit().await
}
