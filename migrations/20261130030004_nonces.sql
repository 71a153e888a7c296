-- The nonce of the device authorization request, for the ID token of this code (OpenID Connect Core section 2).
ALTER TABLE device_sessions ADD COLUMN nonce text;
