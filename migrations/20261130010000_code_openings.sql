-- Who opened a code by a link, and since when its holder has it. How a code came to the page is a matter of the account
-- that opened it: another account that types the same code is not affected.

ALTER TABLE device_authorizations
    DROP COLUMN came_by_link,
    -- The accounts to which a link or QR code brought the user code. At most one for each opening.
    ADD COLUMN linked_by    uuid[] NOT NULL DEFAULT '{}',
    -- When it was last opened.
    ADD COLUMN opened_at    timestamptz;
