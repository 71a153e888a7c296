//! What the database stores of codes that people type: a plain hash of so few bits could be reversed by trying all.

use super::current;
use crate::app::App;
use crate::model::confirmation_code::ConfirmationCode;
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId};
use crate::model::mac_key::MacPurpose;
use crate::model::recovery_code::RecoveryCode;
use crate::model::user::User;
use crate::model::user_code::UserCode;
use crate::store;

/// Returns the MAC of a user code.
pub async fn user_code(app: &App, tenant: TenantId, code: &UserCode) -> store::Result<[u8; 32]> {
    code_of(app, tenant, &[b"user code\0", code.as_str().as_bytes()]).await
}

/// Returns the confirmation code that this approver is shown once they have approved a device authorization. It is the
/// same as often as it is asked for, so that an approver whose answer was lost is shown it again.
pub async fn confirmation_code_for(
    app: &App,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    approver: ApproverId,
) -> store::Result<ConfirmationCode> {
    let parts: [&[u8]; 3] = [b"confirmation code for\0", id.0.as_bytes(), approver.0.as_bytes()];
    Ok(ConfirmationCode::of_mac(code_of(app, tenant, &parts).await?))
}

/// Returns the MAC of a confirmation code.
pub async fn confirmation_code(
    app: &App,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    code: &ConfirmationCode,
) -> store::Result<[u8; 32]> {
    code_of(app, tenant, &[b"confirmation code\0", id.0.as_bytes(), code.as_str().as_bytes()]).await
}

/// Returns the MAC of a recovery code.
pub async fn recovery_code(app: &App, user: &User, code: &RecoveryCode) -> store::Result<[u8; 32]> {
    let parts: [&[u8]; 3] = [b"recovery code\0", user.id.0.as_bytes(), code.as_str().as_bytes()];
    code_of(app, user.tenant_id, &parts).await
}

async fn code_of(app: &App, tenant: TenantId, parts: &[&[u8]]) -> store::Result<[u8; 32]> {
    let key = app.cached.code_key(tenant, async || current(app, tenant, MacPurpose::Codes).await).await?;
    Ok(key.code(parts))
}
