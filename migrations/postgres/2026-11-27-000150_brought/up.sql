-- What a document brought: its content, and the reports and results that are seen as it is.
CREATE INDEX resource_bound ON resource (holder, bound, key) WHERE bound <> 0;
