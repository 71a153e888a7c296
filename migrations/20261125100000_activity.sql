-- What happened in each minute and in each hour, for administrators. Every server adds its own, every few seconds.
CREATE TABLE activity (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- How long the span is: a minute, or an hour.
    minutes     smallint NOT NULL CONSTRAINT activity_minutes CHECK (minutes IN (1, 60)),
    -- When it began.
    begins_at   timestamptz NOT NULL,
    starts      bigint NOT NULL DEFAULT 0,
    approvals   bigint NOT NULL DEFAULT 0,
    denials     bigint NOT NULL DEFAULT 0,
    expiries    bigint NOT NULL DEFAULT 0,
    polls       bigint NOT NULL DEFAULT 0,
    early_polls bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, minutes, begins_at)
) WITH (fillfactor = 70);
CREATE INDEX activity_age ON activity (minutes, begins_at);

-- Up to which moment expired codes are counted in it: one row, held by whoever counts on.
CREATE TABLE expiries_counted (
    only_row    boolean PRIMARY KEY DEFAULT true CONSTRAINT expiries_counted_one_row CHECK (only_row),
    until       timestamptz NOT NULL
);
INSERT INTO expiries_counted (until) VALUES ('-infinity');
