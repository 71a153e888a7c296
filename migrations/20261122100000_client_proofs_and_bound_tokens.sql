-- What tokens need to be trusted: clients that prove who they are by key, tokens bound to a device's key and to
-- the services they are for, and an instant before which nothing that was issued counts any more.

-- Raised after a restore from a backup, which would bring revoked tokens back.
ALTER TABLE tenants ADD COLUMN tokens_not_before timestamptz;
ALTER TABLE users ADD COLUMN tokens_not_before timestamptz;

ALTER TABLE clients
    ADD COLUMN tokens_not_before    timestamptz,
    -- The secret before the last, still good while the new one is rolled out.
    ADD COLUMN previous_secret_hash bytea,
    -- The public keys of a private_key_jwt client (RFC 7591 §2): the set itself, or where it is published.
    ADD COLUMN jwks                 jsonb,
    ADD COLUMN jwks_uri             text,
    -- Whether all its access tokens must be bound to a key (RFC 9449 §5.2).
    ADD COLUMN dpop_bound_access_tokens boolean NOT NULL DEFAULT false,
    -- The `aud` values of the resource server that this client is: whose tokens it may introspect (RFC 7662 §2.1).
    ADD COLUMN introspects          text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT clients_auth_method,
    ADD CONSTRAINT clients_auth_method
        CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    DROP CONSTRAINT clients_secret_by_method,
    ADD CONSTRAINT clients_secret_by_method
        CHECK ((auth_method IN ('client_secret_basic', 'client_secret_post')) = (secret_hash IS NOT NULL)),
    ADD CONSTRAINT clients_previous_secret_has_successor
        CHECK (previous_secret_hash IS NULL OR secret_hash IS NOT NULL),
    ADD CONSTRAINT clients_keys_by_method
        CHECK (num_nonnulls(jwks, jwks_uri) = (CASE WHEN auth_method = 'private_key_jwt' THEN 1 ELSE 0 END));

ALTER TABLE device_authorizations
    -- RFC 7638 thumbprint of the key that the device proved to hold when it started; only that key may go on.
    ADD COLUMN dpop_jkt     bytea,
    -- The services the device asked for (RFC 8707).
    ADD COLUMN resources    text[] NOT NULL DEFAULT '{}',
    -- When a device whose answer was lost collected once more.
    ADD COLUMN retried_at   timestamptz;

ALTER TABLE token_families
    -- The key that its refresh tokens are bound to.
    ADD COLUMN dpop_jkt     bytea,
    -- The services its access tokens may be for; none: the tenant's default.
    ADD COLUMN resources    text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT token_families_device_authorization_key;
-- One living family for one session, ever: a second one needs the first to be revoked.
CREATE UNIQUE INDEX token_families_device_authorization_key ON token_families (device_authorization_id)
    WHERE revoked_at IS NULL;
CREATE INDEX token_families_user ON token_families (tenant_id, user_id) WHERE revoked_at IS NULL;

ALTER TABLE refresh_tokens
    -- The token it was exchanged for, to know its siblings by.
    ADD COLUMN predecessor_id   uuid,
    -- When a sibling took its place before it was ever used.
    ADD COLUMN superseded_at    timestamptz;
DROP INDEX refresh_tokens_live_leaf_key;
CREATE UNIQUE INDEX refresh_tokens_live_leaf_key ON refresh_tokens (family_id)
    WHERE rotated_at IS NULL AND superseded_at IS NULL;

-- Identifiers of proofs that may be used once: client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1).
CREATE TABLE used_jtis (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- SHA-256 of what the proof is, whose it is, and its jti.
    jti_hash    bytea NOT NULL,
    -- When the proof has become too old to be accepted anyway.
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, jti_hash)
);
CREATE INDEX used_jtis_expiry ON used_jtis (expires_at);
