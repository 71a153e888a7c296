-- An owner does not undo what an administrator locked.
ALTER TABLE devices ADD COLUMN locked_by_administrator boolean NOT NULL DEFAULT false;
-- A client's devices, newest first (identifiers are made in the order of time): for administrators, and for the
-- deletion of a client.
CREATE INDEX devices_of_client ON devices (tenant_id, client_id, id DESC);
