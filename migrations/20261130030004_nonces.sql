-- The nonce of the device authorization request, for the ID token of this code (OpenID Connect Core section 2).
ALTER TABLE device_authorizations ADD COLUMN nonce text;
