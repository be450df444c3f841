//! Builders that say only what matters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ensemble::fhir::national::nir_key;
use serde_json::{Value, json};

/// System of test INS.
pub const INS: &str = "urn:oid:1.2.250.1.213.1.4.10";
/// System of PSIdNat.
pub const PSIDNAT: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// System of StructIdNat.
pub const STRUCTIDNAT: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// The canonical base of what the project defines.
pub const CB: &str = "https://ensemble.example/fhir";

/// An adult woman born in March 1980; `number` tells persons apart.
pub fn ins(number: u32) -> String {
    let body = format!("280037511{:04}", number % 10_000);
    format!("{body}{:02}", nir_key(&body).unwrap())
}

/// A girl born in September 2014.
pub fn minor_ins(number: u32) -> String {
    let body = format!("214093306{:04}", number % 10_000);
    format!("{body}{:02}", nir_key(&body).unwrap())
}

/// Token request of the operator, the auditor or a tester.
pub fn service(kind: &str) -> Value {
    json!({"kind": kind})
}

/// Token request of a professional: RPPS `10000000` and three digits.
pub fn professional(number: u32, profession: &str) -> Value {
    json!({"kind": "professional", "id": psidnat(number), "profession": profession})
}

/// The PSIdNat of that professional.
pub fn psidnat(number: u32) -> String {
    format!("810000000{number:03}")
}

/// Token request of a structure.
pub fn structure(id: &str) -> Value {
    json!({"kind": "structure", "id": id})
}

/// Token request of a holder.
pub fn holder(ins: &str) -> Value {
    json!({"kind": "holder", "ins": format!("{INS}|{ins}")})
}

/// Token request of a representative.
pub fn representative(ins: &str, of: &str) -> Value {
    json!({"kind": "representative", "ins": format!("{INS}|{ins}"), "for": format!("{INS}|{of}")})
}

/// An open space.
pub fn patient(ins: &str) -> Value {
    let minor = ins.starts_with("214");
    json!({
        "resourceType": "Patient", "active": true,
        "identifier": [{"system": INS, "value": ins}],
        "name": [{"family": "Exemple", "given": [format!("P{}", &ins[9..13])]}],
        "gender": "female", "birthDate": if minor { "2014-09-18" } else { "1980-03-14" }
    })
}

/// A reference to a person by INS.
pub fn person(ins: &str) -> Value {
    json!({"identifier": {"system": INS, "value": ins}})
}

/// A reference to a professional or structure by national identifier.
pub fn party(id: &str) -> Value {
    let system = if id.starts_with('8') && id.len() == 12 { PSIDNAT } else { STRUCTIDNAT };
    json!({"identifier": {"system": system, "value": id}})
}

/// A document of a type, as ITI-105 has it.
pub struct Document(Value);

/// A current text document of this LOINC type about a person; `number` is its master identifier.
pub fn document(ins: &str, code: &str, number: u32) -> Document {
    let system = if code.contains('-') { "http://loinc.org" } else { ensemble::policy::nomenclature::TRE_A05 };
    Document(json!({
        "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.3.{ins}.{number}")},
        "type": {"coding": [{"system": system, "code": code}]},
        "subject": person(ins),
        "date": "2026-10-01T10:00:00+02:00",
        "content": [{"attachment": {"contentType": "text/plain", "data": STANDARD.encode(format!("document {number}")), "title": "Document"}}]
    }))
}

impl Document {
    /// With this label.
    pub fn labelled(mut self, code: &str) -> Self {
        let label = json!({"coding": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": code}]});
        match self.0.get_mut("securityLabel").and_then(Value::as_array_mut) {
            Some(labels) => labels.push(label),
            None => self.0["securityLabel"] = json!([label]),
        }
        self
    }

    /// Masked to professionals.
    pub fn masked(self) -> Self {
        self.labelled("MASQUE_PS")
    }

    /// Hidden from the person.
    pub fn hidden(self) -> Self {
        self.labelled("INVISIBLE_PATIENT")
    }

    /// With this professional or structure as author.
    pub fn by(mut self, id: &str) -> Self {
        self.0["author"] = json!([party(id)]);
        self
    }

    /// With this element.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// The resource.
    pub fn json(self) -> Value {
        self.0
    }
}

/// A Consent of a kind; the actor is a reference or null.
pub fn consent(ins: &str, kind: &str, effect: &str, actor: Value) -> Value {
    let mut provision = json!({"type": effect});
    if !actor.is_null() {
        let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]});
        provision["actor"] = json!([{"role": role, "reference": actor}]);
    }
    json!({
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": format!("{CB}/CodeSystem/consent-kind"), "code": kind}]}],
        "patient": person(ins),
        "dateTime": "2026-11-01",
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": provision
    })
}

/// A Consent collected by a professional: with the statement that the person consented.
pub fn collected(ins: &str, kind: &str, actor: Value) -> Value {
    let mut consent = consent(ins, kind, "permit", actor);
    consent["verification"] = json!([{"verified": true, "verifiedWith": person(ins)}]);
    consent
}
