-- A tenant may have a host name of its own, in place of a path on the server's: its issuer is then that host's origin.
ALTER TABLE tenants ADD COLUMN host text CONSTRAINT tenants_host_key UNIQUE
    CONSTRAINT tenants_host_form CHECK (
        length(host) <= 253 AND host ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$');
