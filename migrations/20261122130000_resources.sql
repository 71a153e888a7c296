-- The services that tokens may be for (RFC 8707), as a tenant knows them.
CREATE TABLE resources (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    -- What clients send as `resource`, and what stands in `aud`, letter for letter.
    uri         text NOT NULL,
    -- The name people see when they are asked to approve.
    name        text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uri)
);
CREATE TRIGGER resources_announce AFTER INSERT OR UPDATE OR DELETE ON resources
    FOR EACH STATEMENT EXECUTE FUNCTION announce_directory_change();
