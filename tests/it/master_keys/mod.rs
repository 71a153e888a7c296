//! Master keys that are rotated, and servers that do not have the same ones.

mod missing;
mod reseal;
mod rotation;

use crate::support::TestServer;
use crate::support::database::MASTER_KEY;

/// The key that the tests begin with.
const OLD: u8 = MASTER_KEY;
/// The key that replaces it.
const NEW: u8 = 9;

/// The number of values of each master key in every column of sealed values, without those of ended authorizations.
async fn sealed_values(server: &TestServer) -> Vec<(String, i64)> {
    sqlx::query_as(
        "SELECT encode(substring(sealed FOR 4), 'hex'), count(*) FROM (
             SELECT private_sealed FROM signing_keys UNION ALL SELECT sealed FROM mac_keys
             UNION ALL SELECT secret_sealed FROM totp_secrets UNION ALL SELECT secret_sealed FROM webhooks
             UNION ALL SELECT token_sealed FROM approval_notices
             UNION ALL SELECT user_code_sealed FROM device_authorizations WHERE state = 'pending'
         ) AS every (sealed) WHERE sealed IS NOT NULL GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("values can be counted")
}

/// What a key is called.
fn name(key: u8) -> String {
    latchkey::secrets::MasterKey::from_bytes([key; 32]).name().to_string()
}
