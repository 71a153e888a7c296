-- Where codes come from: an address, or an IPv6 /64. Which accounts had to do with the codes of a source, and which
-- sources are frozen because they look like a phishing campaign.

CREATE TABLE source_accounts (
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    source          inet NOT NULL,
    user_id         uuid NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    -- The last approval from far away, and the last time the person said they had not started it.
    approved_far_at timestamptz,
    reported_at     timestamptz,
    PRIMARY KEY (tenant_id, source, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX source_accounts_age ON source_accounts (last_seen_at);

CREATE TABLE frozen_sources (
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    source          inet NOT NULL,
    reason          text NOT NULL,
    frozen_at       timestamptz NOT NULL,
    frozen_until    timestamptz NOT NULL,
    -- When somebody let it go on before its time.
    released_at     timestamptz,
    -- How many accounts led to it.
    far_approvals   integer NOT NULL,
    reports         integer NOT NULL,
    PRIMARY KEY (tenant_id, source)
);
-- Every server refuses new codes to a frozen source, and must hear of it at once.
CREATE TRIGGER frozen_sources_announce AFTER INSERT OR UPDATE OR DELETE ON frozen_sources
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
