-- Everything belongs to a tenant: each table carries tenant_id, and every reference between tables includes it,
-- so that a row of one tenant can never point at a row of another.

CREATE TABLE tenants (
    id          uuid PRIMARY KEY,
    -- '' is the default tenant, which lives at the root; others live under /t/{slug}.
    slug        text NOT NULL CONSTRAINT tenants_slug_key UNIQUE
                CONSTRAINT tenants_slug_form CHECK (slug ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$'),
    name        text NOT NULL,
    enabled     boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL
);

CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL REFERENCES tenants,
    username            text NOT NULL,
    -- Argon2id PHC string; never set or shown to an administrator.
    password_hash       text NOT NULL,
    display_name        text,
    email               text,
    email_verified      boolean NOT NULL DEFAULT false,
    roles               text[] NOT NULL DEFAULT '{}',
    enabled             boolean NOT NULL DEFAULT true,
    locked_at           timestamptz,
    -- Wrong passwords since the last right one (NIST SP 800-63B-4 §3.2.2).
    failed_sign_ins     integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT users_tenant_key UNIQUE (tenant_id, id)
);
CREATE UNIQUE INDEX users_username_key ON users (tenant_id, lower(username));

CREATE TABLE scopes (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    name            text NOT NULL,
    description     text NOT NULL,
    -- The role a user needs to grant this scope; null: everyone may.
    required_role   text,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE clients (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    client_id       text NOT NULL,
    name            text NOT NULL,
    -- How the client authenticates (RFC 7591 §2 token_endpoint_auth_method).
    auth_method     text NOT NULL CONSTRAINT clients_auth_method
                    CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post')),
    -- SHA-256 of the secret; null for public clients.
    secret_hash     bytea,
    grant_types     text[] NOT NULL DEFAULT '{}',
    scopes          text[] NOT NULL DEFAULT '{}',
    scope_policy    text NOT NULL DEFAULT 'explicit' CONSTRAINT clients_scope_policy
                    CHECK (scope_policy IN ('explicit', 'inherit')),
    first_party     boolean NOT NULL DEFAULT false,
    owner_user_id   uuid,
    enabled         boolean NOT NULL DEFAULT true,
    -- JWS algorithm of this client's tokens; null: the server's default.
    signing_alg     text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, client_id),
    FOREIGN KEY (tenant_id, owner_user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT clients_secret_by_method CHECK ((auth_method = 'none') = (secret_hash IS NULL)),
    CONSTRAINT clients_inherit_is_first_party CHECK (scope_policy = 'explicit' OR first_party)
);

CREATE TABLE browser_sessions (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    user_id         uuid NOT NULL,
    -- SHA-256 of the cookie's value.
    token_hash      bytea NOT NULL CONSTRAINT browser_sessions_token_key UNIQUE,
    -- When and how the person proved who they are (OIDC auth_time, RFC 8176 amr).
    auth_time       timestamptz NOT NULL,
    amr             text[] NOT NULL,
    ip_address      inet,
    user_agent      text,
    created_at      timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    -- Absolute end of the session; the idle limit is measured from last_seen_at.
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CONSTRAINT browser_sessions_tenant_key UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX browser_sessions_over ON browser_sessions (least(ended_at, expires_at));

-- One device-authorization session: a device code and its user code (RFC 8628 §3.2).
-- The state machine is drawn in src/model/device_authorization.rs.
CREATE TABLE device_authorizations (
    id                      uuid PRIMARY KEY,
    tenant_id               uuid NOT NULL,
    client_id               text NOT NULL,
    -- SHA-256 of the device code.
    device_code_hash        bytea NOT NULL CONSTRAINT device_authorizations_device_code_key UNIQUE,
    -- HMAC-SHA-256 of the user code under a key that is not in the database, and the code itself, sealed.
    user_code_mac           bytea NOT NULL,
    user_code_sealed        bytea NOT NULL,
    -- Null: the device named no scope and takes the client's default.
    requested_scopes        text[],
    -- What the device says about itself, unverified: name, os, hostname, client_version, metadata.
    device                  jsonb NOT NULL DEFAULT '{}',
    ip_address              inet,
    user_agent              text,
    created_at              timestamptz NOT NULL,
    expires_at              timestamptz NOT NULL,
    state                   text NOT NULL DEFAULT 'pending' CONSTRAINT device_authorizations_state
                            CHECK (state IN ('pending', 'approved', 'denied', 'consumed')),
    -- Which browser session has the code open, and how often it was opened.
    opened_by               uuid,
    opened_count            integer NOT NULL DEFAULT 0,
    -- The decision.
    decided_at              timestamptz,
    decided_by_user_id      uuid,
    decided_in_session_id   uuid,
    granted_scopes          text[],
    auth_time               timestamptz,
    amr                     text[],
    -- The redemption.
    consumed_at             timestamptz,
    -- Poll bookkeeping: written on its own, never together with the state.
    poll_count              bigint NOT NULL DEFAULT 0,
    last_polled_at          timestamptz,
    interval_seconds        integer NOT NULL,
    CONSTRAINT device_authorizations_user_code_key UNIQUE (tenant_id, user_code_mac),
    -- No reference to tenant and client: checking them would cost a fifth of every start. A client's sessions go
    -- with it all the same, see delete_sessions_of_client().
    FOREIGN KEY (tenant_id, decided_by_user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT device_authorizations_approved_is_whole CHECK (
        state NOT IN ('approved', 'consumed')
        OR (decided_by_user_id IS NOT NULL AND granted_scopes IS NOT NULL
            AND auth_time IS NOT NULL AND amr IS NOT NULL AND decided_at IS NOT NULL)),
    CONSTRAINT device_authorizations_consumed_is_dated CHECK ((state = 'consumed') = (consumed_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX device_authorizations_expiry ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_pending_source ON device_authorizations (tenant_id, client_id, ip_address, expires_at)
    WHERE state = 'pending';
CREATE INDEX device_authorizations_opened ON device_authorizations (opened_by) WHERE state = 'pending' AND opened_by IS NOT NULL;

CREATE FUNCTION delete_sessions_of_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM device_authorizations WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id;
    RETURN NULL;
END $$;
CREATE TRIGGER clients_delete_sessions AFTER DELETE ON clients
    FOR EACH ROW EXECUTE FUNCTION delete_sessions_of_client();

-- User codes of deleted sessions that must not be issued again yet.
CREATE TABLE spent_user_codes (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    user_code_mac   bytea NOT NULL,
    free_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_code_mac)
);
CREATE INDEX spent_user_codes_free ON spent_user_codes (free_at);

-- What a user connected: born when its tokens are first collected.
CREATE TABLE devices (
    id                  uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    user_id             uuid NOT NULL,
    client_id           text NOT NULL,
    -- The device session it came from; that row may be gone.
    device_authorization_id   uuid NOT NULL,
    name                text,
    os                  text,
    hostname            text,
    client_version      text,
    metadata            jsonb NOT NULL DEFAULT '{}',
    ip_address          inet,
    trusted             boolean NOT NULL DEFAULT false,
    locked_at           timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    last_login_at       timestamptz NOT NULL,
    last_seen_at        timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    CONSTRAINT devices_tenant_key UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE
);

-- All tokens that descend from one redemption. User and client are its device's, and go with it.
CREATE TABLE token_families (
    id                  uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    -- One family for one redemption, ever.
    device_authorization_id   uuid NOT NULL CONSTRAINT token_families_device_authorization_key UNIQUE,
    device_id           uuid NOT NULL CONSTRAINT token_families_device_key UNIQUE,
    user_id             uuid NOT NULL,
    client_id           text NOT NULL,
    granted_scopes      text[] NOT NULL,
    auth_time           timestamptz NOT NULL,
    amr                 text[] NOT NULL,
    created_at          timestamptz NOT NULL,
    -- Absolute end; rotation does not extend it.
    expires_at          timestamptz NOT NULL,
    revoked_at          timestamptz,
    revoked_reason      text,
    -- When it was over, by time or by revocation.
    ended_at            timestamptz NOT NULL GENERATED ALWAYS AS (least(expires_at, revoked_at)) STORED,
    CONSTRAINT token_families_tenant_key UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX token_families_ended ON token_families (ended_at);

CREATE TABLE refresh_tokens (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    family_id       uuid NOT NULL,
    -- SHA-256 of the token.
    token_hash      bytea NOT NULL CONSTRAINT refresh_tokens_token_key UNIQUE,
    created_at      timestamptz NOT NULL,
    -- Idle end, never after the family's.
    expires_at      timestamptz NOT NULL,
    -- When it was exchanged for its successor.
    rotated_at      timestamptz,
    FOREIGN KEY (tenant_id, family_id) REFERENCES token_families (tenant_id, id) ON DELETE CASCADE
);
-- At most one live leaf in a family, whatever the code believes.
CREATE UNIQUE INDEX refresh_tokens_live_leaf_key ON refresh_tokens (family_id) WHERE rotated_at IS NULL;

CREATE TABLE signing_keys (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    -- RFC 7638 thumbprint of the public key.
    kid             text NOT NULL,
    alg             text NOT NULL CONSTRAINT signing_keys_alg CHECK (alg IN ('ES256', 'RS256', 'EdDSA')),
    public_jwk      jsonb NOT NULL,
    -- The private key, sealed under a key that is not in the database.
    private_sealed  bytea NOT NULL,
    state           text NOT NULL CONSTRAINT signing_keys_state
                    CHECK (state IN ('announced', 'signing', 'retired', 'removed')),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kid)
);
-- One key signs for an algorithm at a time.
CREATE UNIQUE INDEX signing_keys_signing_key ON signing_keys (tenant_id, alg) WHERE state = 'signing';

-- Failed code entries and sign-ins, counted where every replica sees them. One row for one subject.
CREATE TABLE attempt_budgets (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    guard       text NOT NULL,
    subject     text NOT NULL,
    spent       double precision NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, guard, subject)
);

CREATE INDEX attempt_budgets_touched ON attempt_budgets (updated_at);

CREATE TABLE audit_events (
    id          uuid PRIMARY KEY,
    -- No reference: what happened stays, whatever becomes of the tenant.
    tenant_id   uuid NOT NULL,
    at          timestamptz NOT NULL,
    action      text NOT NULL,
    outcome     text NOT NULL CONSTRAINT audit_events_outcome CHECK (outcome IN ('success', 'refused')),
    actor_kind  text NOT NULL CONSTRAINT audit_events_actor CHECK (actor_kind IN ('user', 'client', 'operator', 'anyone')),
    actor_id    text,
    target_kind text NOT NULL,
    target_id   text,
    ip_address  inet,
    request_id  uuid,
    details     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_by_time ON audit_events (tenant_id, at DESC, id DESC);
CREATE INDEX audit_events_age ON audit_events (at);

-- Every server caches these tables and must hear at once when one of them changes.
CREATE FUNCTION announce_directory_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('latchkey', 'directory');
    RETURN NULL;
END $$;
CREATE TRIGGER tenants_announce AFTER INSERT OR UPDATE OR DELETE ON tenants
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
CREATE TRIGGER clients_announce AFTER INSERT OR UPDATE OR DELETE ON clients
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
CREATE TRIGGER scopes_announce AFTER INSERT OR UPDATE OR DELETE ON scopes
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
CREATE TRIGGER signing_keys_announce AFTER INSERT OR UPDATE OR DELETE ON signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
