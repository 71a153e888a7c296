-- With what program a device asked for its code: what a device without a name is called by.
ALTER TABLE devices ADD COLUMN user_agent text;
