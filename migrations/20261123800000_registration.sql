-- Clients that register themselves (RFC 7591, RFC 7592), and clients that are a user's own.
ALTER TABLE clients
    ADD COLUMN registered_dynamically boolean NOT NULL DEFAULT false,
    -- SHA-256 of the token it manages its registration with; null: operators do.
    ADD COLUMN registration_token_hash bytea,
    -- What it said of itself beyond what this server acts on: client_uri, logo_uri, tos_uri, policy_uri, contacts,
    -- software_id, software_version.
    ADD COLUMN registered_metadata jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT clients_metadata_is_object CHECK (jsonb_typeof(registered_metadata) = 'object');
CREATE INDEX clients_owner ON clients (tenant_id, owner_user_id) WHERE owner_user_id IS NOT NULL;

-- Tokens that let somebody register clients (RFC 7591 §3, initial access token).
CREATE TABLE registration_tokens (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- SHA-256 of the token.
    token_hash  bytea NOT NULL CONSTRAINT registration_tokens_token_key UNIQUE,
    -- For whom it is, in an operator's words.
    name        text NOT NULL,
    -- How many clients may still register with it.
    uses_left   integer NOT NULL CONSTRAINT registration_tokens_uses CHECK (uses_left >= 0),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX registration_tokens_by_tenant ON registration_tokens (tenant_id, created_at);

-- A client that is a user's own may no more than its owner, so whoever keeps clients must hear when the owner's rights
-- change.
CREATE FUNCTION announce_owner_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM clients WHERE tenant_id = NEW.tenant_id AND owner_user_id = NEW.id) THEN
        PERFORM pg_notify('latchkey', 'directory');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_announce_owner AFTER UPDATE OF roles, enabled, locked_at ON users
    FOR EACH ROW WHEN (OLD.roles IS DISTINCT FROM NEW.roles OR OLD.enabled IS DISTINCT FROM NEW.enabled
                       OR OLD.locked_at IS DISTINCT FROM NEW.locked_at)
    EXECUTE FUNCTION announce_owner_change();

-- The scope for managing the clients that are one's own.
INSERT INTO scopes (tenant_id, name, description, created_at)
SELECT id, 'clients', 'See and manage the apps you created', created_at FROM tenants
ON CONFLICT DO NOTHING;
