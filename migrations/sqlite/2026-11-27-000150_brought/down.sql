DROP INDEX resource_bound;
