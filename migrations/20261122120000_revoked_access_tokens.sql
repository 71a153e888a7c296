-- Access tokens that were revoked one by one: those of a client that acts for itself (RFC 6749 §4.4). A device's die
-- with their family.
CREATE TABLE revoked_access_tokens (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    jti         text NOT NULL,
    -- The token's own end; afterwards nobody asks.
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, jti)
);
CREATE INDEX revoked_access_tokens_expiry ON revoked_access_tokens (expires_at);

-- Approved codes that nobody has collected yet, by who approved them: they die with the account.
CREATE INDEX device_authorizations_approved_by ON device_authorizations (decided_by_user_id) WHERE state = 'approved';

-- A person's signed-in browsers and living families, to end them all. Without the tenant in front: while nothing is
-- known of a new table, the planner takes an index that begins with it for as good as the one on the device, and then
-- reads every family of the tenant to find one.
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);
DROP INDEX token_families_user;
CREATE INDEX token_families_user ON token_families (user_id) WHERE revoked_at IS NULL;
