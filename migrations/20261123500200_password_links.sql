-- Links by which a person chooses a password: when an administrator has made the account, or has started a reset.
-- One for each account; a new one takes the place of the one before.
CREATE TABLE password_links (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    -- SHA-256 of the secret in the link.
    token_hash  bytea NOT NULL CONSTRAINT password_links_token_key UNIQUE,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
