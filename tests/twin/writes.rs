//! Writes of a caller: on what it sees, on what it does not see, on what is nowhere. What they change they change in both databases.
//!
//! A Consent that may open a record to the caller shows it what differs: it is the last request of a case.

use serde_json::{Value, json};

use super::ask::Asker;
use super::build::master;
use super::make::{CODES, TITLES};
use super::world::{Ask, Party, QUIET, What, Who};
use crate::support::build::{CB, PSIDNAT, consent, document, party, person};
use crate::support::submission::{apart, create, list, submission_set, transaction, urn};

/// Whatever it is, one write. Those of operators and testers are seen in other worlds.
pub fn one(asker: &mut Asker<'_>) -> Ask {
    let ask = any(asker);
    Ask { alone: ask.alone || matches!(asker.caller, Who::Operator | Who::Tester), ..ask }
}

fn any(asker: &mut Asker<'_>) -> Ask {
    // Where the twins differ in whether there is such a person, that is asked for most.
    let quiet = asker.hot.iter().any(|name| *name == space(QUIET));
    if asker.dice.chance(if quiet { 3 } else { 24 }) {
        return unfit(asker);
    }
    match asker.dice.roll(16) {
        0..=4 => patch(asker),
        5..=7 => deposit(asker),
        8 => submission(asker),
        9 | 10 => rights(asker),
        11 => team(asker),
        12 | 13 => update(asker),
        14 => delete(asker),
        _ => directory(asker),
    }
}

fn ask(method: &str, path: impl Into<String>, body: &Value) -> Ask {
    let content = if method == "PATCH" && body.is_array() { "application/json-patch+json" } else { "application/fhir+json" };
    let headers = vec![("content-type".to_owned(), content.to_owned())];
    Ask { method: method.to_owned(), path: path.into(), headers, body: body.to_string(), ..Ask::default() }
}

/// With a version that must be current, or a condition.
fn conditional(asker: &mut Asker<'_>, mut ask: Ask) -> Ask {
    let version = 1 + asker.dice.roll(2);
    match asker.dice.roll(8) {
        0 => ask.headers.push(("if-match".into(), format!("W/\"{version}\""))),
        1 if ask.method != "POST" => ask.headers.push(("if-none-match".into(), "*".into())),
        2 | 3 if ask.method == "POST" => {
            let condition = match asker.document() {
                Some(document) if ask.path == "DocumentReference" => {
                    format!("identifier=urn:ietf:rfc:3986%7C{}", master(asker.names, document.of, document.number))
                }
                _ => format!("_id={{{{{}}}}}", asker.thing(&ask.path)),
            };
            // Headers hold no names of things: what is conditional on an id goes by the address.
            if !condition.contains("{{") {
                ask.headers.push(("if-none-exist".into(), condition));
            }
        }
        4 => ask.headers.push(("prefer".into(), asker.pick(&["return=minimal", "return=OperationOutcome", "return=representation"]))),
        _ => {}
    }
    ask
}

fn patch(asker: &mut Asker<'_>) -> Ask {
    if asker.dice.chance(6) {
        return diff(asker);
    }
    let reference = asker.reference("DocumentReference");
    let label = asker.pick(&["MASQUE_PS", "INVISIBLE_PATIENT", "N", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    let body = match asker.dice.roll(7) {
        0 | 1 => json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": label}]}}]),
        2 => json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": label}]}}]),
        3 => json!([{"op": "replace", "path": "/status", "value": asker.pick(&["superseded", "entered-in-error", "current", "x"])}]),
        4 => json!([{"op": "test", "path": "/status", "value": "current"}]),
        5 => {
            json!([{"op": "test", "path": "/description", "value": asker.pick(&TITLES)}, {"op": "replace", "path": "/status", "value": "superseded"}])
        }
        _ => json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"},
            {"name": "value", "valueCode": asker.pick(&["superseded", "current"])}]}]}),
    };
    let path = match asker.document() {
        Some(document) if asker.dice.chance(4) => {
            let identifier = master(asker.names, document.of, document.number);
            let more = asker.pick(&[
                "",
                "&status=current",
                "&security-label:not=MASQUE_PS",
                "&patient.phone=0612345678",
                "&related:DocumentReference.type=SYNTH",
            ]);
            format!("DocumentReference?identifier=urn:ietf:rfc:3986%7C{identifier}{more}")
        }
        _ => reference,
    };
    let ask = ask("PATCH", path, &body);
    conditional(asker, ask)
}

