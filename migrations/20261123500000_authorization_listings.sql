-- Administrators list sessions newest first, by where they stand. One index that every start pays for: an unfiltered
-- list is the merge of its states, so that no second one by time alone is needed.
CREATE INDEX device_authorizations_by_state ON device_authorizations (tenant_id, state, created_at, id);
-- Those of one client or user: starts are in neither, only what was decided.
CREATE INDEX device_authorizations_decided_of_client ON device_authorizations (tenant_id, client_id, state, created_at, id)
    WHERE state IN ('approved', 'denied', 'consumed');
CREATE INDEX device_authorizations_decided_by ON device_authorizations (tenant_id, decided_by_user_id, state, created_at, id)
    WHERE decided_by_user_id IS NOT NULL;
