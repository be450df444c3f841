//! The form of a Consent (CONTRACT 3, Rights), and what of it may change.

use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, ended, reads, team, with_letter};

#[test]
fn the_form_of_a_consent_is_checked() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let good = || consent(&me, "record-access", "permit", party(&psidnat(1)));
        let without = |name: &str| {
            let mut value = good();
            value.as_object_mut().unwrap().remove(name);
            value
        };
        let with = |pointer: &str, new: Value| {
            let mut value = good();
            *value.pointer_mut(pointer).unwrap() = new;
            value
        };
        let rows = [
            (without("dateTime"), 422, "Consent.dateTime"),
            (without("policyRule"), 422, "Consent.policyRule"),
            (without("patient"), 422, "Consent.patient"),
            (without("provision"), 422, "Consent.provision.type"),
            (without("status"), 422, "Consent.status"),
            (with("/category/0/coding/0/code", "invented".into()), 422, "Consent.category"),
            (with("/scope/coding/0/code", "research".into()), 422, "Consent.scope"),
            (with("/provision/type", "deny".into()), 422, "Consent.provision.type"),
            (
                with("/provision/actor", json!([good()["provision"]["actor"][0], good()["provision"]["actor"][0]])),
                422,
                "Consent.provision.actor",
            ),
            (with("/provision/actor/0/role", json!({"text": "x"})), 422, "Consent.provision.actor[0].role"),
            (with("/provision/actor/0/reference", json!({"display": "x"})), 422, "Consent.provision.actor[0].reference"),
            (
                with("/provision", json!({"type": "permit", "actor": good()["provision"]["actor"], "class": [{"code": "Nothing"}]})),
                422,
                "Consent.provision.class[0]",
            ),
            (consent(&me, "samu", "permit", party(&psidnat(1))), 422, "Consent.provision.actor"),
            (consent(&me, "treating-physician", "permit", party(HOSPITAL)), 422, "Consent.provision.actor[0].reference"),
        ];
        for (value, status, place) in rows {
            let answer = server.create(&holder(&me), &value);
            assert_eq!((answer.status, answer.issue().1.as_str()), (status, place), "{value}");
        }
        assert!(server.get(&holder(&me), "Consent").matches().is_empty(), "nothing was stored");
    });
}

#[test]
fn a_consent_keeps_its_kind_its_sense_and_its_actor() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (person, who) = (holder(&me), professional(20, "10"));
        server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(20)))).expect(201);
        let block = server.create(&person, &consent(&me, "record-block", "deny", party(&psidnat(20)))).expect(201);
        let path = format!("Consent/{}", block["id"].as_str().unwrap());
        let with = |pointer: &str, value: Value| {
            let mut consent = block.clone();
            *consent.pointer_mut(pointer).unwrap() = value;
            consent
        };
        let mut past = block.clone();
        past["provision"]["period"] = json!({"end": "2020-01-01"});
        let mut access = with("/category/0/coding/0/code", "record-access".into());
        access["provision"]["type"] = "permit".into();
        let rows = [
            (with("/provision/actor/0/reference", party(&psidnat(21))), "Consent.provision.actor"),
            (access, "Consent.category"),
            (past, "Consent.provision.period.end"),
        ];
        for (consent, place) in rows {
            let answer = server.fhir(&person, "PUT", &path, Some(&consent));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place));
            assert_eq!(reads(&server, &who, &letter), 404, "{place}");
        }
        let setting = server.create(&person, &consent(&me, "samu", "deny", Value::Null)).expect(201);
        let mut permitted = setting.clone();
        permitted["provision"]["type"] = "permit".into();
        let answer = server.fhir(&person, "PUT", &format!("Consent/{}", setting["id"].as_str().unwrap()), Some(&permitted));
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.provision.type"));
        // What has ended changes no more: nothing given since is lost by it.
        server.fhir(&person, "PUT", &path, Some(&ended(&block))).expect(200);
        assert_eq!(reads(&server, &who, &letter), 404, "after unblocking a new right is needed");
        server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(20)))).expect(201);
        assert_eq!(reads(&server, &who, &letter), 200);
        for consent in [ended(&block), block.clone()] {
            let answer = server.fhir(&person, "PUT", &path, Some(&consent));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.status"));
        }
        assert_eq!(reads(&server, &who, &letter), 200);
        // What may change still does: the end of a right.
        let right = server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(22)))).expect(201);
        let mut longer = right.clone();
        longer["provision"]["period"] = json!({"end": "2020-01-01"});
        server.fhir(&person, "PUT", &format!("Consent/{}", right["id"].as_str().unwrap()), Some(&longer)).expect(200);
        assert_eq!(reads(&server, &professional(22, "10"), &letter), 404);
    });
}

