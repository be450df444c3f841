-- What has begun or ended has done so for good, whatever the clock of another server says: see policy::projection.
UPDATE access_right SET until_at = -9223372036854775807 WHERE until_at <= CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);
UPDATE access_right SET from_at = -9223372036854775807 - 1 WHERE from_at <= CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);
