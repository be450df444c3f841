DROP INDEX resource_labelled;
ALTER TABLE index_person_date DROP COLUMN tokens;
ALTER TABLE index_person_date DROP COLUMN ends;
ALTER TABLE index_date DROP COLUMN ends;
