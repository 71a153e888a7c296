-- A family takes its tokens along when it is deleted, and found them by reading all tokens there are. The same index
-- serves whoever looks for one token.
ALTER TABLE refresh_tokens
    DROP CONSTRAINT refresh_tokens_pkey,
    ADD PRIMARY KEY (family_id, id);
