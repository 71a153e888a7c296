//! Audit events: who did what to what, from where, when, and with what outcome.

use serde_json::Value;

use super::ids::{ClientId, UserId};
use super::request_origin::RequestOrigin;

/// Who acted.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A signed-in person.
    User(UserId),
    /// An identified client.
    Client(ClientId),
    /// Whoever runs the server's command line.
    Operator,
    /// The server itself, because it was time.
    Server,
    /// Somebody unknown.
    Anyone,
}

impl Actor {
    /// The kind, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator => "operator",
            Self::Server => "server",
            Self::Anyone => "anyone",
        }
    }

    /// The identifier, as stored.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.to_string()),
            Self::Operator | Self::Server | Self::Anyone => None,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says what its stored word says")]
pub enum Action {
    SignIn,
    SignInBegun,
    SignOut,
    AccountLocked,
    PasswordChanged,
    SecondFactorChecked,
    SecondFactorEnrolled,
    SecondFactorRemoved,
    RecoveryCodesMade,
    RecoveryCodeUsed,
    UserCodeEntered,
    DeviceSessionOpened,
    DeviceSessionApproved,
    DeviceSessionDenied,
    DeviceSessionReported,
    DeviceSessionConfirmed,
    DeviceSessionRedeemed,
    DeviceDistrusted,
    DeviceSessionDisowned,
    TokenRefreshed,
    TokenIssuedToClient,
    TokenFamilyRevoked,
    AccessTokenRevoked,
    DeviceChanged,
    DeviceLocked,
    DeviceUnlocked,
    BrowserSessionEnded,
    TokensNotBeforeRaised,
    TenantCreated,
    TenantChanged,
    TenantDeleted,
    UserCreated,
    UserChanged,
    UserSignedOutEverywhere,
    PasswordResetStarted,
    PasswordChosen,
    UserDeleted,
    AdministrationRefused,
    ClientCreated,
    ClientChanged,
    ClientSecretRotated,
    ClientSecretRetired,
    ClientDeleted,
    PolicyChanged,
    RegistrationTokenCreated,
    RegistrationTokenDeleted,
    SourceFrozen,
    SourceReleased,
    CampaignRevoked,
    ScopeCreated,
    ScopeChanged,
    ScopeDeleted,
    ResourceCreated,
    ResourceChanged,
    ResourceDeleted,
    SigningKeyCreated,
    SigningKeyAnnounced,
    SigningKeyActivated,
    SigningKeyRetired,
    SigningKeyRemoved,
}

impl Action {
    /// The word in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInBegun => "sign_in.begun",
            Self::SignOut => "sign_out",
            Self::AccountLocked => "user.locked",
            Self::PasswordChanged => "password.changed",
            Self::SecondFactorChecked => "second_factor.checked",
            Self::SecondFactorEnrolled => "second_factor.enrolled",
            Self::SecondFactorRemoved => "second_factor.removed",
            Self::RecoveryCodesMade => "recovery_codes.made",
            Self::RecoveryCodeUsed => "recovery_code.used",
            Self::UserCodeEntered => "user_code.entered",
            Self::DeviceSessionOpened => "device_session.opened",
            Self::DeviceSessionApproved => "device_session.approved",
            Self::DeviceSessionDenied => "device_session.denied",
            Self::DeviceSessionReported => "device_session.reported",
            Self::DeviceSessionConfirmed => "device_session.confirmed",
            Self::DeviceSessionRedeemed => "device_session.redeemed",
            Self::DeviceDistrusted => "device.distrusted",
            Self::DeviceSessionDisowned => "device_session.disowned",
            Self::TokenRefreshed => "token.refreshed",
            Self::TokenIssuedToClient => "token.issued_to_client",
            Self::TokenFamilyRevoked => "token_family.revoked",
            Self::AccessTokenRevoked => "access_token.revoked",
            Self::DeviceChanged => "device.changed",
            Self::DeviceLocked => "device.locked",
            Self::DeviceUnlocked => "device.unlocked",
            Self::BrowserSessionEnded => "browser_session.ended",
            Self::TokensNotBeforeRaised => "tokens_not_before.raised",
            Self::TenantCreated => "tenant.created",
            Self::TenantChanged => "tenant.changed",
            Self::TenantDeleted => "tenant.deleted",
            Self::UserCreated => "user.created",
            Self::UserChanged => "user.changed",
            Self::UserSignedOutEverywhere => "user.signed_out_everywhere",
            Self::UserDeleted => "user.deleted",
            Self::PasswordResetStarted => "user.password_reset_started",
            Self::PasswordChosen => "user.password_chosen",
            Self::AdministrationRefused => "administration.refused",
            Self::ClientCreated => "client.created",
            Self::ClientChanged => "client.changed",
            Self::ClientSecretRotated => "client.secret_rotated",
            Self::ClientSecretRetired => "client.secret_retired",
            Self::ClientDeleted => "client.deleted",
            Self::PolicyChanged => "policy.changed",
            Self::RegistrationTokenCreated => "registration_token.created",
            Self::RegistrationTokenDeleted => "registration_token.deleted",
            Self::SourceFrozen => "source.frozen",
            Self::SourceReleased => "source.released",
            Self::CampaignRevoked => "campaign.revoked",
            Self::ScopeCreated => "scope.created",
            Self::ScopeChanged => "scope.changed",
            Self::ScopeDeleted => "scope.deleted",
            Self::ResourceCreated => "resource.created",
            Self::ResourceChanged => "resource.changed",
            Self::ResourceDeleted => "resource.deleted",
            Self::SigningKeyCreated => "signing_key.created",
            Self::SigningKeyAnnounced => "signing_key.announced",
            Self::SigningKeyActivated => "signing_key.activated",
            Self::SigningKeyRetired => "signing_key.retired",
            Self::SigningKeyRemoved => "signing_key.removed",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// The word in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}

/// One entry of the audit trail. Codes, tokens and secrets never go into it.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    /// What happened.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Who acted.
    pub actor: Actor,
    /// The kind of thing acted on, such as `device_session`.
    pub target_kind: &'static str,
    /// Which one.
    pub target_id: Option<String>,
    /// From where; `None` for the command line.
    pub origin: Option<&'a RequestOrigin>,
    /// What else is worth knowing.
    pub details: Value,
}
