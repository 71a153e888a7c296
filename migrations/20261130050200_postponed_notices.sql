-- A mailbox that takes nothing for now delays the messages for that mailbox, and no others.
ALTER TABLE approval_notices
    -- The mail server put this message off because of its recipient, and it has not been tried again.
    ADD COLUMN postponed boolean NOT NULL DEFAULT false;
CREATE INDEX approval_notices_of_recipient ON approval_notices (tenant_id, recipient) WHERE due_at IS NOT NULL;
