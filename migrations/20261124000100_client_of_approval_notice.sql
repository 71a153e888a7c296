-- Which client was approved: its policy says what a source has to do to be frozen when the approval is disowned. Null:
-- approved before this was kept.
ALTER TABLE approval_notices ADD COLUMN client_id text;
