-- A resource's URI does not fit into a path, so each has an identifier for that.
ALTER TABLE resources ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid()
    CONSTRAINT resources_id_key UNIQUE;
ALTER TABLE resources ALTER COLUMN id DROP DEFAULT;
