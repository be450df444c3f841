DROP INDEX resource_labelled;
ALTER TABLE index_date DROP CONSTRAINT index_date_pkey;
ALTER TABLE index_date DROP COLUMN ends;
ALTER TABLE index_date ADD PRIMARY KEY (holder, param, start_at, end_at, key);
ALTER TABLE index_person_date DROP CONSTRAINT index_person_date_pkey;
ALTER TABLE index_person_date DROP COLUMN ends, DROP COLUMN tokens;
ALTER TABLE index_person_date ADD PRIMARY KEY (holder, param, person, start_at, end_at, key);
