-- Addresses that are told of what stands in the audit trail, as it is written there.
CREATE TABLE webhooks (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    url             text NOT NULL,
    -- What signs the messages, sealed under a key that is not in the database.
    secret_sealed   bytea NOT NULL,
    -- The actions it is told of; none: all.
    actions         text[] NOT NULL DEFAULT '{}',
    enabled         boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL
);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_id, id);

-- One message to one webhook: queued in the transaction of the change it tells of.
CREATE TABLE webhook_deliveries (
    -- The message's identifier, the same at every attempt.
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id       uuid NOT NULL,
    webhook_id      uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    payload         jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    -- When it is tried next; null: it was delivered, or given up.
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    -- What came of the last attempt, when it failed.
    last_error      text
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, created_at DESC);
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (created_at) WHERE next_attempt_at IS NULL;

-- Whatever writes to the audit trail, no message is forgotten and none is sent for what was rolled back.
CREATE FUNCTION queue_webhook_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhooks WHERE enabled) THEN
        INSERT INTO webhook_deliveries (tenant_id, webhook_id, payload, created_at, next_attempt_at)
        SELECT e.tenant_id, w.id,
               jsonb_build_object(
                   'type', e.action,
                   'timestamp', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                   'data', jsonb_build_object(
                       'id', e.id, 'outcome', e.outcome, 'actor_kind', e.actor_kind, 'actor_id', e.actor_id,
                       'target_kind', e.target_kind, 'target_id', e.target_id, 'ip_address', host(e.ip_address),
                       'request_id', e.request_id, 'details', e.details)),
               e.at, e.at
        FROM written e
        JOIN webhooks w ON w.tenant_id = e.tenant_id AND w.enabled
                       AND (w.actions = '{}' OR e.action = ANY(w.actions));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_events_queue_webhooks AFTER INSERT ON audit_events
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION queue_webhook_deliveries();
