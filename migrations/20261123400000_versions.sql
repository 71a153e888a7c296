-- The version of a row, which its entity tag names (RFC 9110 §8.8.3). Every statement that makes a change people can
-- see raises it; what only keeps count, such as when a device was last seen, does not.
ALTER TABLE tenants ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE clients ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE scopes ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE resources ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE devices ADD COLUMN version integer NOT NULL DEFAULT 1;
