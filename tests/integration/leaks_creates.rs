//! P1 of creates that name their person by id: what is refused does not tell whether there is such a person (CONTRACT 3 and 4). What is
//! taken tells it, and by INS TD0.2 does.

use serde_json::{Value, json};

use crate::support::build::{INS, collected, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::cda::cda;
use crate::support::record::{HOSPITAL, team};
use crate::support::submission::{apart, create, submission_set, transaction, urn};
use crate::support::{Backend, Server, on_both, query};

/// A write about a person, and what it is answered whether or not there is one: the status, and the code and place of its issue.
struct Case {
    who: Value,
    body: Value,
    status: u16,
    code: &'static str,
    place: &'static str,
}

fn case(who: &Value, body: Value, status: u16, code: &'static str, place: &'static str) -> Case {
    Case { who: who.clone(), body, status, code, place }
}

/// The resource about `Patient/{of}`, which is filled in.
fn about(mut resource: Value) -> Value {
    let member = if resource["resourceType"] == "Consent" || resource["resourceType"] == "RelatedPerson" { "patient" } else { "subject" };
    resource[member] = json!({"reference": "Patient/{of}"});
    resource
}

/// The Consent with the statement that this person agreed.
fn stated(mut consent: Value, with: Value) -> Value {
    consent["verification"] = json!([{"verified": true, "verifiedWith": with}]);
    consent
}

struct World {
    server: Server,
    /// Somebody in whose record nobody below has a right.
    quiet: String,
    /// Somebody to whose record the physician has one.
    known: String,
    team: String,
    letter: String,
}

fn world(backend: Backend) -> World {
    let server = Server::empty(backend);
    let known = ins(2);
    for number in [1, 2] {
        server.create(&service("operator"), &patient(&ins(number))).expect(201);
    }
    let quiet = server.get(&holder(&ins(1)), "Patient").matches()[0].clone();
    server.create(&holder(&known), &consent(&known, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let team = server.create(&holder(&known), &team(&known, &[&psidnat(1)], &[])).id();
    let letter = server.create(&structure(HOSPITAL), &document(&known, "11490-0", 1).json()).id();
    World { server, quiet, known, team, letter }
}

fn cases(world: &World) -> Vec<Case> {
    let World { known, team: of_known, letter, .. } = world;
    let (physician, hospital) = (professional(1, "10"), structure(HOSPITAL));
    let mut urgent = physician.clone();
    (urgent["purpose"], urgent["reason"]) = ("bris_de_glace".into(), "inconscient".into());
    let mut occupational = physician.clone();
    occupational["sector"] = "SA66".into();
    let mut barred = physician.clone();
    barred["sector"] = "SA23".into();
    let nobody = ins(50);
    let given = |kind: &str, effect: &str, actor: Value| about(consent(&nobody, kind, effect, actor));
    let (own, another) = (party(&psidnat(1)), party(&psidnat(3)));
    let agreed = json!({"reference": "Patient/{of}"});
    let of_team = |id: &str| given("care-team-access", "permit", json!({"reference": format!("CareTeam/{id}")}));
    let unverified = "Consent.verification";
    let mut all = vec![
        // No statement that consent was collected, or of somebody else.
        case(&physician, given("record-access", "permit", own.clone()), 422, "required", unverified),
        case(&physician, given("treating-physician", "permit", own.clone()), 422, "required", unverified),
        case(
            &physician,
            stated(given("record-access", "permit", own.clone()), json!({"display": "Madame X"})),
            422,
            "required",
            unverified,
        ),
        case(
            &physician,
            stated(given("record-access", "permit", own.clone()), json!({"identifier": {"system": INS, "value": known}})),
            422,
            "not-found",
            "Consent.patient",
        ),
        // Not for another without a right, not as what it is not, and of no team it does not see there.
        case(&physician, stated(given("record-access", "permit", another.clone()), agreed.clone()), 403, "forbidden", ""),
        case(&physician, stated(given("treating-physician", "permit", another.clone()), agreed.clone()), 403, "forbidden", ""),
        case(&physician, given("record-block", "deny", another.clone()), 403, "forbidden", ""),
        case(&physician, given("administrator", "permit", own.clone()), 403, "forbidden", ""),
        case(&physician, stated(of_team("nowhere"), agreed.clone()), 422, "not-found", "Consent.provision.actor[0].reference"),
        case(&physician, stated(of_team(of_known), agreed.clone()), 422, "not-found", "Consent.provision.actor[0].reference"),
        case(&physician, given("unknown", "permit", own.clone()), 422, "value", "Consent.category"),
        case(&urgent, stated(given("record-access", "permit", own.clone()), agreed.clone()), 403, "forbidden", ""),
        case(&occupational, stated(given("record-access", "permit", own.clone()), agreed.clone()), 403, "forbidden", ""),
        case(&barred, stated(given("record-access", "permit", own.clone()), agreed.clone()), 403, "forbidden", ""),
        case(&holder(known), given("record-access", "permit", own.clone()), 422, "not-found", "Consent.patient"),
        case(&hospital, given("record-access", "permit", own), 403, "forbidden", ""),
        // Teams.
        case(&physician, about(team(&nobody, &[&psidnat(3)], &[])), 403, "forbidden", ""),
        case(&hospital, about(team(&nobody, &[&psidnat(3)], &["1690000027"])), 403, "forbidden", ""),
        case(&hospital, about(team(&nobody, &[HOSPITAL], &[HOSPITAL])), 403, "forbidden", ""),
        case(&holder(known), about(team(&nobody, &[&psidnat(3)], &[])), 422, "not-found", "CareTeam.subject"),
    ];
    let relative = json!({"resourceType": "RelatedPerson", "active": true, "identifier": [{"system": INS, "value": ins(9)}]});
    all.push(case(&physician, about(relative), 403, "forbidden", ""));
    // Deposits that fit no record in which the depositor knows nothing.
    let subject = "DocumentReference.subject";
    for who in [&physician, &hospital] {
        let letter_of = |number: u32| document(&nobody, "11490-0", number);
        let replacing = |target: Value| about(letter_of(11).with("relatesTo", json!([{"code": "replaces", "target": target}])).json());
        all.extend([
            case(who, about(letter_of(10).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json()), 422, "not-found", subject),
            case(who, replacing(json!({"reference": format!("DocumentReference/{letter}")})), 422, "not-found", subject),
            case(who, replacing(json!({"reference": "DocumentReference/nowhere"})), 422, "not-found", subject),
            case(who, replacing(json!({"identifier": {"system": "urn:x", "value": "nowhere"}})), 422, "not-found", subject),
            case(who, about(cda(known, 12).push()), 422, "not-found", subject),
            case(who, about(letter_of(13).masked().hidden().json()), 422, "business-rule", "DocumentReference.securityLabel"),
            case(who, about(document(&nobody, "99999-9", 14).json()), 422, "code-invalid", "DocumentReference.type"),
            case(who, about(submission_set(&nobody, 15, &[&format!("DocumentReference/{letter}")])), 422, "not-found", "List.subject"),
            case(who, about(submission_set(&nobody, 16, &["DocumentReference/nowhere"])), 422, "not-found", "List.subject"),
        ]);
        let mut of_another = about(submission_set(&nobody, 17, &["DocumentReference/nowhere"]));
        of_another["source"] = party(if *who == hospital { "1690000027" } else { "810000000302" });
        all.push(case(who, of_another, 422, "business-rule", "List.source"));
    }
    let mut secret = physician.clone();
    secret["secret"] = true.into();
    all.push(case(&secret, about(document(&nobody, "11490-0", 18).json()), 422, "business-rule", "DocumentReference.securityLabel"));
    all.push(case(&holder(known), about(document(&nobody, "EXPPAT_1", 19).json()), 422, "not-found", subject));
    all.push(case(
        &holder(known),
        about(document(&nobody, "EXPPAT_1", 20).hidden().json()),
        422,
        "business-rule",
        "DocumentReference.securityLabel",
    ));
    all
}

/// The traces a caller sees of its creates since then, without what is new in each; none where it sees no traces at all.
fn traces(server: &Server, who: &Value, since: &str) -> Option<Vec<Value>> {
    let asked = query(&[("action", "C"), ("_count", "20"), ("date", &format!("ge{since}"))]);
    let found = server.get(who, &format!("AuditEvent{asked}"));
    if found.status == 403 {
        return None;
    }
    let entries = found.expect(200)["entry"].as_array().cloned().unwrap_or_default();
    let plain = |mut entry: Value| {
        let event = entry["resource"].as_object_mut().unwrap();
        ["id", "recorded", "meta"].iter().for_each(|name| drop(event.remove(*name)));
        // The last entity is the request.
        event["entity"].as_array_mut().unwrap().pop();
        entry["resource"].clone()
    };
    Some(entries.into_iter().map(plain).collect())
}

#[test]
fn what_is_refused_does_not_tell_whether_there_is_such_a_person() {
    on_both(|backend| {
        let world = world(backend);
        let (server, mut traced) = (&world.server, 0);
        for (number, Case { who, body, status, code, place }) in cases(&world).into_iter().enumerate() {
            let absent = format!("01930000-0000-7000-8000-{number:012}");
            let mut left = Vec::new();
            let answers = [&world.quiet, &absent].map(|of| {
                let filled: Value = serde_json::from_str(&body.to_string().replace("{of}", of)).unwrap();
                // A minute for each, so that its traces are told from those before.
                server.advance("PT1M");
                let since = server.get(&who, "metadata").json()["date"].as_str().unwrap_or_default().to_owned();
                let answer = server.create(&who, &filled);
                left.push(traces(server, &who, &since));
                (answer.shape(of), answer.issue())
            });
            let [(here, told), (nowhere, _)] = answers;
            assert_eq!(here, nowhere, "{who} {body}");
            assert_eq!((here.0, told), (status, (code.to_owned(), place.to_owned())), "{who} {body}: {}", here.2);
            assert_eq!(left[0], left[1], "{who} {body}");
            traced += left[0].as_ref().map_or(0, Vec::len);
        }
        assert!(traced >= 30, "{traced}");
    });
}

#[test]
fn who_knows_of_the_person_is_told_what_is_wrong() {
    on_both(|backend| {
        let World { server, known, letter, .. } = world(backend);
        let by_ins = ins(1);
        let (physician, hospital) = (professional(1, "10"), structure(HOSPITAL));
        let id = server.get(&holder(&known), "Patient").matches()[0].clone();
        let by_id = |mut resource: Value, member: &str| {
            resource[member] = json!({"reference": format!("Patient/{id}")});
            resource
        };
        let minors = |ins: &str| document(ins, "11490-0", 10).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        let replacing = |ins: &str| {
            let target = json!({"reference": "DocumentReference/nowhere"});
            document(ins, "11490-0", 11).with("relatesTo", json!([{"code": "replaces", "target": target}])).json()
        };
        let label = "DocumentReference.securityLabel";
        let rows = [
            // By INS, by a right, by a deposit.
            (&physician, minors(&by_ins), "business-rule", label),
            (&physician, by_id(minors(&known), "subject"), "business-rule", label),
            (&hospital, by_id(minors(&known), "subject"), "business-rule", label),
            (&physician, by_id(replacing(&known), "subject"), "not-found", "DocumentReference.relatesTo[0].target"),
            (&hospital, by_id(cda(&by_ins, 12).push(), "subject"), "value", "DocumentReference.subject"),
            (&physician, by_id(submission_set(&known, 13, &["DocumentReference/nowhere"]), "subject"), "not-found", "List.entry[0].item"),
        ];
        for (who, body, code, place) in rows {
            let answer = server.create(who, &body);
            assert_eq!((answer.status, answer.issue()), (422, (code.to_owned(), place.to_owned())), "{who} {body}: {}", answer.text());
        }
        // Said of another than the person, by one who knows both.
        let mut wrong = by_id(collected(&known, "record-access", party(&psidnat(1))), "patient");
        wrong["verification"][0]["verifiedWith"]["identifier"]["value"] = by_ins.as_str().into();
        assert_eq!(server.create(&physician, &wrong).issue(), ("required".to_owned(), "Consent.verification".to_owned()));
        // A blocked one is told so (CONTRACT 3, Rights).
        server.create(&holder(&known), &consent(&known, "record-block", "deny", party(&psidnat(4)))).expect(201);
        let blocked = by_id(collected(&known, "record-access", party(&psidnat(4))), "patient");
        server.create(&professional(4, "10"), &blocked).expect(403);
        // What fits is taken, of whoever is named by id without a right, too: the person consented, or the deposit needs none.
        let quiet = server.get(&holder(&by_ins), "Patient").matches()[0].clone();
        let mut deposit = document(&by_ins, "11490-0", 14).json();
        deposit["subject"] = json!({"reference": format!("Patient/{quiet}")});
        server.create(&structure("1690000027"), &deposit).expect(201);
        let mut right = collected(&by_ins, "record-access", party(&psidnat(1)));
        right["patient"] = json!({"reference": format!("Patient/{quiet}")});
        server.create(&physician, &right).expect(201);
        assert_eq!(server.get(&physician, &format!("DocumentReference/{letter}")).status, 200);
    });
}

#[test]
fn a_transaction_tells_no_more() {
    on_both(|backend| {
        let World { server, quiet, letter, .. } = world(backend);
        let hospital = structure(HOSPITAL);
        let submission = |of: &str, more: &str| {
            let (mut one, content) = apart(document(&ins(50), "11490-0", 20).labelled("INVISIBLE_REPRESENTANTS_LEGAUX"), &urn(3));
            let mut set = submission_set(&ins(50), 20, &[&urn(2), more]);
            for resource in [&mut one, &mut set] {
                resource["subject"] = json!({"reference": format!("Patient/{of}")});
            }
            transaction(vec![create(&urn(1), set), create(&urn(2), one), create(&urn(3), content)])
        };
        let absent = "01930000-0000-7000-8000-000000000001";
        for more in [&format!("DocumentReference/{letter}"), "DocumentReference/nowhere"] {
            let send = |of: &str| server.fhir(&hospital, "POST", "", Some(&submission(of, more)));
            let (here, nowhere) = (send(&quiet), send(absent));
            assert_eq!((here.status, here.shape(&quiet)), (422, nowhere.shape(absent)));
        }
    });
}