fn deposit(asker: &mut Asker<'_>) -> Ask {
    let told = matches!(asker.caller, Who::Professional(_) | Who::Structure(_));
    // Often in the record of a document that differs, which it may say that it replaces.
    let near = asker.thing("DocumentReference");
    let of = match asker.document_of(&near).filter(|known| !(told && known.of == QUIET)) {
        Some(known) if !asker.dice.chance(3) => known.of,
        _ => asker.subject(),
    };
    asker.count += 1;
    let known = asker.document().filter(|known| known.of == of && asker.dice.chance(3));
    let number = known.map_or(1000 + asker.count, |known| known.number);
    let code = asker.pick(&CODES);
    let mut value =
        document(&asker.names.ins(of), "11490-0", u32::try_from(number).unwrap()).with("description", json!(asker.pick(&TITLES))).json();
    value["masterIdentifier"]["value"] = master(asker.names, of, number).into();
    if code.contains('-') && code.ends_with(|c: char| c.is_ascii_digit()) {
        value["type"]["coding"][0]["code"] = code.into();
    }
    if asker.dice.chance(3) {
        let label = asker.pick(&["MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
        value["securityLabel"] = json!([{"coding": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": label}]}]);
    }
    if asker.dice.chance(3) {
        value["context"] = json!({"related": [{"reference": asker.reference("DocumentReference")}]});
    }
    if asker.dice.chance(3) {
        let target = match asker.document() {
            Some(known) if asker.dice.chance(2) => {
                json!({"identifier": {"system": "urn:ietf:rfc:3986", "value": master(asker.names, known.of, known.number)}})
            }
            _ if asker.dice.chance(3) => json!({"reference": asker.reference("DocumentReference")}),
            _ => json!({"reference": format!("DocumentReference/{{{{{near}}}}}")}),
        };
        value["relatesTo"] = json!([{"code": asker.pick(&["replaces", "replaces", "appends"]), "target": target}]);
    }
    match asker.dice.roll(10) {
        7 => value["subject"] = json!({"reference": format!("Patient?identifier={}", asker.names.next_token(of))}),
        8 => value["subject"] = json!({"reference": format!("Patient?identifier={}", asker.names.token(of))}),
        9 => {
            if let Some(known) = asker.document() {
                let condition = format!("DocumentReference?identifier=urn:ietf:rfc:3986|{}", master(asker.names, known.of, known.number));
                value["context"] = json!({"related": [{"reference": condition}]});
            }
        }
        0 => value["author"] = json!([party(&asker.names.psidnat(1)), {"reference": asker.reference("Practitioner")}]),
        1 => value["subject"] = json!({"reference": format!("Patient/{{{{p{of}}}}}")}),
        2 => value["content"] = json!([{"attachment": {"contentType": "text/plain", "url": asker.reference("Binary")}}]),
        3 => value["type"] = json!({"text": "sans code"}),
        _ => {}
    }
    let ask = Ask { makes: format!("new{}", asker.count), ..ask("POST", "DocumentReference", &value) };
    conditional(asker, ask)
}

/// ITI-65, with one of its entries as likely as not of what differs.
fn submission(asker: &mut Asker<'_>) -> Ask {
    let of = asker.subject();
    asker.count += 1;
    let (number, code) = (2000 + asker.count, asker.pick(&["11490-0", "11488-4", "57828-6"]));
    let mut one = document(&asker.names.ins(of), &code, u32::try_from(number).unwrap());
    if asker.dice.chance(3) {
        let target = json!({"reference": asker.reference("DocumentReference")});
        one = one.with("relatesTo", json!([{"code": "replaces", "target": target}]));
    }
    let (mut one, content) = apart(one, &urn(3));
    one["masterIdentifier"]["value"] = master(asker.names, of, number).into();
    let mut targets = vec![urn(2)];
    if asker.dice.chance(2) {
        targets.push(asker.reference("DocumentReference"));
    }
    if asker.dice.chance(4) {
        targets.push(asker.reference("List"));
    }
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let whom = if asker.dice.chance(6) { asker.subject() } else { of };
    let set = submission_set(&asker.names.ins(whom), u32::try_from(number).unwrap(), &targets);
    let mut entries = vec![create(&urn(1), set), create(&urn(2), one), create(&urn(3), content)];
    if asker.dice.chance(4) {
        let kept = asker.reference("DocumentReference");
        let status = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"},
            {"name": "value", "valueCode": "superseded"}]}]});
        entries.push(json!({"resource": status, "request": {"method": "PATCH", "url": kept}}));
    }
    ask("POST", "", &transaction(entries))
}

