-- A second wall between tenants, below every statement: a transaction that names its tenant sees and changes rows of
-- that tenant only. The owner of the tables is not held by policies, so such a transaction runs as another role;
-- see src/store/tenant_transactions.rs. What names no tenant (housekeeping, batches of many tenants) is not held.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid::regclass FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format(
            $policy$CREATE POLICY rows_of_tenant ON %s
                USING (coalesce(current_setting('latchkey.tenant', true), '') = ''
                       OR tenant_id = nullif(current_setting('latchkey.tenant', true), '')::uuid)$policy$,
            relation);
    END LOOP;
END $$;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY rows_of_tenant ON tenants
    USING (coalesce(current_setting('latchkey.tenant', true), '') = ''
           OR id = nullif(current_setting('latchkey.tenant', true), '')::uuid);
