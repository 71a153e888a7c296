-- By name, in what an administrator lets the assertions of a client deviate from the rules (RFC 7523).
ALTER TABLE clients ADD COLUMN assertion_allowances text[] NOT NULL DEFAULT '{}';
-- The SHA-256 of the device code in whose flow the assertion can be repeated; null: it cannot.
ALTER TABLE used_jtis ADD COLUMN flow bytea;
