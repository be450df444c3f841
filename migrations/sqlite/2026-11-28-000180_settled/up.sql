-- What has begun or ended has done so for good, whatever the clock of another server says: see policy::projection.
UPDATE access_right SET until_at = -9223372036854775807 WHERE until_at <= CAST(strftime('%s', 'now') AS INTEGER) * 1000000;
UPDATE access_right SET from_at = -9223372036854775807 - 1 WHERE from_at <= CAST(strftime('%s', 'now') AS INTEGER) * 1000000;
