#!/usr/bin/env python3
"""What do rights and traces cost?

    cargo build --release
    python3 benches/cost.py --ensemble target/release/ensemble [--database sqlite:PATH|postgres://…/empty]...

For each database: the same documents twice, as a tester keeps them (no rights, no traces) and in a person's record. They are asked for by a
tester, then by a professional of the care team of one: rights in the statement, each answer after the commit of its trace. Then documents
of 100 kB are deposited by a laboratory. Printed: requests a second, at 8 and at 256 connections, and how often the disk
of this directory commits. Needs `wrk` and `cargo`, nothing but Python's standard library else. The same database on a file system in memory
(`/dev/shm`) tells what waiting for the disk costs.

No answer about a record goes without its trace, and there is no switch for it: what rights cost alone is measured beneath HTTP, in the same
run, on the same database, by `benches/rights.rs`, which puts the parts together: no rights; rights; rights and the commit of a trace.
"""
import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

INS_SYSTEM, INS = "urn:oid:1.2.250.1.213.1.4.10", "280037511000114"
DOCTOR, LABORATORY = "810000000011", "1750000018"
DOCUMENTS = 200
WITHIN = base64.b64encode(b"NUMBER-INSID").decode()
LUA = f"WITHIN = '{WITHIN}'" + """
local lines, number = {}, 0
function init(args)
  method, path, template = args[1], args[2], nil
  for line in io.lines(args[3]) do lines[#lines + 1] = line end
  wrk.headers["Authorization"] = "Bearer " .. args[4]
  wrk.headers["Content-Type"] = "application/fhir+json"
  wrk.headers["Prefer"] = "return=minimal"
  run = args[5]
  math.randomseed(7)
end
local SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
function base64(text)
  return (text:gsub("...", function(three)
    local a, b, c = three:byte(1, 3)
    local bits = a * 65536 + b * 256 + c
    local sign = function(place) return SIGNS:sub(place + 1, place + 1) end
    return sign(math.floor(bits / 262144)) .. sign(math.floor(bits / 4096) % 64) .. sign(math.floor(bits / 64) % 64) .. sign(bits % 64)
  end))
end
function request()
  if method == "GET" then return wrk.format("GET", lines[math.random(#lines)]) end
  number = number + 1
  -- In base64 a number stands where three bytes begin, with as many digits as are multiples of three.
  local within = base64(string.format("%03d%09d", run, number))
  return wrk.format("POST", path, nil, (lines[1]:gsub("NUMBER", run .. "." .. number):gsub(WITHIN, within)))
end
function done(s, l)
  io.write(string.format("RESULT %.0f %.2f %.2f %d\\n", s.requests / (s.duration / 1e6), l:percentile(50) / 1e3, l:percentile(99) / 1e3,
    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))
end
"""


class Server:
    """A sandbox on an empty database."""

    def __init__(self, ensemble, database):
        command = [ensemble, "sandbox", "--empty", "--listen", "127.0.0.1:0", "--database", database]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.base = re.match(r"ready (\S+)", self.process.stdout.readline())[1]

    def token(self, **request):
        body = json.dumps(request).encode()
        with urllib.request.urlopen(self.base.removesuffix("/fhir") + "/sandbox/token", body) as answer:
            return json.load(answer)["access_token"]

    def post(self, token, resource):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        request = urllib.request.Request(f"{self.base}/{resource['resourceType']}", json.dumps(resource).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def document(subject, number, content=b"Bonjour"):
    """A biology report."""
    day = number if isinstance(number, int) else 0
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:1.2.250.1.999.7.{number}"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
        "subject": subject,
        "date": f"2026-0{1 + day // 28 % 9}-{1 + day % 28:02}T10:00:00+01:00",
        "author": [{"display": "Laboratoire d'exemple"}],
        "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(content).decode(), "title": "Compte rendu"}}],
    }


