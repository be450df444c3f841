#!/usr/bin/env python3
"""Makes the world of the attack list on a running `ensemble sandbox` and prints it as JSON.

    prepare_ensemble.py http://127.0.0.1:8080 > world.json

Four people are made, each with documents: one masked a document, of one a document is of a type that the reader's profession may not
consult, and the third gave the reader no right at all. In a fourth world a fourth person asks about the third. Tokens are good for an hour.
"""

import base64
import json
import random
import sys
import urllib.error
import urllib.request
import uuid

INS, CB = "urn:oid:1.2.250.1.213.1.4.10", "https://ensemble.example/fhir"
PSIDNAT, LOINC = "urn:oid:1.2.250.1.71.4.2.1", "http://loinc.org"
KINDS = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
SECRET, SEEN, HOSPITAL = "11490-0", "47420-5", "1750000018"
TREATING, READER, OPTICIAN, OTHER, RESCUER = (f"8100000009{number:02}" for number in range(1, 6))


def ins(number):
    """A woman born in March 1980; the last two digits are the key of the NIR."""
    body = f"280037511{number:04}"
    return f"{body}{97 - int(body) % 97:02}"


class Sandbox:
    def __init__(self, root):
        self.root = root.rstrip("/").removesuffix("/fhir")

    def send(self, method, path, body, token=None, media="application/fhir+json"):
        request = urllib.request.Request(f"{self.root}{path}", data=json.dumps(body).encode() if body is not None else None, method=method)
        request.add_header("Content-Type", media)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def token(self, **request):
        status, answer = self.send("POST", "/sandbox/token", request, media="application/json")
        if status != 200:
            sys.exit(f"no token for {request}: {status} {answer}")
        return answer["access_token"]

    def create(self, token, resource):
        status, answer = self.send("POST", f"/fhir/{resource['resourceType']}", resource, token)
        if status != 201:
            sys.exit(f"{resource['resourceType']} is not created: {status} {answer}")
        return answer

    def first(self, token, query):
        _, answer = self.send("GET", f"/fhir/{query}", None, token)
        return answer["entry"][0]["resource"]["id"]


def about(number):
    return {"identifier": {"system": INS, "value": ins(number)}}


def named(number):
    return {"identifier": {"system": PSIDNAT, "value": number}}


def consent(person, kind, actor):
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    coded = lambda system, code: {"coding": [{"system": system, "code": code}]}
    return {
        "resourceType": "Consent", "status": "active", "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coded(f"{CB}/CodeSystem/consent-kind", kind)], "patient": about(person), "dateTime": "2026-11-01",
        "policyRule": coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": {"type": "permit", "actor": [{"role": role, "reference": actor}]},
    }


def document(person, code, title, identifier, **more):
    return {
        "resourceType": "DocumentReference", "status": "current", "subject": about(person), "description": title,
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": identifier}, "type": {"coding": [{"system": LOINC, "code": code}]},
        "date": "2026-10-01T10:00:00+02:00",
        "content": [{"attachment": {"contentType": "text/plain", "title": title, "data": base64.b64encode(title.encode()).decode()}}], **more,
    }


def fresh():
    return f"urn:uuid:{uuid.uuid4()}"


