//! Tokens that let clients register themselves.

use chrono::TimeDelta;
use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::clients::registration_tokens;
use crate::model::ids::TenantId;

#[derive(Debug, Args)]
pub(super) struct CreateRegistrationToken {
    /// For whom it is.
    #[arg(long)]
    name: String,
    /// How many clients may register with it.
    #[arg(long, default_value_t = 1)]
    uses: i32,
    /// How many hours it is good.
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
    let sentence = format!("registration token {}\ntoken {} (shown this once)", token.id, secret.expose());
    let document = json!({"id": token.id, "token": secret.expose(), "expires_at": token.expires_at});
    Ok((sentence, document))
}
