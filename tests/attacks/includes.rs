//! Lines 14 to 18: what is answered beside what was asked for.

use serde_json::json;

use super::ask::{alike, get, in_every_way, in_every_way_alone, of_type, send};
use super::world::Control::{Person, Seer};
use super::world::{BASE, SEEN_TYPE, Twins, Way};
use crate::support::build::{consent, document, holder, party, psidnat, structure};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, ended};

/// `_include`, `_revinclude`, `*` and `:iterate` that reach what is hidden (Microsoft until #5683 and #2934, the New Zealand standard).
#[test]
fn attack_14_includes() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={own}&_include=DocumentReference:related",
            "DocumentReference?patient={own}&_include=*",
            "DocumentReference?patient={own}&_include:iterate=*",
            "DocumentReference?patient={both}&_id={seen}&_include:iterate=*&_revinclude:iterate=*",
            "DocumentReference?patient={own}&_id={relating}&_include=DocumentReference:related:DocumentReference",
            "DocumentReference?patient={both}&_id={seen}&_revinclude=DocumentReference:related",
            "DocumentReference?patient={both}&_id={seen}&_revinclude=*",
            "DocumentReference?patient={both}&_id={seen}&_revinclude:iterate=DocumentReference:related",
            "DocumentReference?patient={own}&_id={relating}&_include=DocumentReference:author&_revinclude:iterate=DocumentReference:author",
            "Practitioner?_id={doctor}&_revinclude=DocumentReference:author",
            "Organization?_id={clinic}&_revinclude=DocumentReference:custodian&_include:iterate=DocumentReference:subject",
            "Patient?_id={own}&_revinclude=DocumentReference:patient&_include:iterate=DocumentReference:related",
        ],
    );
    alike(
        Person,
        &[
            "Patient?_id={of}&_revinclude=Consent:patient",
            "Patient?_id={of}&_revinclude=RelatedPerson:patient&_revinclude=CareTeam:patient",
        ],
    );
}

/// The token of a page with includes, replayed by another caller, or after the right ended: each page is decided again (a test of
/// Microsoft's).
#[test]
fn attack_15_replayed_page() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let path = format!("DocumentReference?patient={}&_count=1&_include=DocumentReference:related", twins.id(way, "own"));
        let page = |who: &serde_json::Value| {
            let next = server.get(who, &path).link("next").unwrap();
            next.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned()
        };
        // The page of whoever may see is worth nothing to the reader, and nothing more than an invented one.
        let (of_seer, of_reader) = (page(&way.seer()), page(&way.reader()));
        let invented = of_reader.replace(&of_reader[of_reader.len() - 8..], "AAAAAAAA");
        let refused = |path: &str| server.get(&way.reader(), path);
        let (foreign, wrong) = (refused(&of_seer), refused(&invented));
        assert_eq!((foreign.status, foreign.text()), (wrong.status, wrong.text()));
        assert!(foreign.status >= 400, "{}", foreign.text());
        // Its own it may follow, as long as it has its right.
        server.get(&way.reader(), &of_reader).expect(200);
        let consents = server.get(&holder(&way.own()), "Consent?_count=100");
        let given = of_type(&consents, "Consent").into_iter().find(|one| one.to_string().contains(&psidnat(1))).unwrap();
        let at = format!("Consent/{}", given["id"].as_str().unwrap());
        server.fhir(&holder(&way.own()), "PUT", &at, Some(&ended(&given))).expect(200);
        assert_eq!(server.get(&way.reader(), &of_reader).status, 403);
        assert_eq!(server.get(&way.seer(), &of_seer).status, 200);
    });
}

/// How many each page has, to the last.
fn lengths(twins: &Twins, side: usize, way: Way, path: &str) -> Vec<usize> {
    let (mut path, mut all) = (path.to_owned(), Vec::new());
    loop {
        let page = twins.send(side, way, &way.reader(), &get(&path));
        all.push(page.matches().len());
        let Some(next) = page.link("next") else { return all };
        path = next.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned();
    }
}

