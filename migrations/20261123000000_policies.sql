-- What a tenant or a client says otherwise than the server's settings ([policy]): JSON Merge Patches (RFC 7396),
-- the client's over the tenant's over the settings.
ALTER TABLE tenants ADD COLUMN policy jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT tenants_policy_is_object CHECK (jsonb_typeof(policy) = 'object');
ALTER TABLE clients ADD COLUMN policy jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT clients_policy_is_object CHECK (jsonb_typeof(policy) = 'object');