#[test]
fn a_restriction_that_nobody_keeps_is_refused() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let period = json!({"start": "2020-01-01", "end": "2020-12-31"});
        let class = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference"}]);
        let purpose = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]);
        let label = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "L"}]);
        let access = |name: &str, value: &Value| {
            let mut consent = consent(&me, "record-access", "permit", party(&psidnat(1)));
            consent["provision"][name] = value.clone();
            consent
        };
        let setting = |kind: &str, name: &str, value: &Value| {
            let mut consent = consent(&me, kind, "permit", Value::Null);
            consent["provision"][name] = value.clone();
            consent
        };
        let mut block = consent(&me, "record-block", "deny", party(&psidnat(2)));
        block["provision"]["class"] = class.clone();
        let rows = [
            (setting("break-glass", "period", &period), "period"),
            (setting("samu", "period", &period), "period"),
            (setting("emergency-masked", "period", &period), "period"),
            (setting("default-masking", "period", &period), "period"),
            (setting("samu", "class", &class), "class"),
            (access("action", &json!([{"coding": [{"code": "disclose"}]}])), "action"),
            (access("securityLabel", &label), "securityLabel"),
            (access("dataPeriod", &period), "dataPeriod"),
            (access("data", &json!([{"meaning": "instance", "reference": {"reference": "DocumentReference/x"}}])), "data"),
            (access("code", &json!([{"text": "x"}])), "code"),
            (access("provision", &json!([{"type": "deny"}])), "provision"),
            (access("extension", &json!([{"url": "urn:x", "valueBoolean": true}])), "extension"),
            (access("purpose", &purpose), "purpose"),
            (block, "class"),
        ];
        for (value, name) in rows {
            let answer = server.create(&holder(&me), &value);
            assert_eq!((answer.status, answer.issue().1), (422, format!("Consent.provision.{name}")), "{value}");
        }
        assert_eq!(reads(&server, &professional(1, "10"), &letter), 404, "nothing was given");
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).masked().json()).id();
        let emergency = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "x"});
        assert_eq!(reads(&server, &emergency, &masked), 404);
    });
}

