ALTER TABLE resource DROP COLUMN first_key;
