-- What an administrator set of a client that can be changed by its owner, or by itself: the limit of such changes.
ALTER TABLE clients ADD COLUMN ceiling jsonb NOT NULL DEFAULT '{}';
