//! Tokens that let clients register themselves.

use chrono::TimeDelta;
use clap::Args;
use serde_json::json;

use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::clients::registration_tokens;
use crate::model::ids::TenantId;

#[derive(Debug, Args)]
pub(super) struct CreateRegistrationToken {
    /// Label, such as the name of a partner.
    #[arg(long)]
    name: String,
    /// Number of clients that may register with it.
    #[arg(long, default_value_t = 1)]
    uses: i32,
    /// Validity in hours.
    #[arg(long, default_value_t = 24)]
    hours: u16,
}

pub(super) async fn create_registration_token(
    app: &App,
    tenant: TenantId,
    new: &CreateRegistrationToken,
) -> Done {
    let life = TimeDelta::hours(new.hours.into());
    let (token, secret) =
        registration_tokens::create(app, tenant, &new.name, new.uses, life, &By::OPERATOR).await?;
    let sentence =
        format!("Created registration token {}\nToken {} (shown only once)", token.id, secret.expose());
    let document = json!({"id": token.id, "token": secret.expose(), "expires_at": token.expires_at});
    Ok((sentence, document))
}
