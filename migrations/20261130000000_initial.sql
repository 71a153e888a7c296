-- The schema of Latchkey.
--
-- A row belongs to one tenant. Every table but `tenants` has a tenant_id, and every reference
-- between tables contains it, so a row of one tenant cannot reference a row of another. Row-level security, at the end
-- of this file, enforces the same below the statements.
--
-- Conventions:
-- * *_hash is a SHA-256 hash, *_mac an HMAC-SHA-256 and *_sealed a ciphertext. Their keys are not in the database.
-- * The primary key of a thing with an identifier is a UUIDv7: identifiers ascend in the order of creation.
-- * A key contains tenant_id, so that a table can be partitioned by tenant. It begins with it where the rows of a tenant
--   are listed in the order of the key, and ends with it where a random value is looked up.
-- * version is the entity tag of a row (RFC 9110 §8.8.3). Every statement that changes what people see raises it. Pure
--   bookkeeping, such as the time a device was last seen, does not.
-- * place is the location of an IP address at the time of the request, see src/model/place.rs; null: unknown.
-- * Indexes on an expiry without a tenant serve housekeeping, which deletes rows in batches.


-- Tenants ------------------------------------------------------------------------------------------------------------

-- A separate issuer with its own users, clients and keys.
CREATE TABLE tenants (
    id                  uuid PRIMARY KEY,
    -- The path: /t/{slug}. '' is the default tenant, at the root.
    slug                text NOT NULL CONSTRAINT tenants_slug_key UNIQUE
                        CONSTRAINT tenants_slug_form CHECK (slug ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$'),
    -- The hostname of the tenant, whose origin is then its issuer; null: the tenant has a path only.
    host                text CONSTRAINT tenants_host_key UNIQUE
                        CONSTRAINT tenants_host_form CHECK (
                            length(host) <= 253
                            AND host ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- The display name.
    name                text NOT NULL,
    enabled             boolean NOT NULL DEFAULT true,
    -- Tokens issued before are invalid; null: none are. Raised after a restore from a backup, which would bring revoked
    -- tokens back.
    tokens_not_before   timestamptz,
    -- Overrides of the [policy] settings: a JSON Merge Patch (RFC 7396).
    policy              jsonb NOT NULL DEFAULT '{}'
                        CONSTRAINT tenants_policy_is_object CHECK (jsonb_typeof(policy) = 'object'),
    version             integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL
);

-- The setup link of a tenant, with which its first administrator creates an account. At most one for each tenant; a new
-- link replaces an expired one.
CREATE TABLE first_administrator_links (
    tenant_id   uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    -- Of the secret in the link.
    token_hash  bytea NOT NULL,
    expires_at  timestamptz NOT NULL
);


-- Users --------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id                  uuid NOT NULL,
    tenant_id           uuid NOT NULL REFERENCES tenants,
    username            text NOT NULL,
    -- An Argon2id PHC string. An administrator can neither set nor see it.
    password_hash       text NOT NULL,
    -- Null: the username is shown.
    display_name        text,
    email               text,
    email_verified      boolean NOT NULL DEFAULT false,
    roles               text[] NOT NULL DEFAULT '{}',
    enabled             boolean NOT NULL DEFAULT true,
    -- Null: not locked.
    locked_at           timestamptz,
    -- Consecutive wrong passwords (NIST SP 800-63B-4 §3.2.2).
    failed_sign_ins     integer NOT NULL DEFAULT 0,
    -- Tokens issued before are invalid; null: none are.
    tokens_not_before   timestamptz,
    -- A browser in which the user has signed in has a cookie with the generation of that time. A new password and
    -- "sign out everywhere" raise the generation, which makes earlier cookies invalid.
    browser_generation  bigint NOT NULL DEFAULT 1,
    -- Raised by every change of how the user signs in: password, second factor, whether the account may be used. A
    -- sign-in that began before the change does not go through.
    sign_in_version     bigint NOT NULL DEFAULT 1,
    version             integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
-- Sign-in finds a user by username in any case; the list of users is ordered by it.
CREATE UNIQUE INDEX users_username_key ON users (tenant_id, lower(username));
-- The administrators' list, newest first.
CREATE INDEX users_newest ON users (tenant_id, id DESC);

-- Links with which a user chooses a password, after an administrator created the account or started a reset. One for
-- each user; a new link replaces the one before.
CREATE TABLE password_links (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    -- Of the secret in the link.
    token_hash  bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT password_links_token_key UNIQUE (token_hash, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- The authenticator app of a user (TOTP, RFC 6238): the second step of signing in.
CREATE TABLE totp_secrets (
    tenant_id       uuid NOT NULL,
    user_id         uuid NOT NULL,
    -- The key shared with the app.
    secret_sealed   bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    -- When a correct code proved that the app has the key. Null: not yet, and two-step verification is off.
    confirmed_at    timestamptz,
    -- The time step of the last accepted code. Codes of this step and of earlier ones are rejected (RFC 6238 §5.2).
    last_used_step  bigint,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- Recovery codes, which replace a lost authenticator app. Each works once: a used code is deleted.
CREATE TABLE recovery_codes (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    code_mac    bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, code_mac),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- Pending sign-ins: the password was accepted and the one-time code is missing. Such a browser has no access yet.
CREATE TABLE half_sign_ins (
    -- Of the cookie.
    token_hash  bytea NOT NULL,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (token_hash, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- Housekeeping.
CREATE INDEX half_sign_ins_expiry ON half_sign_ins (expires_at);
-- A new password ends the pending sign-ins of the user.
CREATE INDEX half_sign_ins_user ON half_sign_ins (tenant_id, user_id);

-- Signed-in browsers.
CREATE TABLE browser_sessions (
    id              uuid NOT NULL,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    user_id         uuid NOT NULL,
    -- Of the cookie.
    token_hash      bytea NOT NULL,
    -- When and how the user authenticated (OpenID Connect auth_time; RFC 8176 amr).
    auth_time       timestamptz NOT NULL,
    amr             text[] NOT NULL,
    ip_address      inet,
    place           jsonb,
    user_agent      text,
    created_at      timestamptz NOT NULL,
    -- The idle limit is measured from here.
    last_seen_at    timestamptz NOT NULL,
    -- The absolute limit.
    expires_at      timestamptz NOT NULL,
    -- When the user signed out or the session was revoked; null: neither.
    ended_at        timestamptz,
    PRIMARY KEY (id, tenant_id),
    CONSTRAINT browser_sessions_token_key UNIQUE (token_hash, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- Housekeeping.
CREATE INDEX browser_sessions_over ON browser_sessions (least(ended_at, expires_at));
-- The list of a user's browsers, and the end of all of them.
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);

-- Wrong guesses of a password, a user code or a one-time code, counted where every instance sees them.
CREATE TABLE attempt_budgets (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    -- What is guarded, and whose attempts are counted: a user, an IP address, a browser.
    guard       text NOT NULL,
    subject     text NOT NULL,
    -- Attempts that are not restored yet, at the time updated_at.
    spent       double precision NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, guard, subject)
);
-- Housekeeping.
CREATE INDEX attempt_budgets_touched ON attempt_budgets (updated_at);

-- Attempts whose outcome is not known yet. They count like wrong ones, for some seconds at most: a right attempt is
-- taken out, a wrong one becomes a row of attempt_budgets. Not logged: nothing here outlives these seconds, and after a
-- crash of PostgreSQL, or on a promoted standby, where the table is empty, no instance still waits for an outcome. What
-- was spent is logged. The row of a guard and subject is also the lock of its budget.
CREATE UNLOGGED TABLE attempt_holds (
    -- No reference: a row is made with each new visitor, and checking the reference would be logged.
    tenant_id   uuid NOT NULL,
    guard       text NOT NULL,
    subject     text NOT NULL,
    -- UUIDv7, so they tell when they were made.
    holds       uuid[] NOT NULL DEFAULT '{}',
    -- The holds that became spent attempts within the last seconds, should it turn out that the answer was lost.
    charged     uuid[] NOT NULL DEFAULT '{}',
    -- The hour of the last attempt; no more exact, so that its index rarely changes.
    touched_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, guard, subject)
) WITH (fillfactor = 50);
-- Housekeeping.
CREATE INDEX attempt_holds_touched ON attempt_holds (touched_at);

-- Locks the budgets of these guards and subjects until the transaction ends. Always in one order: the budget of a whole
-- tenant, whose name is last, is locked for the shortest time.
CREATE FUNCTION lock_attempts(of_tenant uuid, guards text[], subjects text[], at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    asked record;
BEGIN
    FOR asked IN SELECT DISTINCT * FROM unnest(guards, subjects) AS a (guard, subject) ORDER BY guard, subject LOOP
        LOOP
            PERFORM FROM attempt_holds h
            WHERE h.tenant_id = of_tenant AND h.guard = asked.guard AND h.subject = asked.subject FOR UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO attempt_holds (tenant_id, guard, subject, touched_at)
            VALUES (of_tenant, asked.guard, asked.subject, date_trunc('hour', at))
            ON CONFLICT (tenant_id, guard, subject) DO NOTHING;
        END LOOP;
    END LOOP;
END $$;

-- What is still spent of a budget at the time `at`. `refill` is in seconds: for all attempts together once nothing was
-- spent for so long, or for each one.
CREATE FUNCTION attempts_owed(
    spent double precision, updated_at timestamptz, at timestamptz, refill double precision, all_together boolean)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN spent IS NULL THEN 0
        WHEN NOT all_together THEN greatest(spent - greatest(extract(epoch FROM at - updated_at)::float8, 0) / refill, 0)
        WHEN extract(epoch FROM at - updated_at)::float8 >= refill THEN 0
        ELSE spent
    END
$$;

-- Gives attempts back that were right or were not answered; a guard and subject for each hold. One that was spent
-- although nobody got the answer is given back too. Where `ends_row` is true, so is all that was spent there. Doing it
-- twice is like doing it once.
CREATE FUNCTION give_back_attempts(
    of_tenant uuid, at timestamptz, guards text[], subjects text[], given uuid[], ends_row boolean[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    PERFORM lock_attempts(of_tenant, guards, subjects, at);
    UPDATE attempt_budgets b SET spent = greatest(b.spent - back.number, 0)
    FROM (SELECT a.guard, a.subject, count(*) AS number
          FROM unnest(guards, subjects, given) AS a (guard, subject, hold)
          -- By the whole key, whatever the planner believes of the table: OFFSET 0 keeps this subquery apart.
          CROSS JOIN LATERAL (SELECT held.charged FROM attempt_holds held
                              WHERE held.tenant_id = of_tenant AND held.guard = a.guard AND held.subject = a.subject
                              OFFSET 0) AS h
          WHERE a.hold = ANY (h.charged)
          GROUP BY a.guard, a.subject) AS back
    WHERE b.tenant_id = of_tenant AND b.guard = back.guard AND b.subject = back.subject;
    DELETE FROM attempt_budgets b USING unnest(guards, subjects, ends_row) AS a (guard, subject, is_over)
    WHERE a.is_over AND b.tenant_id = of_tenant AND b.guard = a.guard AND b.subject = a.subject;
    FOR one IN SELECT DISTINCT * FROM unnest(guards, subjects) AS u (guard, subject) LOOP
        UPDATE attempt_holds h
        SET holds = ARRAY(SELECT held.id FROM unnest(h.holds) AS held (id) WHERE held.id <> ALL (given)),
            charged = ARRAY(SELECT gone.id FROM unnest(h.charged) AS gone (id) WHERE gone.id <> ALL (given))
        WHERE h.tenant_id = of_tenant AND h.guard = one.guard AND h.subject = one.subject
          AND (h.holds && given OR h.charged && given);
    END LOOP;
END $$;

-- Reserves an attempt under the identifier `hold`, at all guards of one way or at none. A guard can belong to several
-- ways: bit 0 of `ways` stands for way 1, bit 1 for way 2; without a bit it is only asked. Holds up to `lapsed` count no
-- longer. Returns the way, 0 if there is none, and for each guard how many seconds it takes until it has room; null: it
-- has. Other attempts are given back before, in the same order of locks.
CREATE FUNCTION reserve_attempt(
    of_tenant uuid, hold uuid, at timestamptz, lapsed uuid, lapse double precision,
    guards text[], subjects text[], capacities double precision[], refills double precision[], all_together boolean[],
    ways integer[], back_guards text[], back_subjects text[], back_holds uuid[], back_ends_row boolean[],
    OUT way integer, OUT waits double precision[])
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_attempts(
        of_tenant,
        ARRAY(SELECT u.guard FROM unnest(guards, ways) AS u (guard, bits) WHERE u.bits > 0) || back_guards,
        ARRAY(SELECT u.subject FROM unnest(subjects, ways) AS u (subject, bits) WHERE u.bits > 0) || back_subjects, at);
    IF cardinality(back_holds) > 0 THEN
        PERFORM give_back_attempts(of_tenant, at, back_guards, back_subjects, back_holds, back_ends_row);
    END IF;
    SELECT array_agg(
        CASE
            WHEN q.owed + q.held + 1 <= q.capacity + 1e-9 THEN NULL
            -- Others wait for their outcome.
            WHEN q.owed + 1 <= q.capacity + 1e-9 THEN lapse
            WHEN q.all_together THEN least(q.refill - extract(epoch FROM at - q.updated_at)::float8, q.refill)
            ELSE (q.owed + 1 - q.capacity) * q.refill
        END ORDER BY q.n)
    INTO waits
    FROM (
        SELECT a.n, a.capacity, a.refill, a.all_together, b.updated_at,
               attempts_owed(b.spent, b.updated_at, at, a.refill, a.all_together) AS owed,
               (SELECT count(*) FROM unnest(h.holds) AS held (id) WHERE held.id > lapsed) AS held
        FROM unnest(guards, subjects, capacities, refills, all_together) WITH ORDINALITY
                 AS a (guard, subject, capacity, refill, all_together, n)
        LEFT JOIN attempt_holds h ON h.tenant_id = of_tenant AND h.guard = a.guard AND h.subject = a.subject
        LEFT JOIN attempt_budgets b ON b.tenant_id = of_tenant AND b.guard = a.guard AND b.subject = a.subject
    ) AS q;
    SELECT coalesce(min(w.way), 0) INTO way
    FROM (VALUES (1), (2)) AS w (way)
    WHERE EXISTS (SELECT FROM unnest(ways) AS u (bits) WHERE u.bits & w.way > 0)
      AND NOT EXISTS (SELECT FROM unnest(ways, waits) AS u (bits, wait) WHERE u.bits & w.way > 0 AND u.wait IS NOT NULL);
    IF way > 0 THEN
        UPDATE attempt_holds h
        SET holds = ARRAY(SELECT held.id FROM unnest(h.holds) AS held (id) WHERE held.id > lapsed) || hold,
            touched_at = date_trunc('hour', at)
        FROM unnest(guards, subjects, ways) AS a (guard, subject, bits)
        WHERE h.tenant_id = of_tenant AND h.guard = a.guard AND h.subject = a.subject AND a.bits & way > 0;
    END IF;
END $$;

-- Reserves many attempts that come together, in their order, as reserve_attempt does for each: `of_hold` says which one
-- each guard is for, all of them on way 1. Where there is room for all, which is nearly always, each row changes once.
CREATE FUNCTION reserve_attempts(
    of_tenant uuid, asked_holds uuid[], ats timestamptz[], lapses uuid[], lapse double precision,
    of_hold integer[], guards text[], subjects text[], capacities double precision[], refills double precision[],
    all_together boolean[], back_guards text[], back_subjects text[], back_holds uuid[], back_ends_row boolean[])
RETURNS TABLE (nth integer, way integer, waits double precision[])
LANGUAGE plpgsql AS $$
DECLARE
    -- The earliest time and the oldest hold that counts: what has room by them has room.
    first_at timestamptz := (SELECT min(a.at) FROM unnest(ats) AS a (at));
    last_at timestamptz := (SELECT max(a.at) FROM unnest(ats) AS a (at));
    first_lapsed uuid := (SELECT a.lapsed FROM unnest(lapses) AS a (lapsed) ORDER BY a.lapsed LIMIT 1);
    one record;
BEGIN
    PERFORM lock_attempts(of_tenant, guards || back_guards, subjects || back_subjects, last_at);
    IF cardinality(back_holds) > 0 THEN
        PERFORM give_back_attempts(of_tenant, last_at, back_guards, back_subjects, back_holds, back_ends_row);
    END IF;
    IF EXISTS (
        SELECT
        FROM (SELECT u.guard, u.subject, min(u.capacity) AS capacity, max(u.refill) AS refill,
                     bool_or(u.all_together) AS all_together, count(*) AS number
              FROM unnest(guards, subjects, capacities, refills, all_together)
                   AS u (guard, subject, capacity, refill, all_together)
              GROUP BY u.guard, u.subject) AS a
        -- As in give_back_attempts.
        LEFT JOIN LATERAL (SELECT of_key.holds FROM attempt_holds of_key
                           WHERE of_key.tenant_id = of_tenant AND of_key.guard = a.guard AND of_key.subject = a.subject
                           OFFSET 0) AS h ON true
        LEFT JOIN LATERAL (SELECT of_key.spent, of_key.updated_at FROM attempt_budgets of_key
                           WHERE of_key.tenant_id = of_tenant AND of_key.guard = a.guard AND of_key.subject = a.subject
                           OFFSET 0) AS b ON true
        WHERE attempts_owed(b.spent, b.updated_at, first_at, a.refill, a.all_together)
              + (SELECT count(*) FROM unnest(h.holds) AS held (id) WHERE held.id > first_lapsed)
              + a.number > a.capacity + 1e-9
    ) THEN
        FOR place IN 1 .. cardinality(asked_holds) LOOP
            nth := place;
            SELECT r.way, r.waits INTO way, waits
            FROM (SELECT array_agg(u.guard ORDER BY u.n) AS guards, array_agg(u.subject ORDER BY u.n) AS subjects,
                         array_agg(u.capacity ORDER BY u.n) AS capacities, array_agg(u.refill ORDER BY u.n) AS refills,
                         array_agg(u.together ORDER BY u.n) AS together, array_agg(1) AS ways
                  FROM unnest(of_hold, guards, subjects, capacities, refills, all_together) WITH ORDINALITY
                       AS u (hold, guard, subject, capacity, refill, together, n)
                  WHERE u.hold = place) AS a
            CROSS JOIN LATERAL reserve_attempt(
                of_tenant, asked_holds[place], ats[place], lapses[place], lapse, a.guards, a.subjects, a.capacities, a.refills,
                a.together, a.ways, '{}', '{}', '{}', '{}') AS r;
            RETURN NEXT;
        END LOOP;
        RETURN;
    END IF;
    FOR one IN
        SELECT u.guard, u.subject, array_agg(asked_holds[u.hold]) AS holds
        FROM unnest(of_hold, guards, subjects) AS u (hold, guard, subject)
        GROUP BY u.guard, u.subject
    LOOP
        UPDATE attempt_holds h
        SET holds = ARRAY(SELECT held.id FROM unnest(h.holds) AS held (id) WHERE held.id > first_lapsed) || one.holds,
            touched_at = date_trunc('hour', last_at)
        WHERE h.tenant_id = of_tenant AND h.guard = one.guard AND h.subject = one.subject;
    END LOOP;
    RETURN QUERY
    SELECT u.hold, 1, array_agg(NULL::double precision)
    FROM unnest(of_hold) AS u (hold)
    GROUP BY u.hold;
END $$;

-- Spends a reserved attempt, because it was wrong.
CREATE FUNCTION charge_attempt(
    of_tenant uuid, hold uuid, at timestamptz, lapsed uuid,
    guards text[], subjects text[], refills double precision[], all_together boolean[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_attempts(of_tenant, guards, subjects, at);
    UPDATE attempt_holds h
    SET holds = array_remove(h.holds, hold),
        charged = ARRAY(SELECT gone.id FROM unnest(h.charged) AS gone (id) WHERE gone.id > lapsed) || hold
    FROM unnest(guards, subjects) AS a (guard, subject)
    WHERE h.tenant_id = of_tenant AND h.guard = a.guard AND h.subject = a.subject;
    INSERT INTO attempt_budgets AS b (tenant_id, guard, subject, spent, updated_at)
    SELECT of_tenant, a.guard, a.subject, 1, at FROM unnest(guards, subjects) AS a (guard, subject)
    ON CONFLICT (tenant_id, guard, subject) DO UPDATE
    SET spent = 1 + (SELECT attempts_owed(b.spent, b.updated_at, at, a.refill, a.together)
                     FROM unnest(guards, subjects, refills, all_together) AS a (guard, subject, refill, together)
                     WHERE a.guard = b.guard AND a.subject = b.subject),
        updated_at = at;
END $$;


-- Clients, scopes and resources --------------------------------------------------------------------------------------

-- Permissions that clients can request (RFC 6749 §3.3). src/model/scope.rs has those of a new tenant.
CREATE TABLE scopes (
    tenant_id               uuid NOT NULL REFERENCES tenants,
    name                    text NOT NULL,
    -- What the approval page shows, in English.
    description             text NOT NULL,
    -- The same by language tag (RFC 5646), as src/model/scope_translations.rs describes it.
    translations            jsonb NOT NULL DEFAULT '{}'
                            CONSTRAINT scopes_translations_are_object CHECK (jsonb_typeof(translations) = 'object'),
    -- The role that a user needs to grant it; null: every user can.
    required_role           text,
    -- If true, only DPoP-bound tokens can have it (RFC 9449).
    requires_dpop           boolean NOT NULL DEFAULT false,
    -- The longest lifetime of a device with this scope, in seconds; null: as long as any other.
    max_lifetime_seconds    integer CONSTRAINT scopes_max_lifetime_is_positive CHECK (max_lifetime_seconds > 0),
    version                 integer NOT NULL DEFAULT 1,
    created_at              timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- APIs that tokens are issued for (RFC 8707).
CREATE TABLE resources (
    -- A URI does not fit into a path of the REST API, so a resource has an identifier too.
    id          uuid NOT NULL,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    -- The `resource` parameter and the `aud` claim, exactly.
    uri         text NOT NULL,
    -- The name on the approval page.
    name        text NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uri),
    CONSTRAINT resources_id_key UNIQUE (id, tenant_id)
);

-- OAuth clients (RFC 6749 §2, RFC 7591).
CREATE TABLE clients (
    tenant_id                   uuid NOT NULL REFERENCES tenants,
    client_id                   text NOT NULL,
    name                        text NOT NULL,
    -- token_endpoint_auth_method (RFC 7591 §2).
    auth_method                 text NOT NULL CONSTRAINT clients_auth_method CHECK (auth_method IN (
                                    'none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    -- Null: the client has no secret.
    secret_hash                 bytea,
    -- The secret before, valid while the new one is rolled out; null: there is none.
    previous_secret_hash        bytea,
    -- The public keys of a private_key_jwt client: the JWK Set, or its URL.
    jwks                        jsonb,
    jwks_uri                    text,
    -- By name, the exceptions that an administrator allows for the assertions of the client (RFC 7523).
    assertion_allowances        text[] NOT NULL DEFAULT '{}',
    grant_types                 text[] NOT NULL DEFAULT '{}',
    scopes                      text[] NOT NULL DEFAULT '{}',
    -- `inherit`: all scopes of the tenant but a few that must be named; `explicit`: those in `scopes`.
    scope_policy                text NOT NULL DEFAULT 'explicit'
                                CONSTRAINT clients_scope_policy CHECK (scope_policy IN ('explicit', 'inherit')),
    -- If true, the client is the operator's own.
    first_party                 boolean NOT NULL DEFAULT false,
    -- The user who created the client for themselves; null: it belongs to the tenant.
    owner_user_id               uuid,
    -- Limits, set by an administrator, of what the owner or the client can change in the registration.
    ceiling                     jsonb NOT NULL DEFAULT '{}',
    -- If false, every request of the client is rejected.
    enabled                     boolean NOT NULL DEFAULT true,
    -- The JWS algorithm of access tokens; null: the server's default.
    signing_alg                 text,
    -- The JWS algorithm of ID tokens; null: that of access tokens if it is set, or the server's default for ID tokens.
    id_token_signing_alg        text,
    -- If true, all access tokens must be DPoP-bound (RFC 9449 §5.2).
    dpop_bound_access_tokens    boolean NOT NULL DEFAULT false,
    -- If true, each installation has credentials of its own, so that whoever authenticates as the client is that
    -- installation.
    credentials_per_installation boolean NOT NULL DEFAULT false,
    -- The `aud` values of the resource server that this client is, whose tokens it can introspect (RFC 7662 §2.1).
    introspects                 text[] NOT NULL DEFAULT '{}',
    -- Overrides of the tenant's policy: a JSON Merge Patch (RFC 7396).
    policy                      jsonb NOT NULL DEFAULT '{}'
                                CONSTRAINT clients_policy_is_object CHECK (jsonb_typeof(policy) = 'object'),
    registered_dynamically      boolean NOT NULL DEFAULT false,
    -- Of the registration access token (RFC 7592); null: administrators manage the client.
    registration_token_hash     bytea,
    -- Metadata that is stored but has no effect: client_uri, logo_uri, tos_uri, policy_uri, contacts, software_id,
    -- software_version.
    registered_metadata         jsonb NOT NULL DEFAULT '{}'
                                CONSTRAINT clients_metadata_is_object
                                CHECK (jsonb_typeof(registered_metadata) = 'object'),
    -- Tokens issued before are invalid; null: none are.
    tokens_not_before           timestamptz,
    version                     integer NOT NULL DEFAULT 1,
    created_at                  timestamptz NOT NULL,
    updated_at                  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, client_id),
    -- No cascade: a user who owns clients cannot be deleted.
    FOREIGN KEY (tenant_id, owner_user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT clients_secret_by_method
        CHECK ((auth_method IN ('client_secret_basic', 'client_secret_post')) = (secret_hash IS NOT NULL)),
    CONSTRAINT clients_previous_secret_has_successor
        CHECK (previous_secret_hash IS NULL OR secret_hash IS NOT NULL),
    CONSTRAINT clients_keys_by_method
        CHECK (num_nonnulls(jwks, jwks_uri) = (CASE WHEN auth_method = 'private_key_jwt' THEN 1 ELSE 0 END)),
    CONSTRAINT clients_installation_authenticates
        CHECK (auth_method <> 'none' OR NOT credentials_per_installation),
    CONSTRAINT clients_inherit_is_first_party CHECK (scope_policy = 'explicit' OR first_party)
);
-- The clients of a user.
CREATE INDEX clients_owner ON clients (tenant_id, owner_user_id) WHERE owner_user_id IS NOT NULL;

-- Initial access tokens: a program that has one can register clients (RFC 7591 §3).
CREATE TABLE registration_tokens (
    id          uuid NOT NULL,
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    token_hash  bytea NOT NULL,
    -- Who received it, in the words of an administrator.
    name        text NOT NULL,
    -- The number of clients that can still be registered with it.
    uses_left   integer NOT NULL CONSTRAINT registration_tokens_uses CHECK (uses_left >= 0),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id),
    CONSTRAINT registration_tokens_token_key UNIQUE (token_hash, tenant_id)
);
-- The list of a tenant's tokens.
CREATE INDEX registration_tokens_by_tenant ON registration_tokens (tenant_id, created_at);

-- The `jti` of used client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1). Each is accepted once.
CREATE TABLE used_jtis (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Of the kind of proof, its owner and its jti.
    jti_hash    bytea NOT NULL,
    -- When the proof is too old to be accepted anyway.
    expires_at  timestamptz NOT NULL,
    -- The hash of the device code in whose flow the assertion can be repeated; null: it cannot.
    flow        bytea,
    PRIMARY KEY (tenant_id, jti_hash)
);
-- Housekeeping.
CREATE INDEX used_jtis_expiry ON used_jtis (expires_at);


-- Device authorizations ----------------------------------------------------------------------------------------------

-- One attempt to connect a device: a device code and its user code (RFC 8628 §3.2).
-- src/model/device_authorization.rs has a drawing of the states.
-- The columns of a request come first, then those of each step in the order of the steps, and the state is the last: of an
-- update, the write-ahead log has what lies between the first byte that differs and the last.
CREATE TABLE device_authorizations (
    id                      uuid NOT NULL,
    tenant_id               uuid NOT NULL,

    -- The request.
    created_at              timestamptz NOT NULL,
    expires_at              timestamptz NOT NULL,
    -- Seconds between polls. It is raised for a device that polls too often.
    interval_seconds        integer NOT NULL,
    client_id               text NOT NULL,
    -- SHA-256 of the random bytes of the device code, which is computed (src/model/device_code.rs).
    device_code_hash        bytea NOT NULL,
    -- The first half of the code.
    user_code_mac           bytea NOT NULL,
    user_code_sealed        bytea NOT NULL,
    -- Null: the device named no scope and gets the client's default.
    requested_scopes        text[],
    -- The requested resources (RFC 8707); null: the default of the tenant.
    resources               text[],
    -- For the ID token (OpenID Connect Core §2).
    nonce                   text,
    -- The RFC 7638 thumbprint of the key that signed the DPoP proof. Only this key can continue. Null: no key.
    dpop_jkt                bytea,
    -- What the device says about itself, unverified: name, os, hostname, client_version, metadata.
    device                  jsonb NOT NULL DEFAULT '{}',
    ip_address              inet,
    place                   jsonb,
    user_agent              text,

    -- Polls. These two are written apart from everything else, so that they cannot overwrite a decision.
    poll_count              bigint NOT NULL DEFAULT 0,
    last_polled_at          timestamptz,

    -- Code entry.
    -- Where a user has the code open: their browser session, or the device whose access token acts for them.
    opened_by               uuid,
    opened_at               timestamptz,
    opened_count            integer NOT NULL DEFAULT 0,
    -- The users who came by a link or QR code that contains the user code. At most one for each opening. Null: none.
    linked_by               uuid[],

    -- The decision.
    decided_by_user_id      uuid,
    -- Where the user decided: their browser session, or the device whose access token acted for them.
    decided_in_session_id   uuid,
    decided_at              timestamptz,
    auth_time               timestamptz,
    amr                     text[],
    granted_scopes          text[],
    -- The name that the user gave the device; null: the one it gave itself.
    chosen_name             text,
    -- The device lifetime that the user chose, in seconds; null: as long as the policy allows.
    chosen_lifetime_seconds integer,
    -- If true, the user trusts the device.
    trusted                 boolean NOT NULL DEFAULT false,
    -- Of the confirmation code that the device must send after the approval; null: it need not.
    confirmation_mac        bytea,
    wrong_confirmations     smallint NOT NULL DEFAULT 0,

    -- The redemption.
    consumed_at             timestamptz,
    state                   text NOT NULL DEFAULT 'pending' CONSTRAINT device_authorizations_state
                            CHECK (state IN ('pending', 'confirming', 'approved', 'denied', 'consumed')),

    -- Polls, decisions and redemptions find a row by its ID. Lists are in the order of IDs, which is that of time, and
    -- housekeeping finds the oldest rows at the beginning.
    PRIMARY KEY (tenant_id, id),
    -- Code entry.
    CONSTRAINT device_authorizations_user_code_key UNIQUE (user_code_mac, tenant_id),
    -- No reference to client and user: see delete_with_client and delete_with_user.
    CONSTRAINT device_authorizations_approved_is_whole CHECK (
        state NOT IN ('confirming', 'approved', 'consumed')
        OR (decided_by_user_id IS NOT NULL AND granted_scopes IS NOT NULL
            AND auth_time IS NOT NULL AND amr IS NOT NULL AND decided_at IS NOT NULL)),
    CONSTRAINT device_authorizations_confirming_has_code
        CHECK (state <> 'confirming' OR confirmation_mac IS NOT NULL),
    CONSTRAINT device_authorizations_consumed_is_dated CHECK ((state = 'consumed') = (consumed_at IS NOT NULL))
) WITH (fillfactor = 80);
-- A start writes the keys and the first two of these indexes, an approval the keys, the first and the last, a redemption
-- only the keys. A consumed row is found by its device, which has its ID.
-- Housekeeping: rows that expire undecided are counted, and deleted within an hour. What is pending or approved, for
-- administrators.
CREATE INDEX device_authorizations_undecided_expiry ON device_authorizations (expires_at)
    WHERE state IN ('pending', 'confirming', 'approved');
-- The limits of pending codes for each client and IP address, and the end of all codes of a frozen source. The second
-- condition is always true. It keeps the planner from this index where a query does not name client_id: with old statistics
-- it would read all pending codes of the tenant to find the one that a browser has open.
CREATE INDEX device_authorizations_pending_source
    ON device_authorizations (tenant_id, client_id, ip_address, expires_at)
    WHERE state = 'pending' AND client_id IS NOT NULL;
-- The code that a browser has open.
CREATE INDEX device_authorizations_opened ON device_authorizations (opened_by)
    WHERE state = 'pending' AND opened_by IS NOT NULL;
-- The administrators' list of what was denied, newest first.
CREATE INDEX device_authorizations_denied ON device_authorizations (tenant_id, id) WHERE state = 'denied';
-- What a user decided and no device redeemed: it ends together with the account. Also for the administrators' list of one
-- user.
CREATE INDEX device_authorizations_decided_by ON device_authorizations (decided_by_user_id, tenant_id, id)
    WHERE decided_by_user_id IS NOT NULL AND state <> 'consumed';

-- For statements that do the same to many rows: each is found by its whole key. In a join, a planner that takes the table
-- to be nearly empty would read all rows of the tenant instead. Not `=` where an index of what is pending or open would
-- fit, for the same reason.

-- Notes that `approver` has a code open and no other one, if the code is still as it was seen; returns whether it was.
-- `by_link` is the user who came by a link, null if they typed the code.
CREATE FUNCTION open_device_authorization(
    of_tenant uuid, of_id uuid, seen_count integer, seen_opened_by uuid, approver uuid, by_link uuid, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE device_authorizations d
    SET opened_by = approver, opened_count = d.opened_count + 1, opened_at = at,
        linked_by = CASE WHEN by_link IS NOT NULL AND (d.linked_by @> ARRAY[by_link]) IS NOT TRUE
                         THEN array_append(d.linked_by, by_link) ELSE d.linked_by END
    WHERE d.tenant_id = of_tenant AND d.id = of_id AND d.state IS NOT DISTINCT FROM 'pending' AND d.expires_at > at
      AND d.opened_count = seen_count AND d.opened_by IS NOT DISTINCT FROM seen_opened_by;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE device_authorizations d SET opened_by = NULL
    WHERE d.tenant_id = of_tenant AND d.opened_by = approver AND d.id <> of_id AND d.state = 'pending';
    RETURN true;
END $$;

-- Decides on a code that `approver` has open, if it still waits; returns whether it did. `scopes` and `methods` are lists
-- with spaces: an array that passes through a variable is stored in another form than one read from a row, so that the next
-- update of the row would log all that comes after it.
CREATE FUNCTION decide_device_authorization(
    of_tenant uuid, of_id uuid, approver uuid, user_id uuid, new_state text, new_confirmation_mac bytea, scopes text,
    signed_in_at timestamptz, methods text, is_trusted boolean, new_name text, new_lifetime integer, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE device_authorizations d
    SET state = new_state, confirmation_mac = new_confirmation_mac, wrong_confirmations = 0, decided_at = at,
        decided_by_user_id = user_id, decided_in_session_id = approver, granted_scopes = string_to_array(scopes, ' '),
        auth_time = signed_in_at, amr = string_to_array(methods, ' '), trusted = is_trusted, chosen_name = new_name,
        chosen_lifetime_seconds = new_lifetime
    WHERE d.tenant_id = of_tenant AND d.id = of_id AND d.state IS NOT DISTINCT FROM 'pending' AND d.expires_at > at
      AND d.opened_by IS NOT DISTINCT FROM approver;
    RETURN FOUND;
END $$;

-- User codes of deleted device authorizations that must not be issued again yet.
CREATE TABLE spent_user_codes (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    user_code_mac   bytea NOT NULL,
    free_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_code_mac)
);
-- Housekeeping.
CREATE INDEX spent_user_codes_free ON spent_user_codes (free_at);

-- Email notices of approvals, and the "this was not me" links in them. A notice is stored in the transaction that
-- approves, so none is lost and none is sent for an approval that was rolled back.
CREATE TABLE approval_notices (
    -- At most one notice for each approval.
    device_authorization_id uuid NOT NULL,
    tenant_id               uuid NOT NULL,
    user_id                 uuid NOT NULL,
    -- Of the secret in the link, and the secret itself until the notice is sent.
    token_hash              bytea NOT NULL,
    token_sealed            bytea,
    -- An email address.
    recipient               text NOT NULL,
    -- The language in which the user approved (RFC 5646).
    language                text NOT NULL,
    client_id               text,
    client_name             text NOT NULL,
    device_name             text,
    ip_address              inet,
    place                   jsonb,
    approved_at             timestamptz NOT NULL,
    -- When the link expires.
    expires_at              timestamptz NOT NULL,
    -- The next attempt, even if one is under way. Null: it was sent or canceled.
    due_at                  timestamptz,
    attempts                integer NOT NULL DEFAULT 0,
    -- If true, the mail server postponed this notice because of its recipient, and it was not tried again since.
    postponed               boolean NOT NULL DEFAULT false,
    sent_at                 timestamptz,
    -- When the user said that it was not them.
    disowned_at             timestamptz,
    PRIMARY KEY (device_authorization_id, tenant_id),
    CONSTRAINT approval_notices_token_key UNIQUE (token_hash, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- The next notice to send.
CREATE INDEX approval_notices_due ON approval_notices (due_at) WHERE due_at IS NOT NULL;
-- A postponed notice postpones the others for the same recipient.
CREATE INDEX approval_notices_of_recipient ON approval_notices (tenant_id, recipient) WHERE due_at IS NOT NULL;
-- Housekeeping.
CREATE INDEX approval_notices_expiry ON approval_notices (expires_at);

-- Which users had to do with the codes of a source: an IP address or an IPv6 /64. This is how phishing campaigns are
-- detected.
CREATE TABLE source_accounts (
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    source          inet NOT NULL,
    user_id         uuid NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    -- The last approval from far away, and the last time the user said that they had not started it.
    approved_far_at timestamptz,
    reported_at     timestamptz,
    -- The weight of each against the source, in quarters of a user.
    far_weight      smallint NOT NULL DEFAULT 4,
    report_weight   smallint NOT NULL DEFAULT 4,
    PRIMARY KEY (tenant_id, source, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- Housekeeping.
CREATE INDEX source_accounts_age ON source_accounts (last_seen_at);
-- The weight of a user depends on the other sources that they accused.
CREATE INDEX source_accounts_user ON source_accounts (tenant_id, user_id);

-- Sources that get no new codes, because they look like a phishing campaign.
CREATE TABLE frozen_sources (
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    source          inet NOT NULL,
    reason          text NOT NULL,
    frozen_at       timestamptz NOT NULL,
    frozen_until    timestamptz NOT NULL,
    -- When an administrator released it early.
    released_at     timestamptz,
    -- The number of users that led to it.
    far_approvals   integer NOT NULL,
    reports         integer NOT NULL,
    PRIMARY KEY (tenant_id, source)
);


-- Devices and tokens -------------------------------------------------------------------------------------------------

-- What a user connected, with its tokens: one row, created by the redemption. All tokens of a device descend from one
-- redemption and end together (RFC 9700 §4.14.2, the token family).
-- The columns that a refresh changes stand together: of an update, the write-ahead log has what lies between the first
-- byte that differs and the last.
CREATE TABLE devices (
    -- That of the device authorization it came from, so an authorization brings one device at most.
    id                      uuid NOT NULL,
    tenant_id               uuid NOT NULL,
    user_id                 uuid NOT NULL,
    created_at              timestamptz NOT NULL,
    -- The absolute limit. A refresh does not extend it.
    expires_at              timestamptz NOT NULL,

    -- The refresh token. It is computed (src/model/refresh_token.rs), so only this much is stored of it, and the hash.
    -- The newest generation that was issued, from 1.
    generation              bigint NOT NULL DEFAULT 1,
    -- When that generation was issued, and to which address.
    exchanged_at            timestamptz NOT NULL,
    last_seen_at            timestamptz NOT NULL,
    -- The idle limit, never after expires_at; null: the device has no refresh token.
    idle_expires_at         timestamptz,
    -- The answer that carried the newest generation is known to be lost.
    unanswered              boolean NOT NULL DEFAULT false,
    exchanged_from          inet,
    -- SHA-256 of the random bytes that all of its generations carry.
    token_hash              bytea NOT NULL,
    -- Repeated exchanges from another network, and when the first of them was.
    foreign_repeats         smallint NOT NULL DEFAULT 0,
    foreign_repeats_since   timestamptz,
    -- The number of generations in a row whose exchange was repeated, and the newest of them; null: none.
    repeats_in_a_row        smallint NOT NULL DEFAULT 0,
    repeated_generation     bigint,
    -- When something unusual was last seen of its refresh token.
    unusual_at              timestamptz,

    -- What was granted.
    auth_time               timestamptz NOT NULL,
    amr                     text[] NOT NULL,
    granted_scopes          text[] NOT NULL,
    -- The resources of access tokens; null: the tenant's default.
    resources               text[],
    -- The RFC 7638 thumbprint of the key that refresh tokens are bound to; null: none.
    dpop_jkt                bytea,
    trusted                 boolean NOT NULL DEFAULT false,
    -- The key of the device when its trust began; null: it had none. The trust ends with another key.
    trusted_jkt             bytea,

    -- The device.
    client_id               text NOT NULL,
    -- The name that people see, and the one that the device gave itself, where the user chose another at the approval.
    name                    text,
    declared_name           text,
    os                      text,
    hostname                text,
    client_version          text,
    metadata                jsonb NOT NULL DEFAULT '{}',
    ip_address              inet,
    place                   jsonb,
    -- Filters of the device list.
    city                    text GENERATED ALWAYS AS (place ->> 'city') STORED,
    region                  text GENERATED ALWAYS AS (place ->> 'region') STORED,
    country                 text GENERATED ALWAYS AS (place ->> 'country') STORED,
    asn                     bigint GENERATED ALWAYS AS ((place ->> 'asn')::bigint) STORED,
    -- The program that requested the code. A device without a name is called by it.
    user_agent              text,
    -- If true, its owner cannot unlock it.
    locked_by_administrator boolean NOT NULL DEFAULT false,
    version                 integer NOT NULL DEFAULT 1,
    updated_at              timestamptz NOT NULL,
    last_login_at           timestamptz NOT NULL,
    -- Null: not locked.
    locked_at               timestamptz,
    revoked_at              timestamptz,
    revoked_reason          text,
    -- When it expired or was revoked.
    ended_at                timestamptz NOT NULL GENERATED ALWAYS AS (least(expires_at, revoked_at)) STORED,

    PRIMARY KEY (id, tenant_id)
    -- No reference to user and client: the checks would cost a fifth of every redemption, which locks both rows anyway.
    -- The triggers delete_with_client and delete_with_user delete the devices.
) WITH (fillfactor = 80);
-- No index contains a column that a refresh changes, so a refresh writes no index. None that every device is in begins with the
-- tenant: with statistics from before there were many devices, the planner would read all of a tenant's to find one.
-- A user's devices, newest first, and those that end with the user.
-- As large as the key, which the planner would not take if another index were small.
CREATE INDEX devices_of_user ON devices (user_id, tenant_id, created_at DESC) WITH (deduplicate_items = off);
-- A client's devices, newest first, for administrators and for the deletion of the client.
CREATE INDEX devices_of_client ON devices (client_id, tenant_id, id DESC);
-- Rare properties in the administrators' list: locked, of a country.
CREATE INDEX devices_locked ON devices (tenant_id, id DESC) WHERE locked_at IS NOT NULL;
CREATE INDEX devices_of_country ON devices (tenant_id, country, id DESC) WHERE country IS NOT NULL;
-- Expired devices in that list, and housekeeping. The condition is always true. It keeps the planner from this index
-- where a query does not name ended_at: with old statistics it would read all devices of the tenant to find one by its ID.
CREATE INDEX devices_ended ON devices (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
-- Tells whether a device of the user has used a key before.
CREATE INDEX devices_known_key ON devices (tenant_id, user_id, dpop_jkt) WHERE dpop_jkt IS NOT NULL;

-- The devices of a tenant that live: not revoked, and not from before the cutoff of their tenant, user or client. One that
-- expired lives until somebody disconnects it or housekeeping takes it, so that its owner sees that it expired.
-- A function, and not a view: the planner inlines it like a view, and row-level security sees the caller in it, which
-- views can have from PostgreSQL 15 only (security_invoker). It must stay STABLE and one SELECT to be inlined.
CREATE FUNCTION living_devices(tenant uuid) RETURNS SETOF devices LANGUAGE sql STABLE AS $$
    SELECT d.*
    FROM devices d
    JOIN tenants t ON t.id = d.tenant_id
    JOIN users u ON u.id = d.user_id AND u.tenant_id = d.tenant_id
    JOIN clients c ON c.tenant_id = d.tenant_id AND c.client_id = d.client_id
    WHERE d.tenant_id = $1 AND d.revoked_at IS NULL
      AND d.created_at >= coalesce(
              greatest(t.tokens_not_before, u.tokens_not_before, c.tokens_not_before), d.created_at)
$$;

-- In place of foreign keys with ON DELETE CASCADE, for which every start, approval and redemption would pay: what belongs
-- to a client and to a user is deleted with them. Before them, so that the devices, which have the IDs of consumed device
-- authorizations, are still there.
CREATE FUNCTION delete_with_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id
      AND id IN (SELECT id FROM devices WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id);
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id AND state = 'pending';
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id AND state = 'denied';
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id
      AND decided_by_user_id IS NOT NULL AND state IN ('confirming', 'approved');
    DELETE FROM devices WHERE tenant_id = OLD.tenant_id AND client_id = OLD.client_id;
    RETURN OLD;
END $$;
CREATE TRIGGER clients_delete_with_client BEFORE DELETE ON clients
    FOR EACH ROW EXECUTE FUNCTION delete_with_client();

CREATE FUNCTION delete_with_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id
      AND id IN (SELECT id FROM devices WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id);
    DELETE FROM device_authorizations
    WHERE tenant_id = OLD.tenant_id AND decided_by_user_id = OLD.id AND state <> 'consumed';
    DELETE FROM devices WHERE tenant_id = OLD.tenant_id AND user_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER users_delete_with_user BEFORE DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION delete_with_user();

-- Revoked access tokens of clients that act for themselves (RFC 6749 §4.4). Those of a device end with their family.
CREATE TABLE revoked_access_tokens (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    jti         text NOT NULL,
    -- When the token expires. The row is not needed afterwards.
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, jti)
);
-- Housekeeping.
CREATE INDEX revoked_access_tokens_expiry ON revoked_access_tokens (expires_at);

-- Signing keys. A key is announced, then signs, then is retired and at last removed. The private half is stored only
-- while the key can still sign. The public half stays, for the record.
CREATE TABLE signing_keys (
    tenant_id       uuid NOT NULL REFERENCES tenants,
    -- The RFC 7638 thumbprint of the public key.
    kid             text NOT NULL,
    alg             text NOT NULL CONSTRAINT signing_keys_alg CHECK (alg IN ('ES256', 'RS256', 'EdDSA')),
    public_jwk      jsonb NOT NULL,
    private_sealed  bytea,
    state           text NOT NULL CONSTRAINT signing_keys_state
                    CHECK (state IN ('announced', 'signing', 'retired', 'removed')),
    -- When it was first published.
    created_at      timestamptz NOT NULL,
    signing_since   timestamptz,
    retired_at      timestamptz,
    removed_at      timestamptz,
    PRIMARY KEY (tenant_id, kid),
    CONSTRAINT signing_keys_life CHECK (CASE state
        WHEN 'announced' THEN num_nonnulls(signing_since, retired_at, removed_at) = 0 AND private_sealed IS NOT NULL
        WHEN 'signing' THEN
            signing_since IS NOT NULL AND num_nonnulls(retired_at, removed_at) = 0 AND private_sealed IS NOT NULL
        WHEN 'retired' THEN
            num_nonnulls(signing_since, retired_at) = 2 AND removed_at IS NULL AND private_sealed IS NULL
        ELSE removed_at IS NOT NULL AND private_sealed IS NULL END)
);
-- One key signs for each algorithm, and one is announced.
CREATE UNIQUE INDEX signing_keys_signing_key ON signing_keys (tenant_id, alg) WHERE state = 'signing';
CREATE UNIQUE INDEX signing_keys_announced_key ON signing_keys (tenant_id, alg) WHERE state = 'announced';
-- The transitions that are due, in all tenants.
CREATE INDEX signing_keys_steps ON signing_keys
    (state, (coalesce(removed_at, retired_at, signing_since, created_at))) WHERE state <> 'removed';

-- Random keys of each tenant for message authentication codes, sealed with the master key.
CREATE TABLE mac_keys (
    -- No reference: an audit key is stored for as long as the events that it authenticates, which outlive their tenant.
    tenant_id   uuid NOT NULL,
    -- tokens: the tokens that clients present. audit: audit events and seals. codes: the codes that people type.
    purpose     text NOT NULL CONSTRAINT mac_keys_purpose CHECK (purpose IN ('tokens', 'audit', 'codes')),
    id          uuid NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    -- Only verifies from this time on; NULL: current.
    retired_at  timestamptz,
    PRIMARY KEY (tenant_id, purpose, id)
);
-- One key of a purpose is current.
CREATE UNIQUE INDEX mac_keys_current ON mac_keys (tenant_id, purpose) WHERE retired_at IS NULL;


-- The audit log ------------------------------------------------------------------------------------------------------

-- Security events. Rows are only added, until they are deleted with their seal because of their age.
CREATE TABLE audit_events (
    id          uuid NOT NULL,
    -- No reference: events outlive their tenant.
    tenant_id   uuid NOT NULL,
    at          timestamptz NOT NULL,
    action      text NOT NULL,
    outcome     text NOT NULL CONSTRAINT audit_events_outcome CHECK (outcome IN ('success', 'refused')),
    actor_kind  text NOT NULL CONSTRAINT audit_events_actor
                CHECK (actor_kind IN ('user', 'client', 'operator', 'server', 'anyone')),
    actor_id    text,
    target_kind text NOT NULL,
    target_id   text,
    ip_address  inet,
    request_id  uuid,
    details     jsonb NOT NULL DEFAULT '{}',
    -- A message authentication code, see audit_event_mac(). Null: not written by a Latchkey server.
    mac         bytea,
    -- The list, newest first: IDs ascend in the order of time.
    PRIMARY KEY (tenant_id, id)
);
-- The same by actor and by target. Of both, a hash of tenant and identifier, which takes a third of the room.
CREATE INDEX audit_events_by_actor ON audit_events
    (hashtextextended(actor_id, uuid_hash_extended(tenant_id, 0)), id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_by_target ON audit_events
    (hashtextextended(target_id, uuid_hash_extended(tenant_id, 0)), id) WHERE target_id IS NOT NULL;

-- The code of an event, which tells sealing what a server wrote from what someone inserted. The server sends a key for
-- this one event, derived from a key that is not in the database and from what it knows of the event: tenant, ID, time,
-- action, outcome, IP address and request. The rest may be known only inside a statement, so it is added here. The key
-- is not stored. Equal to `event_mac` in src/model/audit_mac.rs. The input is a hash, so nothing can be appended to it.
CREATE FUNCTION audit_event_mac(
    key bytea, actor_kind text, actor_id text, target_kind text, target_id text, details jsonb)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(key || sha256(convert_to(
        coalesce(length(actor_kind) || ':' || actor_kind, '-')
        || coalesce(length(actor_id) || ':' || actor_id, '-')
        || coalesce(length(target_kind) || ':' || target_kind, '-')
        || coalesce(length(target_id) || ':' || target_id, '-')
        || coalesce(length(details::text) || ':' || details::text, '-'), 'UTF8')))
$$;

-- Adds an event, for statements that do something and tell of it at once. `key` is that of audit_event_mac.
CREATE FUNCTION add_audit_event(
    id uuid, tenant_id uuid, at timestamptz, action text, outcome text, actor_kind text, actor_id text,
    target_kind text, target_id text, ip_address inet, request_id uuid, details jsonb, key bytea) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                              ip_address, request_id, details, mac)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, audit_event_mac($13, $6, $7, $8, $9, $12));
END $$;

-- Events without a seal. A background task seals them, so that writers of events never wait for each other. It reads and
-- clears the table from its beginning to its end, so there is no index.
CREATE TABLE audit_unsealed (
    event_id    uuid NOT NULL,
    tenant_id   uuid NOT NULL
);
-- Logical replication deletes rows by all that is in them.
ALTER TABLE audit_unsealed REPLICA IDENTITY FULL;

-- Seals: batches of a tenant's events in the order of their commits, as a chain of message authentication codes.
CREATE TABLE audit_seals (
    -- No reference: seals outlive their tenant, as the events do.
    tenant_id       uuid NOT NULL,
    -- 1, 2, 3 … in each tenant, without gaps.
    number          bigint NOT NULL,
    sealed_at       timestamptz NOT NULL,
    -- The time of the newest event, which decides when the seal is cleared.
    last_at         timestamptz NOT NULL,
    event_ids       uuid[] NOT NULL,
    -- The SHA-256 of each event, one after the other.
    event_hashes    bytea NOT NULL,
    -- Of the code of the seal before and all of the above.
    mac             bytea NOT NULL,
    -- A second code, set when the events were deleted because of their age. Earlier seals are deleted too.
    cleared_mac     bytea,
    PRIMARY KEY (tenant_id, number)
);
-- The seals to clear next.
CREATE INDEX audit_seals_age ON audit_seals (last_at) WHERE cleared_mac IS NULL;

-- Guards against mistakes. A database user who can run any statement can get around it; the seals reveal that.
CREATE FUNCTION keep_audit_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('latchkey.audit_retention', true) = 'on'
       AND (TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_seals')) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_events_keep BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();
CREATE TRIGGER audit_seals_keep BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();
-- Apart: a database that distributes tables does not put a trigger on the shards if it covers TRUNCATE too.
CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();
CREATE TRIGGER audit_seals_keep_all BEFORE TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();


-- Webhooks -----------------------------------------------------------------------------------------------------------

-- URLs that receive audit events.
CREATE TABLE webhooks (
    id              uuid NOT NULL,
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    url             text NOT NULL,
    -- The key that signs the messages.
    secret_sealed   bytea NOT NULL,
    -- The actions whose events are sent; none: all.
    actions         text[] NOT NULL DEFAULT '{}',
    enabled         boolean NOT NULL DEFAULT true,
    -- Consecutive failed attempts.
    failures        integer NOT NULL DEFAULT 0,
    -- Nothing is sent until then. Only the messages of the failing webhook wait.
    held_until      timestamptz,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
-- The webhooks of a tenant: for the list, and for every event.
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_id, id);

-- The delivery of one event to one webhook, queued in the transaction that writes the event.
CREATE TABLE webhook_deliveries (
    -- The ID of the message, the same at every attempt.
    id              uuid NOT NULL DEFAULT gen_random_uuid(),
    tenant_id       uuid NOT NULL,
    webhook_id      uuid NOT NULL,
    event_id        uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    -- Null: it was delivered or canceled.
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    -- Why the last attempt failed; null: it did not.
    last_error      text,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
);
-- The next deliveries of each webhook.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
-- The deletion of a webhook.
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, created_at DESC);
-- Housekeeping: deliveries that have waited too long, and those that have ended.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (created_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (created_at) WHERE next_attempt_at IS NULL;

-- Every event is queued for a seal and for the webhooks of its tenant, in the transaction that adds it. So none is
-- forgotten, and none is sent for an event that was rolled back. For each row, so that only rows of its tenant are read
-- and written.
CREATE FUNCTION queue_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (event_id, tenant_id) VALUES (NEW.id, NEW.tenant_id);
    INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id, created_at, next_attempt_at)
    SELECT NEW.tenant_id, w.id, NEW.id, NEW.at, NEW.at
    FROM webhooks w
    WHERE w.tenant_id = NEW.tenant_id AND w.enabled AND (w.actions = '{}' OR NEW.action = ANY (w.actions));
    RETURN NULL;
END $$;
CREATE TRIGGER audit_events_queue AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION queue_audit_event();


-- Activity -----------------------------------------------------------------------------------------------------------

-- Counters for each minute and each hour, for administrators. Every instance adds its own every few seconds.
CREATE TABLE activity (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- The length of the span.
    minutes     smallint NOT NULL CONSTRAINT activity_minutes CHECK (minutes IN (1, 60)),
    begins_at   timestamptz NOT NULL,
    starts      bigint NOT NULL DEFAULT 0,
    approvals   bigint NOT NULL DEFAULT 0,
    denials     bigint NOT NULL DEFAULT 0,
    expiries    bigint NOT NULL DEFAULT 0,
    polls       bigint NOT NULL DEFAULT 0,
    early_polls bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, minutes, begins_at)
) WITH (fillfactor = 70);
-- Housekeeping.
CREATE INDEX activity_age ON activity (minutes, begins_at);

-- The time up to which the expired codes of a tenant are counted in `activity`. The instance that continues counting
-- locks the row. No row: none are counted yet.
CREATE TABLE expiries_counted (
    tenant_id   uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    until       timestamptz NOT NULL
);


-- Row-level security -------------------------------------------------------------------------------------------------

-- A transaction that names its tenant sees and changes rows of that tenant only. Policies do not apply to the owner of
-- the tables, so such a transaction runs as another role; see src/store/tenant_transactions.rs. Statements that name no
-- tenant, such as housekeeping, are not restricted.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid::regclass FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format(
            $policy$CREATE POLICY rows_of_tenant ON %s
                USING (coalesce(current_setting('latchkey.tenant', true), '') = ''
                       OR tenant_id = nullif(current_setting('latchkey.tenant', true), '')::uuid)$policy$,
            relation);
    END LOOP;
END $$;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY rows_of_tenant ON tenants
    USING (coalesce(current_setting('latchkey.tenant', true), '') = ''
           OR id = nullif(current_setting('latchkey.tenant', true), '')::uuid);
