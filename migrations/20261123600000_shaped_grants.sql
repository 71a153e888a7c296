-- What a person chose when they approved a device.
ALTER TABLE device_authorizations
    -- The name they gave it; null: the one it gave itself.
    ADD COLUMN chosen_name              text,
    -- How long the connection lasts at most, in seconds; null: as long as the policy allows.
    ADD COLUMN chosen_lifetime_seconds  integer,
    -- Whether they called it trusted.
    ADD COLUMN trusted                  boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN device_authorizations.opened_by IS
    'By what a person has the code open: their browser session, or the device whose access token acts for them.';
COMMENT ON COLUMN device_authorizations.decided_in_session_id IS
    'By what the person decided: their browser session, or the device whose access token acted for them.';

ALTER TABLE devices
    -- The name it gave itself. `name` is what people see.
    ADD COLUMN declared_name    text,
    -- The key it used when its trust began; none: it used none. Trust ends with another key.
    ADD COLUMN trusted_jkt      bytea;
UPDATE devices SET declared_name = name;
