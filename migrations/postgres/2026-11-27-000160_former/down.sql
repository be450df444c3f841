ALTER TABLE holder DROP COLUMN former;
DROP TABLE former_ins;
