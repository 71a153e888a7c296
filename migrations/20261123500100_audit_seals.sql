-- The audit trail is only ever added to, and each event is sealed soon after it was written: batches of a tenant's
-- events, in the order they were committed, form a chain of message authentication codes under a key that is not in
-- the database. Events are sealed by a background task, so that those who write them never wait for each other.

-- Events that are not in a seal yet. Whatever adds an event adds it here, in the same transaction.
CREATE TABLE audit_unsealed (
    event_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL
);

CREATE TABLE audit_seals (
    -- No reference, as with the events.
    tenant_id       uuid NOT NULL,
    -- 1, 2, 3 … in each tenant, without gaps.
    number          bigint NOT NULL,
    sealed_at       timestamptz NOT NULL,
    -- The time of its youngest event: it is cleared away when that one has become too old.
    last_at         timestamptz NOT NULL,
    event_ids       uuid[] NOT NULL,
    -- SHA-256 of each event, one after the other.
    event_hashes    bytea NOT NULL,
    -- HMAC-SHA-256 over the code of the seal before and all of the above.
    mac             bytea NOT NULL,
    -- A second code, once the events were cleared away because of their age. Seals before this one are gone as well.
    cleared_mac     bytea,
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX audit_seals_age ON audit_seals (last_at) WHERE cleared_mac IS NULL;

INSERT INTO audit_unsealed (event_id, tenant_id) SELECT id, tenant_id FROM audit_events;

CREATE FUNCTION queue_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (event_id, tenant_id) SELECT id, tenant_id FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_events_queue AFTER INSERT ON audit_events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION queue_audit_events();

-- A guard against mistakes. Who may run any statement can get around it; the seals tell of that.
CREATE FUNCTION keep_audit_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('latchkey.audit_retention', true) = 'on'
       AND (TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_seals')) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_events_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();
CREATE TRIGGER audit_seals_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_trail();

-- Old events go with their seals, found by the index above.
DROP INDEX audit_events_age;
-- What administrators look for besides time: who acted, and on what.
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_by_target ON audit_events (tenant_id, target_id, at, id) WHERE target_id IS NOT NULL;
