//! People who are signed in at their browsers, without the sign-in: its password costs more than all that is measured.

use std::ops::Range;

use chrono::TimeDelta;
use latchkey::clock::Clock;
use latchkey::model::bearer_secret::{BearerSecret, SecretKind};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::random::Random;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Fault;

/// How many users there are.
pub(crate) const USERS: usize = 1_000;

/// Begins a session for each of these users, and returns what their browsers hold.
pub(crate) async fn sign_in(db: &PgPool, users: Range<usize>) -> Result<Vec<BearerSecret>, Fault> {
    let (first, count) = (i32::try_from(users.start)?, users.len());
    if users.end > USERS {
        return Err(format!("there are no more than {USERS} users").into());
    }
    let (random, now) = (Random::system(), Clock::system().now());
    let secrets: Vec<BearerSecret> =
        (0..count).map(|_| BearerSecret::generate(SecretKind::Browser, &random)).collect();
    let ids: Vec<Uuid> = (0..count).map(|_| random.uuid_v7(now)).collect();
    let hashes: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.hash().0.to_vec()).collect();
    sqlx::query(
        "INSERT INTO browser_sessions (id, tenant_id, user_id, token_hash, auth_time, amr, created_at, last_seen_at,
                                       expires_at)
         SELECT id, $1, lpad(to_hex($6 + number - 1), 32, '0')::uuid, hash, $2, '{pwd}', $2, $2, $3
         FROM unnest($4::uuid[], $5::bytea[]) WITH ORDINALITY AS session (id, hash, number)",
    )
    .bind(DEFAULT_TENANT.0)
    .bind(now)
    .bind(now + TimeDelta::hours(2))
    .bind(&ids)
    .bind(&hashes)
    .bind(first)
    .execute(db)
    .await?;
    Ok(secrets)
}