/// An XML Patch.
fn diff(asker: &mut Asker<'_>) -> Ask {
    let body = asker.pick(&[
        "<diff><replace sel=\"/DocumentReference/status/@value\">superseded</replace></diff>",
        "<diff><replace sel=\"/DocumentReference/securityLabel[1]/coding/code/@value\">N</replace></diff>",
        "<diff><add sel=\"/DocumentReference\"><securityLabel><coding><code value=\"MASQUE_PS\"/></coding></securityLabel></add></diff>",
        "<diff><remove sel=\"/DocumentReference/securityLabel[coding/code/@value='MASQUE_PS']\"/></diff>",
        "<diff><remove sel=\"/DocumentReference/subject\"/></diff>",
        "<diff>",
    ]);
    let headers = vec![("content-type".to_owned(), "application/xml-patch+xml".to_owned())];
    Ask { method: "PATCH".into(), path: asker.reference("DocumentReference"), headers, body, ..Ask::default() }
}

fn space(of: usize) -> String {
    format!("p{of}")
}

/// What no record takes of one without a right there, about the person whose record may be in one twin only, named by id.
fn unfit(asker: &mut Asker<'_>) -> Ask {
    let of = asker.names.ins(QUIET);
    asker.count += 1;
    let number = u32::try_from(4000 + asker.count).unwrap();
    let other = Party::Professional(2 + usize::try_from(asker.dice.roll(3)).unwrap());
    let mut value = match asker.dice.roll(9) {
        0 => document(&of, "11490-0", number).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json(),
        1 => {
            let target = json!({"reference": "DocumentReference/{{nowhere}}"});
            document(&of, "11490-0", number).with("relatesTo", json!([{"code": "replaces", "target": target}])).json()
        }
        2 => document(&of, "11490-0", number).masked().hidden().json(),
        3 => submission_set(&of, number, &["DocumentReference/{{nowhere}}"]),
        4 => json!({"resourceType": "CareTeam", "status": "active", "participant": [{"member": party(&asker.names.party(other))}]}),
        _ => {
            // Whoever is taken to be another: what is given to the caller itself is not refused.
            let kind =
                asker.pick(&["record-access", "record-access", "treating-physician", "administrator", "record-block", "care-team-access"]);
            let team = kind == "care-team-access";
            let actor = if team { json!({"reference": "CareTeam/{{nowhere}}"}) } else { party(&asker.names.party(other)) };
            let mut value = consent(&of, &kind, if kind == "record-block" { "deny" } else { "permit" }, actor);
            let with = match asker.dice.roll(3) {
                0 => return about_quiet(value),
                1 => person(&asker.names.ins(0)),
                _ => json!({"reference": format!("Patient/{{{{{}}}}}", space(QUIET))}),
            };
            value["verification"] = json!([{"verified": true, "verifiedWith": with}]);
            value
        }
    };
    if asker.dice.chance(8) {
        value["status"] = asker.pick(&["current", "active", "x"]).into();
    }
    about_quiet(value)
}

