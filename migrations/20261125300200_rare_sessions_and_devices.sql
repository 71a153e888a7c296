-- What administrators look for among many, and is rare. A client's sessions that wait for characters to be typed are
-- found like those that were decided; those that wait for a decision have an index by source.
DROP INDEX device_authorizations_decided_of_client;
CREATE INDEX device_authorizations_decided_of_client ON device_authorizations (tenant_id, client_id, state, created_at, id)
    WHERE state IN ('confirming', 'approved', 'denied', 'consumed');

-- None of these columns changes when a device renews its access, so that stays a change without indexes.
CREATE INDEX devices_locked ON devices (tenant_id, id DESC) WHERE locked_at IS NOT NULL;
CREATE INDEX devices_of_country ON devices (tenant_id, country, id DESC) WHERE country IS NOT NULL;
CREATE INDEX devices_by_expiry ON devices (tenant_id, expires_at, id);
