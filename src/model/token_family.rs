//! Token families: all tokens that descend from one redemption end together. A device has one family, in its row.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::device_authorization::Authentication;
use super::ids::{ClientId, DeviceId, TenantId, UserId};
use super::key_thumbprint::KeyThumbprint;
use super::refresh_rule::Stored;
use super::scope::ScopeSet;
use super::user::User;

#[derive(Clone, Debug)]
pub struct TokenFamily {
    pub device_id: DeviceId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    /// The client it was issued to.
    pub client_id: ClientId,
    pub scopes: ScopeSet,
    /// How the user had authenticated.
    pub authentication: Authentication,
    /// The key that its refresh tokens are bound to (RFC 9449 §5).
    pub dpop_key: Option<KeyThumbprint>,
    /// The services its access tokens may be for (RFC 8707); empty means the tenant's default.
    pub resources: Vec<String>,
    pub created_at: DateTime<Utc>,
    /// Its absolute end, which no rotation moves.
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The refresh token of a device as it is stored, with its family.
#[derive(Clone, Debug)]
pub struct HeldToken {
    /// What the rule asks of it.
    pub stored: Stored,
    /// The address that the newest generation was issued to.
    pub exchanged_from: Option<IpAddr>,
    pub idle_expires_at: DateTime<Utc>,
    /// Whether the device it belongs to is locked.
    pub device_locked: bool,
    /// The trust in that device, if its owner called it trusted.
    pub trust: Option<Trust>,
    pub user: User,
    /// Whether its client and its tenant are enabled, as the database says: what a server remembers of them may be old.
    pub client_enabled: bool,
    pub family: TokenFamily,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The key the device used when it was trusted; `None` means it used none.
    pub key: Option<KeyThumbprint>,
}

/// Why a device lost its trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustLoss {
    /// Its key changed, appeared or disappeared.
    KeyChanged,
    /// The policy no longer allows it.
    Policy,
}

impl TrustLoss {
    /// The word in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyChanged => "key_changed",
            Self::Policy => "policy",
        }
    }
}

/// Why a family ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// A device code was redeemed a second time, later than a lost answer explains.
    DeviceCodeReplayed,
    /// A refresh token was used after it had been exchanged (RFC 9700 §4.14.2).
    RefreshTokenReused,
    /// Its client gave a token back (RFC 7009).
    RevokedByClient,
    DeviceRemoved,
    /// The user reported, by the link in the approval email, that the approval was not theirs.
    Disowned,
    UserDisabled,
    /// The account was signed out everywhere.
    SignedOutEverywhere,
    /// The user changed the password and chose to disconnect all devices.
    PasswordChanged,
    /// Its code came from a source of phishing.
    CampaignRevoked,
}

impl RevocationReason {
    /// The word in the database and the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCodeReplayed => "device_code_replayed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::RevokedByClient => "revoked_by_client",
            Self::DeviceRemoved => "device_removed",
            Self::Disowned => "disowned",
            Self::UserDisabled => "user_disabled",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::PasswordChanged => "password_changed",
            Self::CampaignRevoked => "campaign_revoked",
        }
    }
}
