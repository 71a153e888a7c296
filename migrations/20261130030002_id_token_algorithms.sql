-- The algorithm that signs the ID tokens of a client; null: that of its access tokens if it has one of its own, or the
-- server's default for ID tokens.
ALTER TABLE clients ADD COLUMN id_token_signing_alg text;
