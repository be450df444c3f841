#!/usr/bin/env python3
"""Does the time of an answer grow with the number of patients?

    cargo build --release
    python3 benches/growth.py synthea.ndjson --ensemble target/release/ensemble [--database postgres://…/empty]

The file holds Synthea's patients as transaction Bundles with PUT entries, a line each; the first hundred are multiplied under new ids and
imported into an empty database, at first as they are, then again and again until there are as many as asked for; they are asked about once
the disk has them. Each question has answers of the same size at every number of patients; one client asks one after the other, all of it
twice. Printed, of the second time: the median in milliseconds at each number, and the last over the first. Nothing but Python's standard
library.
"""
import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FAMILY = re.compile(r'("family": ?"[^"]*)"')
LOINC = "http://loinc.org|"


def originals(path, patients):
    """The lines of the first patients, whole."""
    lines, seen = [], 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            new = sum(entry["resource"]["resourceType"] == "Patient" for entry in json.loads(line)["entry"])
            if seen + new > patients:
                return lines
            seen, lines = seen + new, lines + [line]
    return lines


def renamed(text, copy):
    """The same under the ids of this copy, and with families of its own."""
    if copy:
        text = FAMILY.sub(lambda found: f"{found[1]}-{copy:06}\"", text)
    return UUID.sub(lambda found: f"{found[0][:-6]}{(int(found[0][-6:], 16) + copy) & 0xFFFFFF:06x}", text) if copy else text


def fill(arguments, lines, copies):
    """Imports these copies; how many resources a second."""
    command = [arguments.ensemble, "import", "-", "--database", arguments.database]
    begun = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, encoding="utf-8") as importer:
        for copy in copies:
            importer.stdin.writelines(renamed(line, copy) for line in lines)
        importer.stdin.close()
        if importer.wait() != 0:
            sys.exit("the import failed")
    count = sum(len(json.loads(line)["entry"]) for line in lines) * len(copies)
    return count, count / (time.monotonic() - begun)


def questions(lines, copies):
    """Name and paths, of patients of all copies."""
    dice = random.Random(7)
    resources = [entry["resource"] for line in lines for entry in json.loads(line)["entry"]]
    of = lambda kind: [resource for resource in resources if resource["resourceType"] == kind]
    observations = [one for one in of("Observation") if "coding" in one["code"]]
    code = lambda one: urllib.parse.quote(LOINC + one["code"]["coding"][0]["code"])
    families = sorted({one["name"][0]["family"] for one in of("Patient")})

    def family(name, copy):
        return f"{name}-{copy:06}" if copy else name

    def each(make, among):
        return [renamed(make(dice.choice(among)), dice.randrange(copies)) for _ in range(300)]

    return {
        "read": each(lambda one: f"{one['resourceType']}/{one['id']}", resources),
        "code": each(lambda one: f"Observation?code={code(one)}&_count=20", observations),
        "patient, date, sorted": each(lambda one: f"Observation?patient={one['subject']['reference']}&date=ge2005&_sort=-date&_count=20", observations),
        "patient, code, date, sorted": each(
            lambda one: f"Observation?patient={one['subject']['reference']}&code={code(one)}&date=ge2005&_sort=-date&_count=20", observations
        ),
        "chain subject.family": [
            f"Observation?subject:Patient.family={urllib.parse.quote(family(dice.choice(families), dice.randrange(copies)))}&_count=20" for _ in range(300)
        ],
        "the same, of all copies": [f"Observation?subject:Patient.family={urllib.parse.quote(dice.choice(families))}&_count=20" for _ in range(300)],
        "_has Observation code": each(lambda one: f"Patient?_has:Observation:patient:code={code(one)}&_count=20", observations),
        "_include": each(
            lambda one: f"Observation?patient={one['subject']['reference']}&code={code(one)}&_include=Observation:encounter&_count=20", observations
        ),
        "_revinclude": each(lambda one: f"Encounter?_id={one['id']}&_revinclude=Observation:encounter", of("Encounter")),
        "documents by patient": each(lambda one: f"DocumentReference?patient={one['subject']['reference']}&_sort=-date", of("DocumentReference") or observations),
    }


def ask(arguments, asked):
    """The median of each question in milliseconds."""
    command = [arguments.ensemble, "sandbox", "--open", "--empty", "--listen", "127.0.0.1:0", "--database", arguments.database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            ready = server.stdout.readline().split()[1]
            parts = urllib.parse.urlsplit(ready)
            client = http.client.HTTPConnection(parts.netloc)
            medians = {}
            for name, paths in asked.items():
                # Twice: the second time what is asked for is in memory, however large the database.
                for _ in range(2):
                    times = []
                    for path in paths:
                        begun = time.perf_counter()
                        client.request("GET", f"{parts.path}/{path}")
                        answer = client.getresponse()
                        answer.read()
                        times.append((time.perf_counter() - begun) * 1000)
                        if answer.status != 200:
                            sys.exit(f"{answer.status} to {path}")
                    medians[name] = statistics.median(times)
            return medians
        finally:
            server.terminate()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles")
    parser.add_argument("--ensemble", default="target/release/ensemble")
    parser.add_argument("--database", help="empty; a temporary SQLite file where none is given")
    parser.add_argument("--patients", type=int, nargs="+", default=[100, 1000, 10000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        arguments.database = arguments.database or f"sqlite:{directory}/growth.db"
        lines = originals(arguments.bundles, 100)
        rows, done = [], 0
        for patients in sorted(arguments.patients):
            copies = max(1, patients // 100)
            count, rate = fill(arguments, lines, range(done, copies))
            os.sync()
            print(f"{copies * 100} patients: {count} resources more, {rate:.0f} a second", file=sys.stderr)
            rows.append((copies * 100, ask(arguments, questions(lines, copies))))
            done = copies
    print("| question | " + " | ".join(f"{patients} patients, ms" for patients, _ in rows) + " | last / first |")
    print("|---|" + "---|" * (len(rows) + 1))
    for name, first in rows[0][1].items():
        print(f"| {name} | " + " | ".join(f"{medians[name]:.2f}" for _, medians in rows) + f" | {rows[-1][1][name] / first:.2f} |")


if __name__ == "__main__":
    main()
