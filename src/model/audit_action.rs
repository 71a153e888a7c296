//! What the audit trail can tell of: each action with its word, once.

macro_rules! actions {
    ($($action:ident = $word:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($action,)*
        }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$action,)*];

            /// The word in the audit trail.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $word,)*
                }
            }
        }
    };
}

actions! {
    SignIn = "sign_in",
    SignInBegun = "sign_in.begun",
    SignOut = "sign_out",
    UnknownBrowsersRefused = "sign_in.unknown_browsers_refused",
    PasswordChanged = "password.changed",
    SecondFactorChecked = "second_factor.checked",
    SecondFactorEnrolled = "second_factor.enrolled",
    SecondFactorRemoved = "second_factor.removed",
    RecoveryCodesMade = "recovery_codes.made",
    RecoveryCodeUsed = "recovery_code.used",
    UserCodeEntered = "user_code.entered",
    DeviceAuthorizationOpened = "device_authorization.opened",
    DeviceAuthorizationApproved = "device_authorization.approved",
    DeviceAuthorizationDenied = "device_authorization.denied",
    DeviceAuthorizationReported = "device_authorization.reported",
    DeviceAuthorizationConfirmed = "device_authorization.confirmed",
    DeviceAuthorizationRedeemed = "device_authorization.redeemed",
    DeviceDistrusted = "device.distrusted",
    DeviceAuthorizationDisowned = "device_authorization.disowned",
    TokenRefreshed = "token.refreshed",
    TokenIssuedToClient = "token.issued_to_client",
    TokenFamilyRevoked = "token_family.revoked",
    AccessTokenRevoked = "access_token.revoked",
    DeviceChanged = "device.changed",
    DeviceLocked = "device.locked",
    DeviceUnlocked = "device.unlocked",
    BrowserSessionEnded = "browser_session.ended",
    TokensNotBeforeRaised = "tokens_not_before.raised",
    TenantCreated = "tenant.created",
    TenantChanged = "tenant.changed",
    TenantDeleted = "tenant.deleted",
    UserCreated = "user.created",
    UserChanged = "user.changed",
    UserSignedOutEverywhere = "user.signed_out_everywhere",
    UserDeleted = "user.deleted",
    FirstAdministratorInvited = "first_administrator.invited",
    PasswordResetStarted = "user.password_reset_started",
    PasswordChosen = "user.password_chosen",
    AdministrationRefused = "administration.refused",
    ClientCreated = "client.created",
    ClientChanged = "client.changed",
    ClientSecretRotated = "client.secret_rotated",
    ClientSecretRetired = "client.secret_retired",
    ClientDeleted = "client.deleted",
    PolicyChanged = "policy.changed",
    RegistrationTokenCreated = "registration_token.created",
    RegistrationTokenDeleted = "registration_token.deleted",
    SourceFrozen = "source.frozen",
    SourceReleased = "source.released",
    CampaignRevoked = "campaign.revoked",
    WebhookCreated = "webhook.created",
    WebhookDisabled = "webhook.disabled",
    WebhookDeleted = "webhook.deleted",
    ScopeCreated = "scope.created",
    ScopeChanged = "scope.changed",
    ScopeDeleted = "scope.deleted",
    ResourceCreated = "resource.created",
    ResourceChanged = "resource.changed",
    ResourceDeleted = "resource.deleted",
    SigningKeyCreated = "signing_key.created",
    SigningKeyAnnounced = "signing_key.announced",
    SigningKeyActivated = "signing_key.activated",
    SigningKeyRetired = "signing_key.retired",
    SigningKeyRemoved = "signing_key.removed",
    TokenKeyRotated = "token_key.rotated",
    AuditKeyRotated = "audit_key.rotated",
    SecretsResealed = "secrets.resealed",
}

impl Action {
    /// Whether this is the word of an action.
    #[must_use]
    pub fn is_known(word: &str) -> bool {
        Self::ALL.iter().any(|action| action.as_str() == word)
    }
}
