-- What was ended is over whatever the clock of another server says, and what was given counts there though it be a day behind: see
-- policy::given.
UPDATE access_right SET until_at = -9223372036854775807 WHERE until_at <= CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);
UPDATE access_right SET from_at = from_at - 86400000000 WHERE from_at <= CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);
