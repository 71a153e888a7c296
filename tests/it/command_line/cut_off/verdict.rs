//! What must be true when a play is over, and what is told of it.

use std::collections::HashMap;

use futures_util::future::join_all;
use latchkey::domain::mac_keys;
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::tenant::DEFAULT_TENANT;
use uuid::Uuid;

use super::callers::{Credential, Exchange};
use super::stage::Stage;

impl Stage {
    /// Exchanges that were cut off, of all kinds of callers.
    pub(super) fn total(&self) -> usize {
        self.cut_off.values().sum()
    }

    /// Refreshes at the server that is always well.
    pub(super) async fn use_once(&self, connected: Vec<Exchange>) {
        let answers = connected.iter().map(|exchange| exchange.ask(&self.home.base));
        for answer in join_all(answers).await {
            let answer = answer.expect("it is always well");
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }

    /// Insists that these are the only refresh tokens of their devices that can be exchanged.
    pub(super) async fn must_be_the_newest(&self, connected: &[Exchange]) {
        let key = mac_keys::tokens(&self.home.app, DEFAULT_TENANT).await.expect("the database answers");
        let rows: Vec<(Uuid, i64)> =
            sqlx::query_as("SELECT id, generation FROM devices WHERE revoked_at IS NULL")
                .fetch_all(&self.home.app.db)
                .await
                .expect("the devices");
        let stored: HashMap<_, _> = rows.into_iter().collect();
        for exchange in connected {
            let Credential::RefreshToken(token) = &exchange.credential else { panic!("not collected") };
            let read = RefreshToken::read(DEFAULT_TENANT, &key, token).expect("a refresh token");
            assert_eq!(stored.get(&read.device().0), Some(&read.generation()), "{:?}", exchange.kind);
        }
    }

    /// Nobody was taken for a thief, but for those that collected too late what they may collect once.
    pub(super) async fn must_have_no_thefts(&self) {
        let revoked: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM devices WHERE revoked_at IS NOT NULL")
            .fetch_all(&self.home.app.db)
            .await
            .expect("the devices");
        assert!(revoked.iter().all(|id| self.lost.contains(id)), "{revoked:?}");
    }

    /// Says what was played.
    pub(super) async fn report(&self, action: &'static str) {
        let repeated: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM audit_events WHERE action = $1 AND details -> 'repeated' = 'true'",
        )
        .bind(action)
        .fetch_one(&self.home.app.db)
        .await
        .expect("a count");
        println!(
            "{action}: {} times {:?}, cut off: {:?}, of which {repeated} were stored and repeated, {} were lost; {:?}",
            self.faults,
            self.fault,
            self.cut_off,
            self.lost.len(),
            self.began.elapsed()
        );
    }
}
