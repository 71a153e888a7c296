-- Random keys of each tenant for message authentication codes, sealed with the master key.
CREATE TABLE mac_keys (
    -- No reference: an audit key is stored for as long as the events that it authenticates, which outlive their tenant.
    tenant_id   uuid NOT NULL,
    -- tokens: the tokens that clients present. audit: audit events and seals.
    purpose     text NOT NULL CONSTRAINT mac_keys_purpose CHECK (purpose IN ('tokens', 'audit')),
    id          uuid NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Only verifies from this time on; NULL: current.
    retired_at  timestamptz,
    PRIMARY KEY (tenant_id, purpose, id)
);
-- One key of a purpose is current.
CREATE UNIQUE INDEX mac_keys_current ON mac_keys (tenant_id, purpose) WHERE retired_at IS NULL;

ALTER TABLE mac_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY rows_of_tenant ON mac_keys
    USING (coalesce(current_setting('latchkey.tenant', true), '') = ''
           OR tenant_id = nullif(current_setting('latchkey.tenant', true), '')::uuid);
