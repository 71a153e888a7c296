-- How much an account's word counts against a source of codes, in quarters of an account. What was stored before counts
-- in full.

ALTER TABLE source_accounts
    ADD COLUMN far_weight       smallint NOT NULL DEFAULT 4,
    ADD COLUMN report_weight    smallint NOT NULL DEFAULT 4;
CREATE INDEX source_accounts_user ON source_accounts (tenant_id, user_id);
