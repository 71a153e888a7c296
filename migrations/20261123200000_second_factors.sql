-- What a person proves to hold beside knowing the password: a device that makes codes (RFC 6238).
CREATE TABLE totp_secrets (
    tenant_id       uuid NOT NULL,
    user_id         uuid NOT NULL,
    -- The key shared with that device, sealed under a key that is not in the database.
    secret_sealed   bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    -- When a right code proved that the device has the key; until then it counts for nothing.
    confirmed_at    timestamptz,
    -- The time step of the last code that was taken: no code of it or of one before is taken again (§5.2).
    last_used_step  bigint,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- What stands in for a lost device, each good once: a used one is deleted.
CREATE TABLE recovery_codes (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    -- HMAC-SHA-256 under a key that is not in the database.
    code_mac    bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, code_mac),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- A browser whose person has given the right password, and not yet the code. It is no session and opens nothing.
CREATE TABLE half_sign_ins (
    -- SHA-256 of the cookie's value.
    token_hash  bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX half_sign_ins_expiry ON half_sign_ins (expires_at);
CREATE INDEX half_sign_ins_user ON half_sign_ins (tenant_id, user_id);
