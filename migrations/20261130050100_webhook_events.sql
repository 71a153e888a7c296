-- A delivery names its event, which is stored once, in the audit trail, however many webhooks are told of it.
ALTER TABLE webhook_deliveries ADD COLUMN event_id uuid;
UPDATE webhook_deliveries SET event_id = (payload -> 'data' ->> 'id')::uuid;
ALTER TABLE webhook_deliveries ALTER COLUMN event_id SET NOT NULL, DROP COLUMN payload;

CREATE OR REPLACE FUNCTION queue_webhook_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhooks WHERE enabled) THEN
        INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id, created_at, next_attempt_at)
        SELECT e.tenant_id, w.id, e.id, e.at, e.at
        FROM written e
        JOIN webhooks w ON w.tenant_id = e.tenant_id AND w.enabled
                       AND (w.actions = '{}' OR e.action = ANY(w.actions));
    END IF;
    RETURN NULL;
END $$;
