#!/usr/bin/env python3
"""How much of what PostgreSQL alone commits do creates reach, on this disk and on a slow one?

    cargo build --release
    python3 benches/creates.py --ensemble target/release/ensemble

Starts a PostgreSQL of its own under the temporary directory, twice: as it is, and with every commit waiting some milliseconds more for the
disk (a `fdatasync` and `fsync` put before the C library's, compiled by `cc`). In either, in one run and with 8 connections: what the disk
commits, one-row inserts of 3 kB by `pgbench`, then creates of Patients, Observations and DocumentReferences by a tester, validation on.
Printed: each a second, and the creates over the inserts. Needs `wrk`, `cc` and PostgreSQL's programs (`--bin`); as root also `su`, for
PostgreSQL refuses to run as root. Nothing but Python's standard library else.
"""
import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request

CONNECTIONS = 8
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
static void late(void) {
  const char *said = getenv("COMMIT_MICROSECONDS");
  long wait = said ? atol(said) : 0;
  struct timespec t = {wait / 1000000, wait % 1000000 * 1000};
  while (nanosleep(&t, &t)) {}
}
int fdatasync(int fd) { late(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
int fsync(int fd) { late(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd); }
"""
LUA = """
local lines, i = {}, 0
function init(args)
  for line in io.lines(args[2]) do lines[#lines + 1] = line end
  path = args[1]
  wrk.headers["Content-Type"] = "application/fhir+json"
  wrk.headers["Prefer"] = "return=minimal"
end
function request()
  i = i + 1
  return wrk.format("POST", path, nil, lines[(i - 1) % #lines + 1])
end
function done(s)
  io.write(string.format("RESULT %.0f %d\\n", s.requests / (s.duration / 1e6),
    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))
end
"""


class Cluster:
    """A PostgreSQL for as long as it is needed, whose commits take so many microseconds more."""

    def __init__(self, directory, programs, shim, wait):
        self.directory, self.programs = directory, programs
        self.user = "postgres" if os.geteuid() == 0 else None
        self.data = os.path.join(directory, "data")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync")
        slow = {"LD_PRELOAD": shim, "COMMIT_MICROSECONDS": str(wait)} if wait else {}
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c shared_buffers=1GB -c max_wal_size=4GB"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(directory, "log"), "-o", options, "start", **slow)

    def run(self, program, *arguments, **more):
        command = [os.path.join(self.programs, program), *arguments]
        if self.user:
            settings = [f"{name}={value}" for name, value in more.items()]
            command = ["su", self.user, "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--", "env", *settings, *command]
        done = subprocess.run(command, env={**os.environ, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.directory)
        if done.returncode:
            sys.exit(f"{program}: {done.stdout}")
        return done.stdout

    def sql(self, database, text):
        return self.run("psql", "-q", "-h", self.directory, "-p", str(self.port), "-U", "postgres", "-d", database, "-c", text)

    def inserts(self, seconds):
        """Commits of one row of 3 kB a second."""
        self.sql("postgres", "CREATE DATABASE floor")
        self.sql("floor", "CREATE TABLE kept (id bigserial PRIMARY KEY, body text NOT NULL)")
        self.sql("floor", "ALTER TABLE kept ALTER body SET STORAGE external")
        script = os.path.join(self.directory, "insert.sql")
        with open(script, "w", encoding="utf-8") as file:
            file.write("INSERT INTO kept (body) VALUES (repeat('0123456789abcdef', 190));\n")
        of = ["-h", self.directory, "-p", str(self.port), "-U", "postgres", "-n", "-M", "prepared", "-j", "1"]
        said = self.run("pgbench", *of, "-c", str(CONNECTIONS), "-T", str(seconds), "-f", script, "floor")
        return float(re.search(r"tps = ([0-9.]+)", said)[1])

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


def resources(patient):
    """Some of each type, of the size that is usual."""
    coding = lambda system, code, display: {"coding": [{"system": system, "code": code, "display": display}], "text": display}
    subject = {"reference": patient, "display": "Anne Exemple"}
    for number in range(200):
        at = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T10:{number % 60:02}:00+01:00"
        yield {
            "resourceType": "Patient",
            "identifier": [
                {"type": coding("http://terminology.hl7.org/CodeSystem/v2-0203", kind, kind), "system": f"http://hospital.example/{kind}", "value": f"{kind}{number}"}
                for kind in ("MR", "SS", "DL", "PPN")
            ],
            "name": [{"use": "official", "family": f"Exemple{number}", "given": ["Anne", "Marie"], "prefix": ["Mme"]}, {"use": "maiden", "family": f"Modele{number}"}],
            "telecom": [{"system": "phone", "value": f"01 99 00 {number // 100:02} {number % 100:02}", "use": "home"}],
            "gender": "female", "birthDate": f"19{50 + number % 50}-03-14",
            "address": [{"line": [f"{number} rue d'Exemple"], "city": "Lyon", "state": "Rhône", "postalCode": "69001", "country": "FR"}],
            "maritalStatus": coding("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "M"), "multipleBirthBoolean": False,
            "communication": [{"language": coding("urn:ietf:bcp:47", "fr-FR", "français")}],
        }
        yield {
            "resourceType": "Observation", "status": "final",
            "category": [coding("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "laboratory")],
            "code": coding("http://loinc.org", f"{2000 + number % 40}-1", "Une mesure"), "subject": subject,
            "effectiveDateTime": at, "issued": at.replace("+", ".123+"),
            "valueQuantity": {"value": 60 + number / 8, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        }
        yield {
            "resourceType": "DocumentReference", "status": "current",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:00000000-0000-4000-8000-{number:012}"}],
            "type": coding("http://loinc.org", "34117-2", "Un compte rendu"),
            "category": [coding("http://hospital.example/category", "clinical-note", "clinical-note")],
            "subject": subject, "date": at, "author": [{"display": "Dr Exemple"}], "custodian": {"display": "Hôpital d'exemple"},
            "content": [{"attachment": {"contentType": "text/plain", "data": "QsOpYXRl" * 150}}],
            "context": {"period": {"start": at, "end": at}},
        }


def creates(ensemble, database, directory, seconds):
    """By type: how many a second, after a while of each."""
    command = [ensemble, "sandbox", "--empty", "--open", "--listen", "127.0.0.1:0", "--database", database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            base = re.match(r"ready (\S+)", server.stdout.readline())[1]
            first = {"resourceType": "Patient", "name": [{"family": "Exemple"}]}
            request = urllib.request.Request(f"{base}/Patient", json.dumps(first).encode(), {"Content-Type": "application/fhir+json"})
            with urllib.request.urlopen(request) as answer:
                patient = f"Patient/{json.load(answer)['id']}"
            bodies = {}
            for resource in resources(patient):
                bodies.setdefault(resource["resourceType"], []).append(json.dumps(resource))
            rates = {}
            for measured in (False, True):
                for kind, lines in bodies.items():
                    rates[kind] = posts(base, kind, lines, directory, seconds if measured else 2)
            return rates
        finally:
            server.terminate()


def posts(base, kind, lines, directory, seconds):
    """Creates a second."""
    files = {"post.lua": LUA, "bodies": "\n".join(lines) + "\n"}
    for name, text in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    lua, bodies = (os.path.join(directory, name) for name in files)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", lua, base, "--", f"/fhir/{kind}", bodies]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, errors = map(int, re.search(r"RESULT (\d+) (\d+)", said).groups())
    if errors:
        sys.exit(f"{errors} creates of {kind} failed")
    return rate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ensemble", default="target/release/ensemble")
    parser.add_argument("--bin", default="/usr/lib/postgresql/15/bin", help="PostgreSQL's programs")
    parser.add_argument("--microseconds", type=int, default=3000, help="what a commit waits more on the slow disk")
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    print("| disk | one-row inserts a second | Patient | Observation | DocumentReference | over the inserts |")
    print("|---|---|---|---|---|---|")
    for name, wait in [("as it is", 0), (f"commits wait {arguments.microseconds / 1000:g} ms more", arguments.microseconds)]:
        directory = tempfile.mkdtemp(prefix="creates-")
        os.chmod(directory, 0o755)
        try:
            shim = os.path.join(directory, "slow.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-O", "-x", "c", "-o", shim, "-", "-ldl"], input=SHIM, text=True, check=True)
            place = os.path.join(directory, "pg")
            os.mkdir(place)
            if os.geteuid() == 0:
                shutil.chown(place, "postgres")
            cluster = Cluster(place, arguments.bin, shim, wait)
            try:
                floor = cluster.inserts(arguments.seconds)
                cluster.sql("postgres", "CREATE DATABASE ensemble")
                database = f"postgres://postgres@127.0.0.1:{cluster.port}/ensemble"
                rates = creates(arguments.ensemble, database, directory, arguments.seconds)
                shown = " | ".join(str(rate) for rate in rates.values())
                ratios = ", ".join(f"{rate / floor:.2f}" for rate in rates.values())
                print(f"| {name} | {floor:.0f} | {shown} | {ratios} |", flush=True)
            finally:
                cluster.stop()
        finally:
            shutil.rmtree(directory)


if __name__ == "__main__":
    main()
