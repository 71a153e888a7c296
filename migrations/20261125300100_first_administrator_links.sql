-- The link by which the first administrator of a tenant makes their account. One for each tenant at most; a new one
-- takes the place of one that is over.
CREATE TABLE first_administrator_links (
    tenant_id   uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    -- SHA-256 of the secret in the link.
    token_hash  bytea NOT NULL,
    expires_at  timestamptz NOT NULL
);
