//! Lines 19 to 22: counts, pages and what is kept between requests.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ask::{alike, get, in_every_way, of_type};
use super::world::Control::{Person, Seer};
use super::world::{BASE, Twins, Way};
use crate::support::build::{INS, consent, holder, party, professional, psidnat};
use crate::support::on_both;
use crate::support::record::{ended, label_off, label_on, patches};

/// Totals of every kind, and whether there is another page (HAPI FHIR #1507 and #3418, guardian/giant #781).
#[test]
fn attack_19_totals() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&_summary=count",
            "DocumentReference?patient={both}&_total=accurate&_count=1",
            "DocumentReference?patient={both}&_total=estimate&_count=1",
            "DocumentReference?patient={both}&_count=0",
            "DocumentReference?patient={both}&type=11490-0&_count=0",
            "DocumentReference?patient={both}&type=11490-0&_summary=count",
            "DocumentReference?patient={both}&_id={seen},{hidden}&_count=1",
            "?_type=DocumentReference&_total=accurate&_id={relating},{also},{hidden},{seen}&patient={both}",
            "Practitioner?_has:DocumentReference:author:patient={both}&_has:DocumentReference:author:type=11490-0&_summary=count",
        ],
    );
    alike(
        Person,
        &[
            "Consent?patient={of}&_summary=count",
            "CareTeam?patient={of}&_total=accurate",
            "Patient/{of}/*?_type=Consent,CareTeam&_total=accurate",
        ],
    );
}

/// Pages kept on the server, usable by another caller (HAPI FHIR #7888, its starter #935, #5378): nothing is kept, and a cursor is its
/// caller's alone.
#[test]
fn attack_20_page_of_another_caller() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let own = twins.id(way, "own");
        let next = |who: &Value, path: &str| {
            let link = server.get(who, path).link("next").unwrap();
            link.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned()
        };
        let path = format!("DocumentReference?patient={own}&_count=1");
        let (seer, person) = (next(&way.seer(), &path), next(&holder(&way.own()), &path));
        for who in [way.reader(), way.seer(), professional(9, "10"), holder(&way.own()), holder(&Way::Foreign.of())] {
            for page in [&seer, &person] {
                let mine = (who == way.seer() && page == &seer) || (who == holder(&way.own()) && page == &person);
                assert_eq!(server.get(&who, page).status == 200, mine, "{who}");
            }
        }
        // Another query than the one it is of is refused, too; and so are the names by which others keep pages.
        let cursor = seer.split("_cursor=").nth(1).unwrap().split('&').next().unwrap();
        let other = server.get(&way.seer(), &format!("Practitioner?_cursor={cursor}"));
        assert_eq!(other.status, 400, "{}", other.text());
        for path in ["?_getpages=0b7b6d1c-4ad9-4b4e-a1d8-d0d8a8f2b2a4&_getpagesoffset=1", "?_page=2", "?ct=AAAA"] {
            assert!(server.get(&way.reader(), path).status >= 400, "{path}");
        }
    });
}

/// Page links that hold the query in clear, which logs then keep (Medplum #8812): no link of ours names a person.
#[test]
fn attack_21_links_in_clear() {
    in_every_way(|twins, way| {
        let page = twins.alike(way, &get("DocumentReference?patient.identifier={ownINS}&patient.family=Personne1,Personne2&_count=1"));
        let links = page.json()["link"].as_array().unwrap().clone();
        let next = page.link("next").unwrap();
        assert!(links.len() >= 2 && next.contains("_cursor="));
        for text in [way.own(), "Personne".into(), INS.into(), INS.replace(':', "%3A"), twins.id(way, "own")] {
            assert!(!next.contains(&text), "{next}");
        }
        // It works, though its query is not in it.
        let path = next.strip_prefix(BASE).unwrap().trim_start_matches('/');
        assert_eq!(twins.send(0, way, &way.reader(), &get(path)).matches().len(), 1);
    });
}

/// Decisions kept too long, or for too many (icanbwell INC-331, SEC-1580, DCON-4777): a right ends, a block begins, a mask is on with
/// the next request, within one Bundle as well.
#[test]
fn attack_22_kept_decisions() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let (person, seen) = (holder(&way.own()), twins.id(way, "seen"));
        let reads = || {
            let path = format!("DocumentReference/{seen}");
            let entry = json!({"request": {"method": "GET", "url": path}});
            let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry, entry]});
            let batch = server.fhir(&way.reader(), "POST", "", Some(&bundle)).expect(200);
            let statuses = [0, 1].map(|at| batch["entry"][at]["response"]["status"].as_str().unwrap()[..3].to_owned());
            let search = server.get(&way.reader(), &format!("DocumentReference?patient={}&_id={seen}", twins.id(way, "own")));
            let found = if search.status == 200 { search.matches().len() } else { 0 };
            let read = server.get(&way.reader(), &path).status;
            let all: BTreeSet<bool> = statuses.iter().map(|status| status == "200").chain([found == 1, read == 200]).collect();
            assert_eq!(all.len(), 1, "{statuses:?} {found} {read}");
            all.contains(&true)
        };
        for _ in 0..3 {
            assert!(reads());
            // Masked and unmasked.
            assert_eq!(patches(server, &person, &seen, &label_on("MASQUE_PS")), 200);
            assert!(!reads());
            assert_eq!(patches(server, &person, &seen, &label_off()), 200);
            assert!(reads());
            // Ended and given again.
            let given = of_type(&server.get(&person, "Consent?_count=100"), "Consent");
            let given = given.into_iter().find(|one| one["status"] == "active" && one.to_string().contains(&psidnat(1))).unwrap();
            server.fhir(&person, "PUT", &format!("Consent/{}", given["id"].as_str().unwrap()), Some(&ended(&given))).expect(200);
            assert!(!reads());
            server.create(&person, &consent(&way.own(), "record-access", "permit", party(&psidnat(1)))).expect(201);
        }
        let block = server.create(&person, &consent(&way.own(), "record-block", "deny", party(&psidnat(1)))).expect(201);
        assert!(!reads());
        server.fhir(&person, "PUT", &format!("Consent/{}", block["id"].as_str().unwrap()), Some(&ended(&block))).expect(200);
        assert!(!reads(), "after unblocking a new right is needed");
    });
}