/// Authorization after the limit of the page: pages that are shorter than they should be tell how much is hidden (Microsoft ADR-2607).
#[test]
fn attack_16_short_pages() {
    in_every_way(|twins, way| {
        for (count, sort) in [(1, ""), (2, ""), (2, "&_sort=date"), (3, "&_sort=-description"), (1, "&_sort=type")] {
            let path = format!("DocumentReference?patient={{both}}&_count={count}{sort}");
            twins.alike(way, &get(&path));
            twins.tells(way, Seer, &get(&format!("{path}&_total=accurate")));
            let (one, other) = (lengths(twins, 0, way, &path), lengths(twins, 1, way, &path));
            assert_eq!(one, other, "{way:?} {path}");
            let (last, full) = one.split_last().unwrap();
            assert!(full.iter().all(|length| *length == count) && (1..=count).contains(last), "{way:?} {path}: {one:?}");
        }
    });
}

/// References to what is hidden, in what is seen: contained resources, related documents, traces; and what is told of their targets
/// (HAPI FHIR #5644 stopped checking inside documents).
#[test]
fn attack_17_references_in_what_is_seen() {
    in_every_way_alone(|twins, way| {
        // A display or identifier that its author wrote there is its author's to tell; the server adds none.
        let seen = twins.alike(way, &get("DocumentReference/{relating}")).expect(200);
        let related = &seen["context"]["related"][0];
        assert_eq!(related.as_object().unwrap().keys().collect::<Vec<_>>(), ["reference"], "{related}");
        assert!(!seen.to_string().contains("Secret"));
        // One that contains a resource naming what is hidden.
        let contained = json!([{"resourceType": "Provenance", "id": "p", "recorded": "2026-11-01T00:00:00Z",
            "target": [{"reference": "DocumentReference/{hidden}"}], "agent": [{"who": {"reference": "Practitioner/{doctor}"}}]}]);
        let one = document(&way.own(), SEEN_TYPE, 700 + way as u32)
            .with("contained", contained)
            .with("context", json!({"related": [{"reference": "#p"}]}))
            .json();
        let made: Vec<_> =
            [0, 1].iter().map(|side| twins.send(*side, way, &structure(HOSPITAL), &send("POST", "DocumentReference", &one))).collect();
        assert_eq!((made[0].status, made[1].status), (201, 201), "{}", made[0].text());
        for path in [
            "DocumentReference?patient={own}&_include=DocumentReference:related",
            "DocumentReference?patient={own}&_include=*&_include:iterate=*",
            "DocumentReference?patient={own}&_revinclude=Provenance:target",
            "AuditEvent?entity=DocumentReference/{hidden}",
            "AuditEvent?_count=5&_include=AuditEvent:entity",
        ] {
            let answer = twins.alike(way, &get(path));
            assert!(!answer.text().contains("Secret"), "{path}");
        }
        twins.tells(way, Seer, &get("DocumentReference?patient={own}&_include=DocumentReference:related"));
        twins.tells(way, Person, &get("AuditEvent?entity=DocumentReference/{hidden}"));
        // A Consent that names the reader and, as data, what is hidden from it.
        if way != Way::Foreign {
            let mut named =
                consent(&way.of(), "record-access", "permit", party(if way == Way::Barred { "810000000003" } else { "810000000001" }));
            named["provision"]["data"] = json!([{"meaning": "instance", "reference": {"reference": "DocumentReference/{hidden}"}}]);
            let status: Vec<u16> =
                [0, 1].iter().map(|side| twins.send(*side, way, &holder(&way.of()), &send("POST", "Consent", &named)).status).collect();
            assert_eq!(status[0], status[1]);
            twins.alike(way, &get("Consent?patient={of}&_include=Consent:data&_include=*"));
            twins.alike(way, &get("Consent?patient={of}&data:DocumentReference.type=11490-0"));
        }
    });
}

/// GraphQL, whose nested references went around the check of the root (icanbwell DCON-4846, Medplum #7641): it is not served.
#[test]
fn attack_18_graphql() {
    in_every_way(|twins, way| {
        for path in ["$graphql", "$graphql?query=%7BDocumentReferenceList%7Bid%7D%7D", "DocumentReference/{hidden}/$graphql"] {
            let refused = twins.alike(way, &get(path));
            assert!(matches!(refused.status, 400 | 404), "{path} {}", refused.status);
            let posted = twins.alike(way, &send("POST", path, &json!({"query": "{DocumentReferenceList{id}}"})));
            assert!(matches!(posted.status, 400 | 404 | 405), "{path} {}", posted.status);
        }
    });
}