def absent():
    return f"01930000-{random.randrange(16 ** 4):04x}-7000-8000-{random.randrange(16 ** 12):012x}"


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    sandbox = Sandbox(sys.argv[1])
    operator, hospital = sandbox.token(kind="operator"), sandbox.token(kind="structure", id=HOSPITAL)
    professional = lambda number, profession, **more: sandbox.token(kind="professional", id=number, profession=profession, **more)
    holder = lambda person: sandbox.token(kind="holder", ins=f"{INS}|{ins(person)}")
    doctor = sandbox.create(operator, {"resourceType": "Practitioner", "identifier": [{"system": PSIDNAT, "value": OTHER}], "name": [{"family": "Discret"}]})["id"]
    people, spaces, families = [], {}, {}
    while len(people) < 4:
        person = random.randrange(10_000)
        family = f"Attaque{uuid.uuid4().hex[:8]}"
        space = {"resourceType": "Patient", "active": True, "identifier": [{"system": INS, "value": ins(person)}], "name": [{"family": family, "given": ["Essai"]}],
            "gender": "female", "birthDate": "1980-03-14"}
        status, answer = sandbox.send("POST", "/fhir/Patient", space, operator)
        if status == 201:
            people.append(person)
            spaces[person], families[person] = answer["id"], family
        elif status != 409:
            sys.exit(f"Patient is not created: {status} {answer}")
    for person in people:
        sandbox.create(holder(person), consent(person, "treating-physician", named(TREATING)))
    sandbox.create(holder(people[0]), consent(people[0], "record-access", named(READER)))
    sandbox.create(holder(people[1]), consent(people[1], "record-access", named(OPTICIAN)))

    def world(name, own, of, reader, person=False, **label):
        text, day = f"Secret {uuid.uuid4().hex[:12]}", f"2026-10-{random.randrange(10, 28)}"
        author = [{"reference": f"Practitioner/{doctor}"}]
        master = fresh()
        visible = sandbox.create(hospital, document(own, SEEN, "Vu 1", fresh(), author=author))["id"]
        linked = {"related": [{"reference": f"DocumentReference/{visible}"}]}
        hidden = sandbox.create(hospital, document(of, SECRET, text, master, author=author, date=f"{day}T10:00:00+02:00", context=linked, **label))
        related = {"related": [{"reference": f"DocumentReference/{hidden['id']}"}]}
        for number in (2, 3):
            sandbox.create(hospital, document(own, SEEN, f"Vu {number}", fresh(), author=author, **({"context": related} if number == 2 else {})))
        listed = lambda person, kind, *entries: sandbox.create(hospital, {
            "resourceType": "List", "status": "current", "mode": "working", "title": "Liste", "subject": about(person), "code": {"coding": [{"system": KINDS, "code": kind}]},
            "entry": [{"item": {"reference": f"DocumentReference/{entry}"}} for entry in entries]})["id"]
        secrets = listed(of, "submissionset", hidden["id"])
        right = sandbox.create(holder(of), consent(of, "record-access", named(OTHER)))["id"]
        team = sandbox.create(holder(of), {"resourceType": "CareTeam", "status": "active", "subject": about(of), "participant": [{"member": named(OTHER)}]})["id"]
        relative = sandbox.create(operator, {"resourceType": "RelatedPerson", "active": True, "patient": about(of), "name": [{"family": "Parente"}],
            "identifier": [{"system": INS, "value": ins((of + 1) % 10_000)}]})["id"]
        mine = lambda key, **more: document(own, SEEN, "Essai", f"{{{key}}}", **more)
        new = {f"fresh{number}": [fresh(), fresh()] for number in range(1, 5)}
        label = lambda operation: {"method": "PATCH", "path": "DocumentReference/{visible}", "headers": {"Content-Type": "application/json-patch+json"}, "body": [operation]}
        made = {
            "name": name, "allowed": professional(TREATING, "10"), "denied": reader, "person": holder(of), "owner": holder(own),
            "secrets": [text], "pairs": {
                "id": [hidden["id"], absent()], "binary": [hidden["content"][0]["attachment"]["url"].rsplit("/", 1)[1], absent()],
                "code": [SECRET, "11491-8"], "text": [text, f"Secret {uuid.uuid4().hex[:12]}"], "day": [day, "1999-01-10"],
                "identifier": [f"urn:ietf:rfc:3986|{master}", f"urn:ietf:rfc:3986|{fresh()}"],
                "list": [secrets, absent()], "consent": [right, absent()], "team": [team, absent()], "relative": [relative, absent()],
                "trace": [sandbox.first(holder(of), f"AuditEvent?entity=DocumentReference/{hidden['id']}&_count=1"), absent()], **new,
            },
            "names": {
                "type": "DocumentReference", "visible": visible, "own": spaces[own], "scope": "patient={own}", "visible_code": SEEN, "token": "type",
                "string": "description", "date": "date", "related": "related", "by": "author", "by_type": "Practitioner", "by_id": doctor,
                "person_scope": f"patient.identifier={INS}%7C{ins(own)}".replace("%7C", "|"), "person_values": f"{ins(own)},{families[own]},{spaces[own]}",
            },
            "bodies": {
                "create": mine("fresh1"), "refer": mine("fresh2", context={"related": [{"reference": "DocumentReference?identifier={identifier}"}]}),
                "point": mine("fresh3", context={"related": [{"reference": "DocumentReference/{id}"}]}),
                "replace": mine("fresh4", relatesTo=[{"code": "replaces", "target": {"reference": "DocumentReference/{id}"}}]),
            },
            "toggle": {
                "hide": label({"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}),
                "show": label({"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}),
            },
        }
        if own != of:
            # The person is hidden with all that is hers; what is asked about her names one who is not there.
            made["pairs"].update({"of": [spaces[of], absent()], "family": [families[of], f"Attaque{uuid.uuid4().hex[:8]}"]})
            made["names"]["scope"] = "patient={own},{of}"
            made["secrets"].append(families[of])
        if person:
            # What is masked is masked to professionals, not to persons.
            del made["toggle"]
            # Professionals are told on purpose whether a person has a record (TD0.2); persons are not. They deposit no such documents.
            nobody = next(number for number in iter(lambda: random.randrange(10_000), None) if number not in people)
            made["pairs"]["person"] = [ins(of), ins(nobody)]
            itself = consent(of, "record-access", named(READER))
            itself["patient"]["identifier"]["value"] = "{person}"
            made["bodies"] = {"consent": itself}
        if own == of:
            made["names"]["folder"] = listed(own, "folder", visible, hidden["id"])
            made["emergency"] = professional(RESCUER, "28" if name == "barred" else "10", purpose="bris_de_glace", reason="essai")
        return made

    masked = {"securityLabel": [{"coding": [{"code": "MASQUE_PS"}]}]}
    first, second, third, fourth = people
    worlds = [
        world("masked", first, first, professional(READER, "10"), **masked),
        world("barred", second, second, professional(OPTICIAN, "28")),
        world("foreign", first, third, professional(READER, "10")),
        world("person", fourth, third, holder(fourth), person=True),
    ]
    json.dump({"base": f"{sandbox.root}/fhir", "worlds": worlds}, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
