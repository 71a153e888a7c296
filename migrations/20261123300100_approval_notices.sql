-- Messages that tell people of what was approved in their name, until they are sent, and the links in them. Each is
-- written in the transaction that approves, so that none is lost and none tells of what did not happen.
CREATE TABLE approval_notices (
    -- The approval it tells of, and so the one message there can be of it.
    device_authorization_id   uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    user_id             uuid NOT NULL,
    -- SHA-256 of what the link "this was not me" carries; the thing itself, sealed, until the message is sent.
    token_hash          bytea NOT NULL CONSTRAINT approval_notices_token_key UNIQUE,
    token_sealed        bytea,
    recipient           text NOT NULL,
    -- The language the person approved in (RFC 5646).
    language            text NOT NULL,
    client_name         text NOT NULL,
    device_name         text,
    ip_address          inet,
    place               jsonb,
    approved_at         timestamptz NOT NULL,
    -- From then on the link is dead, and the row can go.
    expires_at          timestamptz NOT NULL,
    -- When to try next, whatever comes of an attempt under way. Null: it was sent or given up.
    due_at              timestamptz,
    attempts            integer NOT NULL DEFAULT 0,
    sent_at             timestamptz,
    -- When somebody said that it was not them.
    disowned_at         timestamptz,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX approval_notices_due ON approval_notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX approval_notices_expiry ON approval_notices (expires_at);
