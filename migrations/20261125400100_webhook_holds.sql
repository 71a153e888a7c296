-- A receiver that fails holds up its own messages only: while it does, they wait, and no other webhook's wait behind.
ALTER TABLE webhooks
    -- Failed attempts in a row.
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    -- Until then nothing is sent to it.
    ADD COLUMN held_until timestamptz;

-- The next ones of each webhook, and those that have waited for too long.
DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (created_at) WHERE next_attempt_at IS NOT NULL;
