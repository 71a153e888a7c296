-- A person's devices, newest first, a page at a time.
CREATE INDEX devices_of_user ON devices (user_id, created_at DESC, id DESC);
