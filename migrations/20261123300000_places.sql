-- Where a request came from, as src/model/place.rs describes it, as far as files about addresses knew it then.
ALTER TABLE device_authorizations ADD COLUMN place jsonb;
ALTER TABLE browser_sessions ADD COLUMN place jsonb;
-- What devices are looked for by stands in columns of its own.
ALTER TABLE devices
    ADD COLUMN place jsonb,
    ADD COLUMN city text GENERATED ALWAYS AS (place ->> 'city') STORED,
    ADD COLUMN region text GENERATED ALWAYS AS (place ->> 'region') STORED,
    ADD COLUMN country text GENERATED ALWAYS AS (place ->> 'country') STORED,
    ADD COLUMN asn bigint GENERATED ALWAYS AS ((place ->> 'asn')::bigint) STORED;
