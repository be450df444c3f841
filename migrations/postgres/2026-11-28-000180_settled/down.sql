-- Rights that stand so are in force as they were.
SELECT 1;
