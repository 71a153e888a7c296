-- A browser in which an account has signed in carries a cookie that says so. It names the generation that was current
-- at the time; another password and a sign-out everywhere begin a new one, and the cookies of the former are invalid.
ALTER TABLE users ADD COLUMN browser_generation bigint NOT NULL DEFAULT 1;
