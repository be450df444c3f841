#!/usr/bin/env python3
"""How fast SQLite alone writes what the server writes: the floor of grouped commits.

    python3 benches/grouped.py var/sandbox.db [--resources 4000] [--groups 1,8,32]

Takes a copy of the database of a sandbox that is stopped, beside it, takes the last resources that testers created out of it with all
their index rows, and writes the same rows again, in the order of creation, so many resources to a commit, on one connection:
write-ahead log, `synchronous = FULL`. No HTTP, no reading, no validation, no extraction of what is searched. Printed: resources and
commits a second for each size of group. Nothing but Python's standard library.
"""
import argparse
import collections
import os
import shutil
import sqlite3
import time

TABLES = ["resource", "index_token", "index_string", "index_date", "index_reference", "index_uri", "index_quantity", "index_person_date"]


def connect(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA cache_size = -65536")
    return database


def taken_out(database, count):
    """Of each resource, oldest first: its rows, by table. They are deleted."""
    keys = [key for (key,) in database.execute(
        "SELECT key FROM resource WHERE holder = -1 AND version = 1 AND deleted = 0 ORDER BY key DESC LIMIT ?", (count,))]
    rows = {key: collections.OrderedDict() for key in sorted(keys)}
    least = min(keys)
    database.execute("BEGIN")
    for table in ["locator", *TABLES]:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        place = columns.index("key")
        found = database.execute(f"SELECT * FROM {table} WHERE holder = -1 AND key >= ?", (least,)).fetchall()
        for row in found:
            if row[place] in rows:
                rows[row[place]].setdefault((table, len(columns)), []).append(row)
        database.execute(f"DELETE FROM {table} WHERE holder = -1 AND key >= ?", (least,))
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return list(rows.values())


def written(database, resources, group):
    """Writes them; how many seconds it took."""
    begun = time.monotonic()
    for first in range(0, len(resources), group):
        together = collections.OrderedDict()
        for rows in resources[first:first + group]:
            for table, of in rows.items():
                together.setdefault(table, []).extend(of)
        database.execute("BEGIN IMMEDIATE")
        for (table, width), rows in together.items():
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)
        database.execute("COMMIT")
    return time.monotonic() - begun


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("database")
    arguments.add_argument("--resources", type=int, default=4000)
    arguments.add_argument("--groups", default="1,8,32")
    arguments = arguments.parse_args()
    copy = f"{arguments.database}.copy"
    for group in map(int, arguments.groups.split(",")):
        shutil.copyfile(arguments.database, copy)
        database = connect(copy)
        resources = taken_out(database, arguments.resources)
        each = sum(len(of) for rows in resources for of in rows.values()) / len(resources)
        seconds = written(database, resources, group)
        database.close()
        print(f"{group} resources a commit: {len(resources) / seconds:.0f} resources of {each:.1f} rows a second, "
              f"{len(resources) / group / seconds:.0f} commits")
        for end in ["", "-wal", "-shm"]:
            if os.path.exists(copy + end):
                os.remove(copy + end)


if __name__ == "__main__":
    main()