def clinical(results, size=100_000):
    """A clinical document (CDA R2 CR-BIO) of this size with these results; its identifier is a number to be filled in."""
    at = "20261001101500+0200"
    author = f'<id root="1.2.250.1.71.4.2.1" extension="{DOCTOR}"/>'
    place = f'<id root="1.2.250.1.71.4.2.2" extension="{LABORATORY}"/><name>Laboratoire d\'exemple</name>'
    name = "<name><family>MODELE</family><given>Luc</given></name>"
    code = lambda value: f'<code code="{value}" codeSystem="2.16.840.1.113883.6.1"/>'
    result = (
        '<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.3.1.6"/>'
        + code("3016-3") + f'<statusCode code="completed"/><effectiveTime value="{at}"/>'
        '<value xsi:type="PQ" value="1.950" unit="m[IU]/L"/><interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/><referenceRange>'
        '<observationRange><value xsi:type="IVL_PQ"><low value="0.270" unit="m[IU]/L"/><high value="4.200" unit="m[IU]/L"/></value>'
        "</observationRange></referenceRange></observation></entryRelationship>"
    )
    entry = (
        '<entry typeCode="DRIV"><templateId root="1.3.6.1.4.1.19376.1.3.1"/><act classCode="ACT" moodCode="EVN">' + code("18719-5")
        + '<statusCode code="completed"/>' + result * results + "</act></entry>"
    )
    before = (
        '<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><templateId root="1.2.250.1.213.1.1.1.55"/>'
        '<id root="1.2.250.1.999.9" extension="'
    )
    # A number stands where three bytes begin.
    before = before.replace('<realmCode', " " * (-len(before.encode()) % 3) + '<realmCode')
    head = (
        '"/>' + code("11502-2") + f'<title>Compte rendu</title><effectiveTime value="{at}"/>'
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/><recordTarget><patientRole>'
        f'<id root="1.2.250.1.213.1.4.10" extension="{INS}"/><patient>{name}</patient></patientRole></recordTarget>'
        f'<author><time value="{at}"/><assignedAuthor>{author}<assignedPerson>{name}</assignedPerson><representedOrganization>{place}'
        "</representedOrganization></assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>"
        f'{place}</representedCustodianOrganization></assignedCustodian></custodian><legalAuthenticator><time value="{at}"/><assignedEntity>{author}'
        "</assignedEntity></legalAuthenticator><documentationOf><serviceEvent>" + code("34133-9") + '<effectiveTime><low value="20260928"/>'
        '<high value="20261001"/></effectiveTime></serviceEvent></documentationOf><component><structuredBody><component><section>'
        + code("18719-5") + "<title>Biochimie</title><text>"
    )
    end = "</text>" + (entry if results else "") + "</section></component></structuredBody></component></ClinicalDocument>"
    room = size - len((before + head + end).encode()) - 12
    return (before + "NUMBER-INSID" + head + ("Bilan lipidique, normal. " * (size // 20))[:room] + end).encode()


def fill(server):
    """The record of one person, and the same as testers keep it; the paths to ask for, by who asks."""
    operator, tester, laboratory = server.token(kind="operator"), server.token(kind="tester"), server.token(kind="structure", id=LABORATORY)
    person = {
        "resourceType": "Patient", "active": True, "identifier": [{"system": INS_SYSTEM, "value": INS}],
        "name": [{"family": "Exemple", "given": ["Anne"]}], "gender": "female", "birthDate": "1980-03-14",
    }
    server.post(operator, person)
    kept = server.post(tester, person)
    holder = server.token(kind="holder", ins=f"{INS_SYSTEM}|{INS}")
    coding = lambda system, code: {"coding": [{"system": system, "code": code}]}
    server.post(holder, {
        "resourceType": "Consent", "status": "active", "dateTime": "2026-11-01",
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coding("https://ensemble.example/fhir/CodeSystem/consent-kind", "record-access")],
        "patient": {"identifier": {"system": INS_SYSTEM, "value": INS}},
        "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": {"type": "permit", "actor": [{
            "role": coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
            "reference": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": DOCTOR}},
        }]},
    })
    reads = {"tester": [], "professional": []}
    for number in range(DOCUMENTS):
        for who, token, subject in [
            ("tester", tester, {"reference": f"Patient/{kept['id']}"}),
            ("professional", laboratory, {"identifier": {"system": INS_SYSTEM, "value": INS}}),
        ]:
            reads[who].append(f"/fhir/DocumentReference/{server.post(token, document(subject, number))['id']}")
    asked = "type=http://loinc.org%7C11502-2&_sort=-date&_count=20"
    return {
        "read": reads,
        "search, a page of 20": {
            "tester": [f"/fhir/DocumentReference?patient=Patient/{kept['id']}&{asked}"],
            "professional": [f"/fhir/DocumentReference?patient.identifier={INS_SYSTEM}%7C{INS}&{asked}"],
        },
    }


def load(server, directory, lines, token, connections, seconds, method="GET", path=""):
    """Requests a second, median and 99th percentile in milliseconds."""
    load.runs = getattr(load, "runs", 0) + 1
    files = {"wrk.lua": LUA, "lines": "\n".join(lines) + "\n"}
    for name, text in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    lua, lines = (os.path.join(directory, name) for name in files)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", lua, server.base, "--", method, path, lines, token, f"{load.runs}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, median, late, errors = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+)", output).groups()
    if errors != "0":
        sys.exit(f"{errors} errors: {output}")
    return int(rate), float(median), float(late)


def beneath(database, directory, reads, connections, seconds):
    """Reads a second without rights, with rights, and with rights and traces, of a database that no server has open."""
    files = []
    for who in ("tester", "professional"):
        files.append(os.path.join(directory, f"{who}.ids"))
        with open(files[-1], "w", encoding="utf-8") as file:
            file.writelines(path.rsplit("/", 1)[1] + "\n" for path in reads[who])
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    url = f"sqlite:{os.path.abspath(database.removeprefix('sqlite:'))}" if database.startswith("sqlite:") else database
    command = ["cargo", "bench", "--quiet", "--bench", "rights", "--", url, str(seconds), str(connections), *map(os.path.abspath, files)]
    output = subprocess.run(command, capture_output=True, text=True, cwd=place)
    found = re.search(r"RESULT (\d+) (\d+) (\d+)", output.stdout)
    if not found:
        sys.exit(f"no figures of {' '.join(command)}: {output.stdout}{output.stderr}")
    return tuple(map(int, found.groups()))


def commits(directory):
    """How often a second the disk takes 4 kB for good."""
    with open(os.path.join(directory, "disk"), "wb", buffering=0) as file:
        count, begun = 0, time.monotonic()
        while time.monotonic() - begun < 1:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ensemble", default="target/release/ensemble")
    parser.add_argument("--database", action="append", help="empty; a temporary SQLite file where none is given")
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    print("| database | request | connections | tester | professional, untraced | traced | median, 99 of 100 (ms) | cost | disk commits a second |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=".") as directory:
        for database in arguments.database or [f"sqlite:{directory}/cost.db"]:
            server = Server(arguments.ensemble, database)
            try:
                paths, name = fill(server), re.sub(r"//.*@", "//", database)
                tester, doctor = server.token(kind="tester"), server.token(kind="professional", id=DOCTOR, profession="10")
                for question, of in paths.items():
                    for connections in (8, 256):
                        plain, _, _ = load(server, directory, of["tester"], tester, connections, arguments.seconds)
                        rate, median, late = load(server, directory, of["professional"], doctor, connections, arguments.seconds)
                        shown = f"| {median} {late} | {plain / rate:.2f} | {commits(directory)} |"
                        print(f"| {name} | {question} | {connections} | {plain} | | {rate} {shown}", flush=True)
                laboratory = server.token(kind="structure", id=LABORATORY)
                text = ("Compte rendu de biologie. " * 4000)[:100_000].encode()
                person = {"identifier": {"system": INS_SYSTEM, "value": INS}}
                deposits = {"text": document(person, "NUMBER", text)}
                for results in (0, 20):
                    of = document(person, 0, clinical(results))
                    # The rest is in its header.
                    del of["masterIdentifier"], of["author"], of["date"]
                    of["content"][0]["attachment"]["contentType"] = "text/xml"
                    deposits[f"CDA with {results} results"] = of
                for what, of in deposits.items():
                    for connections in (8, 64):
                        rate, median, late = load(
                            server, directory, [json.dumps(of)], laboratory, connections, arguments.seconds, "POST", "/fhir/DocumentReference"
                        )
                        print(
                            f"| {name} | deposit of 100 kB, {what} | {connections} | | | {rate} | {median} {late} | | {commits(directory)} |", flush=True
                        )
            finally:
                server.process.terminate()
                server.process.wait()
            for connections in (8, 256):
                plain, rights, traced = beneath(database, directory, paths["read"], connections, arguments.seconds)
                shown = f"| | {plain / traced:.2f} | {commits(directory)} |"
                print(f"| {name} | read beneath HTTP | {connections} | {plain} | {rights} | {traced} {shown}", flush=True)


if __name__ == "__main__":
    main()
