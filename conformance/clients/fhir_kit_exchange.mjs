// The exchange of a hospital's system with Node's fhir-kit-client: conformance, token, consent, deposit, find, read, patch.
//
//     npm install fhir-kit-client && cp conformance/clients/fhir_kit_exchange.mjs . && node fhir_kit_exchange.mjs http://127.0.0.1:8080/fhir
//
// Against a sandbox with its invented people. Prints a line a step; any other answer than expected ends it with an error.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Client } from "fhir-kit-client";

const base = process.argv[2].replace(/\/$/, "");
const doctor = "810000000985";
const text = "Hémoglobine 13,2 g/dL, sans anomalie.";

const coding = (system, code) => ({ coding: [{ system, code }] });

async function fetched(path, body) {
  const answer = await fetch(base.replace(/\/fhir$/, "") + path, body && { method: "POST", body: JSON.stringify(body) });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

async function client(token) {
  const { access_token: bearerToken } = await fetched("/sandbox/token", token);
  return new Client({ baseUrl: base, bearerToken });
}

async function refused(status, work) {
  await assert.rejects(work, (error) => {
    assert.equal(error.response?.status, status, JSON.stringify(error.response?.data));
    assert.equal(error.response.data.resourceType, "OperationOutcome");
    return true;
  });
}

const anybody = new Client({ baseUrl: base });
const capabilities = await anybody.capabilityStatement();
assert.equal(capabilities.fhirVersion, "4.0.1");
await refused(401, () => anybody.search({ resourceType: "DocumentReference", searchParams: {} }));
console.log("conformance");

const { holders } = await fetched("/sandbox/people");
const person = holders.find((one) => one.state === "open");
const [system, value] = person.ins.split("|");
const subject = { identifier: { system, value } };
const holder = await client(person.token);
const professional = await client({ kind: "professional", id: doctor, profession: "10", family: "Marchand", given: "Luc" });
console.log("token");

const asked = { "patient.identifier": person.ins };
await refused(403, () => professional.search({ resourceType: "DocumentReference", searchParams: asked }));
await holder.create({
  resourceType: "Consent",
  body: {
    resourceType: "Consent",
    status: "active",
    scope: coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
    category: [coding("https://ensemble.example/fhir/CodeSystem/consent-kind", "record-access")],
    patient: subject,
    dateTime: "2026-11-01",
    policyRule: coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
    provision: {
      type: "permit",
      actor: [{
        role: coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
        reference: { identifier: { system: "urn:oid:1.2.250.1.71.4.2.1", value: doctor } },
      }],
    },
  },
});
console.log("consent");

const master = { system: "urn:ietf:rfc:3986", value: `urn:uuid:${randomUUID()}` };
const body = {
  resourceType: "DocumentReference",
  status: "current",
  masterIdentifier: master,
  identifier: [master],
  type: coding("http://loinc.org", "11502-2"),
  subject,
  date: "2026-11-02T10:00:00+01:00",
  author: [{ display: "Luc Marchand" }],
  content: [{ attachment: { contentType: "text/plain", title: "Numération", data: Buffer.from(text).toString("base64") } }],
};
const document = await professional.create({ resourceType: "DocumentReference", body });
await refused(409, () => professional.create({ resourceType: "DocumentReference", body: { ...body, date: "2026-11-03T10:00:00+01:00" } }));
console.log("deposit");

const found = await professional.search({ resourceType: "DocumentReference", searchParams: { ...asked, identifier: `${master.system}|${master.value}` } });
assert.deepEqual(found.entry.map((entry) => entry.resource.id), [document.id]);
const ids = [];
for (let page = await professional.search({ resourceType: "DocumentReference", searchParams: { ...asked, _count: 1 } }); page; page = await professional.nextPage({ bundle: page })) {
  ids.push(...(page.entry ?? []).filter((entry) => entry.search.mode === "match").map((entry) => entry.resource.id));
}
assert.ok(ids.includes(document.id) && new Set(ids).size === ids.length, ids.join());
console.log("find");

const id = document.content[0].attachment.url.split("Binary/")[1];
const binary = await professional.read({ resourceType: "Binary", id });
assert.equal(Buffer.from(binary.data, "base64").toString(), text);
await refused(404, () => professional.read({ resourceType: "DocumentReference", id: randomUUID() }));
console.log("read");

const label = (code) => coding("https://ensemble.example/any", code);
const jsonPatch = [{ op: "add", path: "/securityLabel", value: [label("N"), label("MASQUE_PS")] }];
const patched = await professional.patch({ resourceType: "DocumentReference", id: document.id, jsonPatch });
assert.ok(JSON.stringify(patched.securityLabel).includes("MASQUE_PS"));
await refused(405, () => professional.patch({ resourceType: "DocumentReference", id: document.id, jsonPatch: [{ op: "replace", path: "/date", value: "2020-01-01" }] }));
console.log("patch");
