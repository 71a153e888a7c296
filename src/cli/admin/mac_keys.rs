//! The tenants' keys for message authentication codes.

use clap::Args;
use serde_json::json;

use super::confirmation::Confirmation;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::mac_keys::rotate::{rotate_audit, rotate_tokens};
use crate::model::ids::TenantId;

pub(super) const WHAT_ENDS: &str =
    "the access of all devices of the tenant and its pending device authorizations";

#[derive(Debug, Args)]
pub(super) struct RotateTokenKey {
    #[command(flatten)]
    pub(super) sure: Confirmation,
}

pub(super) async fn rotate_token_key(app: &App, tenant: TenantId) -> Done {
    rotate_tokens(app, tenant, &By::OPERATOR).await?;
    let sentence = "replaced the key that authenticates tokens\nevery device of the tenant must sign in \
        again, and pending codes are invalid";
    Ok((sentence.to_owned(), json!({"rotated": true})))
}

pub(super) async fn rotate_audit_key(app: &App, tenant: TenantId) -> Done {
    rotate_audit(app, tenant, &By::OPERATOR).await?;
    let sentence =
        "replaced the key that authenticates the audit log; the old one still verifies older events";
    Ok((sentence.to_owned(), json!({"rotated": true})))
}
