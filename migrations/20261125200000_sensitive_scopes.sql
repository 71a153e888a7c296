-- What a scope asks of the devices that have it.
ALTER TABLE scopes
    -- Whether only tokens that are bound to a key may have it (RFC 9449).
    ADD COLUMN requires_dpop            boolean NOT NULL DEFAULT false,
    -- How long a connection with it lasts at most, in seconds; null: as long as any other.
    ADD COLUMN max_lifetime_seconds     integer
        CONSTRAINT scopes_max_lifetime_is_positive CHECK (max_lifetime_seconds > 0);