fn about_quiet(mut value: Value) -> Ask {
    let resource = value["resourceType"].as_str().unwrap().to_owned();
    value[if resource == "Consent" { "patient" } else { "subject" }] = json!({"reference": format!("Patient/{{{{{}}}}}", space(QUIET))});
    ask("POST", resource, &value)
}

/// Whether a Consent of the caller may show it more than before.
fn opens(asker: &Asker<'_>) -> bool {
    matches!(asker.caller, Who::Professional(_))
}

fn given(asker: &mut Asker<'_>, kind: &str) -> Value {
    let of = asker.subject();
    let number = usize::try_from(asker.dice.roll(4)).unwrap() + 1;
    let actor = match kind {
        "break-glass" | "samu" | "emergency-masked" | "default-masking" => Value::Null,
        "care-team-access" => json!({"reference": asker.reference("CareTeam")}),
        "application" => json!({"identifier": {"system": format!("{CB}/NamingSystem/application"), "value": "app"}}),
        _ => party(&asker.names.psidnat(number)),
    };
    let mut value = consent(&asker.names.ins(of), kind, if kind == "record-block" { "deny" } else { "permit" }, actor);
    if asker.dice.chance(2) {
        value["verification"] = json!([{"verified": true, "verifiedWith": person(&asker.names.ins(of))}]);
    }
    value
}

fn rights(asker: &mut Asker<'_>) -> Ask {
    // A professional's Consents that are refused whoever else has which rights; what may be taken comes last.
    let kinds: &[&str] = if opens(asker) {
        &["break-glass", "default-masking", "emergency-masked", "occupational-health", "administrator", "unknown"]
    } else {
        &[
            "record-access",
            "record-block",
            "treating-physician",
            "administrator",
            "break-glass",
            "default-masking",
            "care-team-access",
            "application",
        ]
    };
    let kind = asker.pick(kinds);
    let value = given(asker, &kind);
    let ask = ask("POST", "Consent", &value);
    conditional(asker, ask)
}

fn team(asker: &mut Asker<'_>) -> Ask {
    let of = asker.subject();
    // Who manages a team adds others than those whose rights are asked about.
    let mut value = json!({"resourceType": "CareTeam", "status": "active", "subject": person(&asker.names.ins(of)),
        "participant": [{"member": party(&asker.names.party(Party::Professional(5)))}]});
    if asker.dice.chance(2) {
        value["managingOrganization"] = json!([party(&asker.names.structure(1))]);
    }
    let ask = ask("POST", "CareTeam", &value);
    conditional(asker, ask)
}

fn update(asker: &mut Asker<'_>) -> Ask {
    let resource = asker.pick(&[
        "Consent",
        "Consent",
        "CareTeam",
        "DocumentReference",
        "Patient",
        "RelatedPerson",
        "Practitioner",
        "Binary",
        "List",
        "List",
    ]);
    let name = asker.thing(&resource);
    let of = asker.steps.iter().find_map(|step| match &step.what {
        What::Consent(consent) if step.name == name => Some((consent.of, consent.kind.clone())),
        What::Team { of, .. } | What::Relative { of, .. } if step.name == name => Some((*of, String::new())),
        _ => None,
    });
    let (of, kind) = of.unwrap_or((0, "record-access".into()));
    let mut value = match resource.as_str() {
        "Consent" => {
            let mut value = consent(&asker.names.ins(of), &kind, "permit", party(&asker.names.psidnat(2)));
            // The person may end what it gave, but not so that what differs is opened to the caller.
            if kind != "record-block" || !opens(asker) {
                value["status"] = "inactive".into();
            }
            value
        }
        "CareTeam" => json!({"resourceType": "CareTeam", "status": "active", "subject": person(&asker.names.ins(of)), "participant": []}),
        "DocumentReference" => document(&asker.names.ins(of), "11490-0", 1).json(),
        "RelatedPerson" => json!({"resourceType": "RelatedPerson", "active": true, "patient": person(&asker.names.ins(of))}),
        "List" => folder(asker, &name),
        other => json!({"resourceType": other}),
    };
    value["id"] = format!("{{{{{name}}}}}").into();
    let path = if asker.dice.chance(6) { format!("{resource}?_id={{{{{name}}}}}") } else { format!("{resource}/{{{{{name}}}}}") };
    let ask = ask("PUT", path, &value);
    conditional(asker, ask)
}

