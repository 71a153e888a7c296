-- A delivery refers to a webhook of its own tenant, as every other reference between rows of tenants does.
ALTER TABLE webhooks ADD CONSTRAINT webhooks_tenant_key UNIQUE (tenant_id, id);
DROP INDEX webhooks_of_tenant;
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_webhook_id_fkey;
ALTER TABLE webhook_deliveries ADD FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id)
    ON DELETE CASCADE;
