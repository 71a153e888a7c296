-- Undecided sessions are cleared away within an hour, decided ones a month later. With one index for
-- both, whoever looks for the former walks over a month of the latter.
CREATE INDEX device_authorizations_undecided_expiry ON device_authorizations (expires_at) WHERE state IN ('pending', 'approved');
CREATE INDEX device_authorizations_decided_expiry ON device_authorizations (expires_at) WHERE state IN ('denied', 'consumed');
DROP INDEX device_authorizations_expiry;
