-- What is known when somebody is about to approve, and approvals that the device must confirm.

ALTER TABLE device_authorizations
    -- Whether a link or QR code carried the user code to the page, and nobody typed it.
    ADD COLUMN came_by_link         boolean NOT NULL DEFAULT false,
    -- HMAC-SHA-256 of what the device must send once the person has approved.
    ADD COLUMN confirmation_mac     bytea,
    ADD COLUMN wrong_confirmations  smallint NOT NULL DEFAULT 0,
    DROP CONSTRAINT device_authorizations_state,
    ADD CONSTRAINT device_authorizations_state
        CHECK (state IN ('pending', 'confirming', 'approved', 'denied', 'consumed')),
    DROP CONSTRAINT device_authorizations_approved_is_whole,
    ADD CONSTRAINT device_authorizations_approved_is_whole CHECK (
        state NOT IN ('confirming', 'approved', 'consumed')
        OR (decided_by_user_id IS NOT NULL AND granted_scopes IS NOT NULL
            AND auth_time IS NOT NULL AND amr IS NOT NULL AND decided_at IS NOT NULL)),
    ADD CONSTRAINT device_authorizations_confirming_has_code
        CHECK (state <> 'confirming' OR confirmation_mac IS NOT NULL);

DROP INDEX device_authorizations_undecided_expiry;
CREATE INDEX device_authorizations_undecided_expiry ON device_authorizations (expires_at)
    WHERE state IN ('pending', 'confirming', 'approved');

-- Whether one of a person's devices has used a key before.
CREATE INDEX token_families_known_key ON token_families (tenant_id, user_id, dpop_jkt) WHERE dpop_jkt IS NOT NULL;
