"""The exchange of a hospital's system with Python's fhirpy: token, consent, deposit, find, read, patch.

    pip install fhirpy
    python3 conformance/clients/fhirpy_exchange.py http://127.0.0.1:8080/fhir

Against a sandbox with its invented people. Prints a line a step; any other answer than expected ends it with an error.
"""
import base64
import json
import sys
import urllib.request
import uuid

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, OperationOutcome, ResourceNotFound

BASE = sys.argv[1].rstrip("/")
DOCTOR = "810000000993"
TEXT = "Hémoglobine 13,2 g/dL, sans anomalie."


def fetch(path, body=None):
    """JSON from the sandbox's own pages."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(BASE.removesuffix("/fhir") + path, data) as answer:
        return json.load(answer)


def client(token, **headers):
    """A client with this token."""
    return SyncFHIRClient(BASE, authorization=f"Bearer {fetch('/sandbox/token', token)['access_token']}", extra_headers=headers or None)


def coding(system, code):
    return {"coding": [{"system": system, "code": code}]}


def expect(error, work):
    """The work is refused so."""
    try:
        work()
    except error as refused:
        return refused
    raise SystemExit(f"expected {error.__name__}")


def main():
    person = next(holder for holder in fetch("/sandbox/people")["holders"] if holder["state"] == "open")
    system, value = person["ins"].split("|")
    subject = {"identifier": {"system": system, "value": value}}
    professional = {"kind": "professional", "id": DOCTOR, "profession": "10", "family": "Lenoir", "given": "Paule"}
    holder, doctor = client(person["token"]), client(professional)
    print("token")

    asked = {"patient.identifier": f"{system}|{value}"}
    expect(ForbiddenError, lambda: doctor.resources("DocumentReference").search(**asked).fetch())
    holder.resource(
        "Consent",
        status="active",
        scope=coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        category=[coding("https://ensemble.example/fhir/CodeSystem/consent-kind", "record-access")],
        patient=subject,
        dateTime="2026-11-01",
        policyRule=coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        provision={
            "type": "permit",
            "actor": [{
                "role": coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
                "reference": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": DOCTOR}},
            }],
        },
    ).save()
    print("consent")

    master = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"}
    document = doctor.resource(
        "DocumentReference",
        status="current",
        masterIdentifier=master,
        identifier=[master],
        type=coding("http://loinc.org", "11502-2"),
        subject=subject,
        date="2026-11-02T10:00:00+01:00",
        author=[{"display": "Paule Lenoir"}],
        content=[{"attachment": {"contentType": "text/plain", "title": "Numération", "data": base64.b64encode(TEXT.encode()).decode()}}],
    )
    document.save()
    wrong = doctor.resource("DocumentReference", **{**document.serialize(), "id": None, "type": None, "masterIdentifier": None})
    expect(OperationOutcome, wrong.save)
    print("deposit")

    found = doctor.resources("DocumentReference").search(identifier=f"{master['system']}|{master['value']}", **asked).fetch_all()
    assert [one["id"] for one in found] == [document["id"]], found
    mine = doctor.resources("DocumentReference").search(**asked).sort("-date").limit(1)
    assert document["id"] in [one["id"] for one in mine], "a walk over all pages"
    print("find")

    url = document["content"][0]["attachment"]["url"]
    binary = doctor.reference(reference=url[url.index("Binary/"):]).to_resource()
    assert base64.b64decode(binary["data"]).decode() == TEXT, binary
    expect(ResourceNotFound, lambda: doctor.reference("DocumentReference", str(uuid.uuid4())).to_resource())
    print("read")

    patching = client(professional, **{"Content-Type": "application/json-patch+json"})
    label = coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")
    masked = {"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibilite/FHIR/TRE-A07-StatusVisibilite", "code": "MASQUE_PS"}]}
    patched = patching.execute(
        "DocumentReference",
        method="patch",
        params={"identifier": f"{master['system']}|{master['value']}"},
        data=[{"op": "add", "path": "/securityLabel", "value": [label, masked]}],
    )
    assert "MASQUE_PS" in json.dumps(patched["securityLabel"]), patched
    print("patch")


main()