#[test]
fn what_is_unclear_is_refused_with_its_place() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let other = ins(8);
        server.create(&service("operator"), &patient(&other)).expect(201);
        let theirs = server.create(&holder(&other), &team(&other, &[&psidnat(5)], &[])).id();
        let good = || consent(&me, "record-access", "permit", party(&psidnat(1)));
        let set = |pointer: &str, name: &str, value: Value| {
            let mut consent = good();
            consent.pointer_mut(pointer).unwrap()[name] = value;
            consent
        };
        let actor = good()["provision"]["actor"][0].clone();
        let named = |reference: Value| {
            let mut one = actor.clone();
            one["reference"] = reference;
            one
        };
        let kind = |code: &str| json!({"coding": [{"system": "https://ensemble.example/fhir/CodeSystem/consent-kind", "code": code}]});
        let act = |code: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code});
        let (reference, place) = ("Consent.provision.actor[0].reference", "Consent.provision.actor");
        let with_team = |mut reference: Value| {
            reference["reference"] = "CareTeam/x".into();
            reference
        };
        let both = with_team(party(&psidnat(1)));
        let modifier = json!([{"url": "urn:x", "valueBoolean": false}]);
        let rows = [
            ("no actor", set("/provision", "actor", json!([])), place),
            ("two of one kind", set("/provision", "actor", json!([actor, named(party(&psidnat(2)))])), place),
            ("two of different kinds", set("/provision", "actor", json!([actor, named(party("1750000018"))])), place),
            (
                "a professional who is somebody's patient elsewhere",
                set("/provision/actor/0/reference", "reference", "https://x.example/fhir/Patient/1".into()),
                reference,
            ),
            ("a professional and a team in one", set("/provision", "actor", json!([named(both.clone())])), reference),
            ("a team and a professional in one", consent(&me, "care-team-access", "permit", both), reference),
            ("a team for a professional", consent(&me, "record-access", "permit", json!({"reference": "CareTeam/x"})), reference),
            ("a professional for a team", consent(&me, "care-team-access", "permit", party(&psidnat(1))), reference),
            ("another's team", consent(&me, "care-team-access", "permit", json!({"reference": format!("CareTeam/{theirs}")})), reference),
            (
                "an identifier of nothing",
                set("/provision", "actor", json!([named(json!({"identifier": {"system": "urn:x", "value": "1"}}))])),
                reference,
            ),
            ("a bad PSIdNat", set("/provision", "actor", json!([named(party("81000000000"))])), reference),
            (
                "a professional that is said to be an organization",
                set("/provision/actor/0/reference", "type", "Organization".into()),
                reference,
            ),
            (
                "a period that ends before it begins",
                set("/provision", "period", json!({"start": "2027-02-01", "end": "2027-01-31"})),
                "Consent.provision.period",
            ),
            (
                "by minutes",
                set("/provision", "period", json!({"start": "2027-02-01T10:00:00+01:00", "end": "2027-02-01T08:59:00Z"})),
                "Consent.provision.period",
            ),
            ("two kinds", set("", "category", json!([kind("record-access"), kind("record-block")])), "Consent.category"),
            ("no kind", set("", "category", json!([{"text": "accès"}])), "Consent.category"),
            ("an unknown kind", set("", "category", json!([kind("everything")])), "Consent.category"),
            (
                "a kind of another system",
                set("", "category", json!([{"coding": [{"system": "urn:x", "code": "record-access"}]}])),
                "Consent.category",
            ),
            ("in and out", set("", "policyRule", json!({"coding": [act("OPTIN"), act("OPTOUT")]})), "Consent.policyRule"),
            ("of another person", set("", "patient", json!({"identifier": {"system": INS, "value": other}})), "Consent.patient"),
            ("of nobody known", set("", "patient", json!({"identifier": {"system": INS, "value": ins(99)}})), "Consent.patient"),
            ("of a group", set("", "patient", json!({"reference": "Group/1"})), "Consent.patient.reference"),
            ("a part that is none", set("/provision", "class", json!([{"code": "Location"}])), "Consent.provision.class[0]"),
            (
                "a class of documents, which is an application's",
                set("/provision", "class", json!([{"system": ensemble::policy::nomenclature::TRE_A03, "code": "10"}])),
                "Consent.provision.class[0]",
            ),
            ("a content without its document", set("/provision", "class", json!([{"code": "Binary"}])), "Consent.provision.class[0]"),
            ("a modifier", set("", "modifierExtension", modifier.clone()), "Consent.modifierExtension"),
            ("a modifier within", set("/provision/actor/0", "modifierExtension", modifier), "Consent.provision.actor[0].modifierExtension"),
            ("neither active nor ended", set("", "status", "proposed".into()), "Consent.status"),
        ];
        for (what, value, place) in rows {
            let answer = server.create(&holder(&me), &value);
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place), "{what}: {}", answer.text());
        }
        assert!(server.get(&holder(&me), "Consent").matches().is_empty(), "nothing was stored");
        // What says the same twice is clear.
        let mut twice = set("/provision/actor/0/reference", "type", "http://hl7.org/fhir/StructureDefinition/Practitioner".into());
        twice["provision"]["actor"][0]["reference"]["reference"] = "https://x.example/fhir/Practitioner/1".into();
        server.create(&holder(&me), &twice).expect(201);
        // Teams and representatives.
        let backwards = json!({"start": "2027-02-01", "end": "2027-01-31"});
        let mut member = team(&me, &[&psidnat(5)], &[]);
        member["participant"][0]["period"] = backwards.clone();
        let mut whole = team(&me, &[&psidnat(5)], &[]);
        whole["period"] = backwards.clone();
        let related = |name: &str, value: Value| {
            let mut one = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": me}},
                "identifier": [{"system": INS, "value": ins(20)}]});
            one[name] = value;
            one
        };
        let two = json!([{"system": INS, "value": ins(20)}, {"system": INS, "value": ins(21)}]);
        let rows = [
            (holder(&me), member, "CareTeam.participant[0].period"),
            (holder(&me), whole, "CareTeam.period"),
            (service("operator"), related("period", backwards), "RelatedPerson.period"),
            (service("operator"), related("identifier", two), "RelatedPerson.identifier"),
            (service("operator"), related("identifier", json!([{"system": INS, "value": me}])), "RelatedPerson.identifier"),
            (service("operator"), related("identifier", json!([{"system": "urn:x", "value": "1"}])), "RelatedPerson.identifier"),
        ];
        for (who, value, place) in rows {
            let answer = server.create(&who, &value);
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place), "{value}: {}", answer.text());
        }
    });
}
