#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::*;
use crate::fhir::issue::ISSUES_MAX;

fn found(mut value: Value, name: &str) -> String {
    value["resourceType"] = name.into();
    let issues = validate(ResourceType::parse(name).unwrap(), &value);
    issues.iter().map(|issue| format!("{} {}", issue.code, issue.expression)).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_departure_has_its_place() {
    let extension = json!({"extension": [{"url": "u:x", "valueCode": "y"}]});
    let rows = [
        (json!({"active": true, "name": [{"family": "Martin", "given": ["Ana", null], "_given": [null, extension]}]}), ""),
        (json!({"name": [{"_family": extension, "_given": [extension]}]}), ""),
        (json!({"name": [{"given": ["Ana"], "_given": [null, extension]}]}), ""),
        (json!({"name": [{"given": ["Ana", null]}]}), "structure Patient.name[0].given[1]"),
        (json!({"name": [{"_given": [null, extension]}]}), "structure Patient.name[0].given[0]"),
        (json!({"name": [{"_family": extension, "_given": [{}]}]}), "structure Patient.name[0].given[0]"),
        (json!({"name": [{"family": "x", "_family": {"url": "x"}}]}), "structure Patient.name[0].family.url"),
        (json!({"name": [{"id": "x"}]}), "invariant Patient.name[0]"),
        (json!({"name": [{"family": "x", "id": "x", "_id": extension}]}), "structure Patient.name[0].id"),
        (json!({"extension": [{"_url": extension, "valueCode": "x"}]}), "structure Patient.extension[0].url"),
        (json!({"text": {"status": "generated", "_div": extension}}), "structure Patient.text.div"),
        (json!({"name": [{"given": ["a"], "_given": [null]}]}), "structure Patient.name[0].given"),
        (json!({"_birthDate": {"id": "x"}}), "invariant Patient.birthDate"),
        (json!({"birthDate": "2020", "_birthDate": {"id": "x"}, "name": [{"given": ["a"], "_given": [{"id": "x"}]}]}), ""),
        (json!({"deceasedBoolean": false, "_deceasedBoolean": extension}), ""),
        (json!({"nom": 1}), "structure Patient.nom"),
        (json!({"_nom": {}}), "structure Patient._nom"),
        (json!({"gender": "homme"}), "code-invalid Patient.gender"),
        (json!({"gender": ["male"]}), "structure Patient.gender"),
        (json!({"gender": null}), "structure Patient.gender"),
        (json!({"name": {"family": "x"}}), "structure Patient.name"),
        (json!({"name": []}), "structure Patient.name"),
        (json!({"name": [{}]}), "structure Patient.name[0]"),
        (json!({"name": ["x"]}), "structure Patient.name[0]"),
        (json!({"name": [{"family": ""}]}), "value Patient.name[0].family"),
        (json!({"name": [null]}), "structure Patient.name[0]"),
        (json!({"birthDate": "1980-13-01"}), "value Patient.birthDate"),
        (json!({"birthDate": 1980}), "value Patient.birthDate"),
        (json!({"deceasedBoolean": false, "deceasedDateTime": "2020"}), "structure Patient.deceased"),
        (json!({"deceasedBoolean": false, "_deceasedDateTime": extension}), "structure Patient.deceased"),
        (json!({"deceasedString": "x"}), "structure Patient.deceasedString"),
        (json!({"deceased": true}), "structure Patient.deceased"),
        (json!({"link": [{"other": {"reference": "Patient/1"}}]}), "required Patient.link[0].type"),
        (json!({"managingOrganization": {"reference": "Patient/1"}}), "value Patient.managingOrganization.reference"),
        (json!({"managingOrganization": {"reference": "Organization/1", "type": "Patient"}}), "value Patient.managingOrganization.type"),
        (json!({"managingOrganization": {"reference": "#o"}}), "value Patient.managingOrganization.reference"),
        (json!({"managingOrganization": {"reference": "a b"}}), "value Patient.managingOrganization.reference"),
        (
            json!({"contained": [{"resourceType": "Organization", "id": "o", "nom": "x"}], "managingOrganization": {"reference": "#o"}}),
            "structure Patient.contained[0].nom",
        ),
        (json!({"contained": [{"resourceType": "Organization", "name": "x"}]}), "required Patient.contained[0].id"),
        (
            json!({"contained": [{"resourceType": "Patient", "id": "o", "active": true}], "managingOrganization": {"reference": "#o"}}),
            "value Patient.managingOrganization.reference",
        ),
        (
            json!({"contained": [{"resourceType": "Organization", "id": "o", "name": "x"}, {"resourceType": "Organization", "id": "o", "name": "x"}]}),
            "structure Patient.contained[0].id; structure Patient.contained[1].id",
        ),
        (
            json!({"contained": [{"resourceType": "Patient", "id": "o", "contained": [{"resourceType": "Patient", "id": "p", "active": true}]}]}),
            "invariant Patient.contained[0].contained",
        ),
        (
            json!({"contained": [{"resourceType": "Patient", "id": "o", "meta": {"versionId": "1"}}]}),
            "invariant Patient.contained[0].meta.versionId",
        ),
        (json!({"contained": [{"resourceType": "Nothing", "id": "o"}]}), "structure Patient.contained[0]"),
        (json!({"contained": [{"resourceType": "HumanName", "id": "o"}]}), "structure Patient.contained[0]"),
        (json!({"extension": [{"url": "u:x"}]}), "invariant Patient.extension[0]"),
        (
            json!({"extension": [{"url": "u:x", "valueCode": "y", "extension": [{"url": "u:y", "valueCode": "y"}]}]}),
            "invariant Patient.extension[0]",
        ),
        (json!({"extension": [{"valueCode": "y"}]}), "required Patient.extension[0].url"),
        (json!({"_name": [{"id": "x"}]}), "structure Patient.name"),
        (json!({"multipleBirthInteger": 1.5}), "value Patient.multipleBirth"),
        (json!({"id": "a_b", "meta": {"lastUpdated": "2020"}}), "value Patient.id; value Patient.meta.lastUpdated"),
        (json!({"photo": [{"data": "a"}], "language": "a  b"}), "value Patient.photo[0].data; value Patient.language"),
    ];
    for (value, expected) in rows {
        assert_eq!(found(value.clone(), "Patient"), expected, "{value}");
    }
    assert_eq!(validate(ResourceType::PATIENT, &json!([])).len(), 1);
}

#[test]
fn other_types_have_their_own_rules() {
    let clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    let allergy = |concept: Value| json!({"patient": {"reference": "Patient/1"}, "clinicalStatus": concept});
    let coded = |system: &str, code: &str| json!({"coding": [{"system": "urn:x", "code": "y"}, {"system": system, "code": code}]});
    let rows = [
        ("AllergyIntolerance", allergy(coded(clinical, "active")), ""),
        ("AllergyIntolerance", allergy(coded(clinical, "y")), "code-invalid AllergyIntolerance.clinicalStatus"),
        ("AllergyIntolerance", allergy(coded("urn:x", "active")), "code-invalid AllergyIntolerance.clinicalStatus"),
        ("AllergyIntolerance", allergy(json!({"text": "active"})), "code-invalid AllergyIntolerance.clinicalStatus"),
        ("Observation", json!({"status": "final"}), "required Observation.code"),
        ("Bundle", json!({"type": "collection", "text": {}}), "structure Bundle.text"),
        (
            "Bundle",
            json!({"type": "collection", "entry": [{"resource": {"resourceType": "Patient", "managingOrganization": {"reference": "#a"}}}]}),
            "value Bundle.entry[0].resource.managingOrganization.reference",
        ),
        (
            "Parameters",
            json!({"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "x": 1}}]}),
            "structure Parameters.parameter[0].resource.x",
        ),
        ("Bundle", json!({"type": "collection", "entry": [{"resource": {"id": "a"}}]}), "structure Bundle.entry[0].resource"),
        ("Linkage", json!({"item": [{"type": "source", "resource": {"display": "x"}}]}), ""),
        ("Basic", json!({"code": {"text": "x"}, "subject": {"reference": "Basic/1"}}), ""),
        ("Invoice", json!({"status": "draft", "totalNet": {"value": 1.50, "currency": "XXZ"}}), "code-invalid Invoice.totalNet.currency"),
    ];
    for (name, value, expected) in rows {
        assert_eq!(found(value.clone(), name), expected, "{name} {value}");
    }
}

#[test]
fn issues_are_bounded() {
    let many: Map<String, Value> = (0..500).map(|n| (format!("x{n}"), Value::Null)).collect();
    assert_eq!(validate(ResourceType::PATIENT, &Value::Object(many)).len(), ISSUES_MAX);
}
