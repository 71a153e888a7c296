-- The life of a signing key: announced, signing, retired, removed, and since when. created_at is when it was
-- first published. The private half is there only while it may yet sign; the public half stays, for the record.

ALTER TABLE signing_keys
    ADD COLUMN signing_since    timestamptz,
    ADD COLUMN retired_at       timestamptz,
    ADD COLUMN removed_at       timestamptz,
    ALTER COLUMN private_sealed DROP NOT NULL;

-- Nobody knows when the keys there are took these steps: the latest possible moment keeps them published long enough.
UPDATE signing_keys SET
    signing_since = CASE WHEN state <> 'announced' THEN created_at END,
    retired_at = CASE WHEN state = 'retired' THEN now() END,
    removed_at = CASE WHEN state = 'removed' THEN now() END,
    private_sealed = CASE WHEN state IN ('announced', 'signing') THEN private_sealed END;

ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_life CHECK (CASE state
    WHEN 'announced' THEN num_nonnulls(signing_since, retired_at, removed_at) = 0 AND private_sealed IS NOT NULL
    WHEN 'signing' THEN
        signing_since IS NOT NULL AND num_nonnulls(retired_at, removed_at) = 0 AND private_sealed IS NOT NULL
    WHEN 'retired' THEN
        num_nonnulls(signing_since, retired_at) = 2 AND removed_at IS NULL AND private_sealed IS NULL
    ELSE removed_at IS NOT NULL AND private_sealed IS NULL END);

-- One key at a time waits to take over, as one signs.
CREATE UNIQUE INDEX signing_keys_announced_key ON signing_keys (tenant_id, alg) WHERE state = 'announced';
-- What is due is looked for in all tenants at once.
CREATE INDEX signing_keys_steps ON signing_keys
    (state, (coalesce(removed_at, retired_at, signing_since, created_at))) WHERE state <> 'removed';

-- Keys are moved on by the server itself.
ALTER TABLE audit_events
    DROP CONSTRAINT audit_events_actor,
    ADD CONSTRAINT audit_events_actor CHECK (actor_kind IN ('user', 'client', 'operator', 'server', 'anyone'));
