-- Each audit event carries a message authentication code from the moment it is written, so that sealing can tell what a
-- server wrote from what someone inserted. The server sends a key for this one event, derived from a key that is not in
-- the database and from what the server knows of the event: tenant, ID, time, action, outcome, address and request. The
-- rest may be known only inside a statement, so it is added here. The key itself is stored nowhere.
ALTER TABLE audit_events ADD COLUMN mac bytea;

-- The same as `event_mac` in src/model/audit_mac.rs. A hash of 64 bytes, always, so nothing can be appended to it.
CREATE FUNCTION audit_event_mac(key bytea, actor_kind text, actor_id text, target_kind text, target_id text, details jsonb)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(key || sha256(convert_to(
        coalesce(length(actor_kind) || ':' || actor_kind, '-') || coalesce(length(actor_id) || ':' || actor_id, '-')
        || coalesce(length(target_kind) || ':' || target_kind, '-') || coalesce(length(target_id) || ':' || target_id, '-')
        || coalesce(length(details::text) || ':' || details::text, '-'), 'UTF8')))
$$;
