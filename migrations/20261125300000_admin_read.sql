-- The scope that lets auditors' programs look, as src/model/scope.rs has it for new tenants. Where somebody made one of
-- this name, its words stay.
INSERT INTO scopes (tenant_id, name, description, translations, required_role, created_at)
SELECT id, 'admin:read', 'See everything on this server, and change nothing',
       '{"de": "Auf diesem Server alles sehen und nichts ändern", "zh-Hans": "查看此服务器上的一切，但不作任何更改"}',
       'auditor', now()
FROM tenants
ON CONFLICT (tenant_id, name) DO UPDATE SET required_role = 'auditor';