/// A folder with other documents, as who deposited it would write it again; most of the time, for it may be a submission set.
fn folder(asker: &mut Asker<'_>, name: &str) -> Value {
    let known = asker.steps.iter().find_map(|step| match &step.what {
        What::Set(set) if step.name == name => Some((set.of, set.number)),
        _ => None,
    });
    let (of, number) = known.unwrap_or((0, 0));
    let targets: Vec<String> = (0..1 + asker.dice.roll(3)).map(|_| asker.reference("DocumentReference")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let kind = if asker.dice.chance(8) { "submissionset" } else { "folder" };
    let mut value = list(&asker.names.ins(of), kind, &targets);
    value["identifier"] = super::build::known_as(asker.names, of, number);
    value["title"] = asker.pick(&TITLES).into();
    value
}

fn delete(asker: &mut Asker<'_>) -> Ask {
    let resource = asker.any_type();
    let path = asker.reference(&resource);
    let path = if asker.dice.chance(4) { path.replacen('/', "?_id=", 1) } else { path };
    Ask { method: "DELETE".into(), path, ..Ask::default() }
}

/// What only operators and testers write, and others try to.
fn directory(asker: &mut Asker<'_>) -> Ask {
    asker.count += 1;
    let family = asker.names.family();
    let value = match asker.dice.roll(4) {
        0 => {
            json!({"resourceType": "Practitioner", "identifier": [{"system": PSIDNAT, "value": asker.names.psidnat(1)}], "name": [{"family": family}]})
        }
        1 => {
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": format!("Patient/{{{{p{}}}}}", asker.holder())}})
        }
        2 => {
            let of = asker.subject();
            let (one, other) = (asker.reference("DocumentReference"), asker.reference("DocumentReference"));
            submission_set(&asker.names.ins(of), u32::try_from(3000 + asker.count).unwrap(), &[&one, &other])
        }
        _ => {
            let mut value = crate::support::build::patient(&asker.names.ins(asker.subject()));
            value["name"][0]["family"] = family.into();
            value
        }
    };
    let resource = value["resourceType"].as_str().unwrap().to_owned();
    let ask = Ask { makes: format!("new{}", asker.count), ..ask("POST", resource, &value) };
    conditional(asker, ask)
}

/// A request after which the twins may differ for the caller.
pub fn last(asker: &mut Asker<'_>) -> Ask {
    let kind = asker.pick(&["record-access", "treating-physician", "care-team-access", "care-team-access", "record-block"]);
    let mut value = given(asker, &kind);
    let of = match value.pointer("/provision/actor/0/reference/reference").and_then(Value::as_str) {
        // Of whomever the team is.
        Some(team) => asker.steps.iter().find_map(|step| match &step.what {
            What::Team { of, .. } if team.contains(&format!("{{{{{}}}}}", step.name)) && *of != QUIET => Some(*of),
            _ => None,
        }),
        None => None,
    };
    if let Some(of) = of {
        value["patient"] = person(&asker.names.ins(of));
        value["verification"] = json!([{"verified": true, "verifiedWith": person(&asker.names.ins(of))}]);
    }
    Ask { alone: true, ..ask("POST", "Consent", &value) }
}
