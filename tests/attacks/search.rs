//! Lines 1 to 13: searches as oracles.

use serde_json::{Value, json};

use super::ask::{alike, get, in_every_way, in_every_way_alone, send};
use super::world::Control::{Author, Person, Seer};
use super::world::{SEEN_TYPE, Twins, Way, master};
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::HOSPITAL;
use crate::support::{Server, on_both};

/// `_has` on a type or row that is hidden, by which a value is found by bisection (HAPI FHIR #6065, a public exploit on dbGaP).
#[test]
fn attack_01_reverse_chain() {
    alike(
        Seer,
        &[
            "Practitioner?_has:DocumentReference:author:type=11490-0",
            "Practitioner?_has:DocumentReference:author:language=br",
            "Organization?_has:DocumentReference:custodian:description=Secret",
            "Organization?_id={clinic}&_has:DocumentReference:custodian:_id={hidden}",
            "DocumentReference?patient={both}&_has:DocumentReference:related:type=11490-0",
            "Patient?_has:DocumentReference:patient:description=Secret%201",
        ],
    );
    alike(Person, &["Patient?_has:Consent:patient:_id={right}", "Patient?_has:CareTeam:patient:_id={team}"]);
    in_every_way(|twins, way| {
        let bound = |day: &str| get(&format!("Practitioner?_has:DocumentReference:author:_has:DocumentReference:related:date={day}"));
        let asked = |day: &str| {
            get(&format!("Organization?_has:DocumentReference:custodian:identifier={{master}}&_has:DocumentReference:custodian:date={day}"))
        };
        for day in ["gt2026-10-05", "gt2026-10-06", "lt2026-10-06", "lt2026-10-05", "2026-10-06"] {
            twins.alike(way, &bound(day));
            twins.alike(way, &asked(day));
        }
        // To whoever may see, bisection finds the day.
        let found = |day: &str| twins.send(0, way, &way.seer(), &asked(day)).matches().len();
        assert_eq!((found("2026-10-06"), found("gt2026-10-06")), (1, 1), "conditions hold of any document of the custodian");
        twins.tells(way, Seer, &asked("gt2026-10-05"));
    });
}

/// Chained parameters that reach hidden rows (Medplum until #9973, LinuxForHealth #1849, Microsoft).
#[test]
fn attack_02_chain() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&related:DocumentReference.type=11490-0",
            "DocumentReference?patient={both}&related:DocumentReference.description=Secret",
            "DocumentReference?patient={both}&relatesto:DocumentReference.type=47420-5",
            "DocumentReference?patient={both}&related:DocumentReference.author:Practitioner.family=Discret&related:DocumentReference.language=br",
        ],
    );
    let chains = ["patient.family=Personne3", "patient.phone=0612345673", "patient.birthdate=1980-03-14", "subject:Patient.given=P0003"];
    in_every_way(|twins, way| {
        for chain in chains {
            let ask = get(&format!("DocumentReference?patient={{both}}&{chain}"));
            twins.alike(way, &ask);
            if way == Way::Foreign {
                twins.tells(way, Seer, &ask);
            }
        }
    });
}

/// A condition and the permission that hold on different rows: `_has` for a hidden row and `_has` for a label that another row carries
/// (HAPI FHIR #6065, a naive remedy).
#[test]
fn attack_03_permission_on_another_row() {
    alike(
        Seer,
        &[
            "Practitioner?_has:DocumentReference:author:type=11490-0&_has:DocumentReference:author:type=47420-5",
            "Organization?_has:DocumentReference:custodian:description=Secret&_has:DocumentReference:custodian:patient={own}",
            "DocumentReference?patient={both}&related:DocumentReference.type=11490-0&related:DocumentReference.status=current",
            "Practitioner?_has:DocumentReference:author:type=11490-0&_has:DocumentReference:author:security-label:not=MASQUE_PS",
        ],
    );
}

/// Chains of several links, and from what is seen through what is hidden to what is seen again (Medplum #9973). Longer ones than
/// are served are refused, whatever is there.
#[test]
fn attack_04_chain_of_several_links() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&related:DocumentReference.related:DocumentReference.type=47420-5",
            "DocumentReference?patient={both}&related:DocumentReference.author:Practitioner.family=Discret",
            "DocumentReference?patient={both}&_has:DocumentReference:related:author:Practitioner.family=Discret",
            "Practitioner?_has:DocumentReference:author:related:DocumentReference.type=11490-0",
            "Practitioner?_has:DocumentReference:author:_has:DocumentReference:related:type=11490-0",
            "Organization?_has:DocumentReference:custodian:related:DocumentReference.related:DocumentReference.status=current",
        ],
    );
    in_every_way(|twins, way| {
        let link = "related:DocumentReference.";
        let refused = twins.alike(way, &get(&format!("DocumentReference?patient={{both}}&{}type=11490-0", link.repeat(6))));
        assert_eq!((refused.status, refused.issue().0.as_str()), (413, "too-long"), "{}", refused.text());
    });
}

/// Searches by an element that is hidden: its title, author, identifier (Medplum's hidden fields hide the output only).
#[test]
fn attack_05_hidden_element() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&description=Secret%201",
            "DocumentReference?patient={both}&language=br",
            "DocumentReference?patient={both}&identifier={master}",
            "DocumentReference?patient.identifier={INS}&identifier={master}",
            "DocumentReference?patient={both}&date=2026-10-06",
            "DocumentReference?patient={both}&type=11490-0&author:Practitioner.family=Discret",
            "DocumentReference?patient={both}&contenttype=text/plain&description:exact=Secret%203",
        ],
    );
    in_every_way(|twins, way| {
        // The person of a foreign record is hidden with all that is known of it.
        for parameter in ["family=Personne3", "phone=0612345673", "_id={of}", "name:contains=ersonne3"] {
            let ask = get(&format!("Patient?{parameter}"));
            twins.alike(way, &ask);
            if way == Way::Foreign {
                twins.tells(way, Seer, &ask);
            }
        }
    });
}

/// `_sort` by an element of what is hidden, whose place among the rows tells its value (Elide CVE-2020-5289 and #3415, NHS
/// manage-vaccinations #2827, icanbwell #2497). What cannot be sorted by is refused.
#[test]
fn attack_06_sort() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&_sort=description",
            "DocumentReference?patient={both}&_sort=-date",
            "DocumentReference?patient={both}&_sort=type,-description&_count=2",
            "DocumentReference?patient={both}&_sort=security-label,date",
            "DocumentReference?patient={both}&_sort=language",
        ],
    );
    in_every_way(|twins, way| {
        for sort in ["nothing", "related.date", "-patient.family", "content.attachment.title"] {
            let ask = get(&format!("DocumentReference?patient={{both}}&_sort={sort}")).with("prefer", "handling=strict");
            assert_eq!(twins.alike(way, &ask).status, 400, "{sort}");
        }
    });
}

/// Modifiers, and indexes that carry no labels: `_text`, `_content`, `_filter`, `:text`, `:contains`, `:in` (icanbwell #2579).
#[test]
fn attack_07_modifiers() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&description:contains=ecre",
            "DocumentReference?patient={both}&description:exact=Secret%201",
            "DocumentReference?patient={both}&language:missing=false",
            "DocumentReference?patient={both}&related:missing=false",
            "DocumentReference?patient={both}&type:not=47420-5",
            "DocumentReference?patient={both}&relatesto:missing=false",
        ],
    );
    in_every_way(|twins, way| {
        // What is not served says so, whatever is there.
        for parameter in ["_text=Secret", "_content=Secret", "_filter=description%20co%20%22Secret%22", "type:in=http://x.example/vs"] {
            let strict = get(&format!("DocumentReference?patient={{both}}&{parameter}")).with("prefer", "handling=strict");
            assert_eq!(twins.alike(way, &strict).status, 400, "{parameter}");
        }
    });
}

/// Negations that return rows because what is hidden is absent (a test of Microsoft's).
#[test]
fn attack_08_negation() {
    alike(
        Seer,
        &[
            "DocumentReference?patient={both}&security-label:not=V",
            "DocumentReference?patient={both}&type:not=47420-5",
            "DocumentReference?patient={both}&related:missing=false&type:not=47420-5",
            "DocumentReference?patient={both}&relatesto:missing=true",
            "DocumentReference?patient={both}&author:missing=false&type:not=47420-5",
        ],
    );
    in_every_way(|twins, way| {
        for parameter in ["_has:DocumentReference:author:type:not=47420-5", "_has:DocumentReference:author:relatesto:missing=false"] {
            let ask = get(&format!("Practitioner?{parameter}"));
            twins.alike(way, &ask);
            twins.tells(way, Seer, &ask);
        }
    });
}

/// Membership in a hidden List or Group; a `_list` that is ignored returns everything (HAPI FHIR #3761).
#[test]
fn attack_09_membership() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let way = Way::Masked;
        let tester = service("tester");
        // Testers' Lists are hidden from everybody of a record; in the twin there is none.
        let item = json!([{"item": {"reference": format!("DocumentReference/{}", twins.id(way, "seen"))}}]);
        let list = json!({"resourceType": "List", "status": "current", "mode": "working", "entry": item});
        let id = twins.servers()[0].create(&tester, &list).id();
        let absent = "01930000-0000-7000-8000-999999999999";
        let listed =
            |id: &str| twins.servers()[0].get(&way.reader(), &format!("DocumentReference?patient={}&_list={id}", twins.id(way, "own")));
        assert_eq!(listed(&id).matches(), Vec::<String>::new(), "not everything");
        assert_eq!(listed(&id).shape(&id), listed(absent).shape(absent));
        for path in ["_has:List:item:status=current", "_has:Group:member:type=person"] {
            twins.alike(way, &get(&format!("DocumentReference?patient={{own}}&{path}")));
        }
        twins.alike(way, &get("Patient?_has:List:item:status=current"));
        // A tester's List tells of what testers keep.
        let server = twins.servers()[0];
        let subject = server.create(&tester, &json!({"resourceType": "Basic", "code": {"text": "x"}})).id();
        let list = json!({"resourceType": "List", "status": "current", "mode": "working", "entry": [{"item": {"reference": format!("Basic/{subject}")}}]});
        let id = server.create(&tester, &list).id();
        assert_eq!(server.get(&tester, &format!("Basic?_list={id}")).matches(), [subject]);
    });
    // Submission sets and folders: seen by who sees an entry, and of their entries those that are seen.
    in_every_way(|twins, way| {
        let hidden = [
            "List/{secrets}",
            "List/{secrets}/_history",
            "List/{secrets}/_history/1",
            "List?patient={both}&_id={secrets}&_total=accurate",
            "List?patient={both}&code=submissionset&_count=100&_total=accurate",
            "List?patient={both}&item=DocumentReference/{hidden}",
            "List?patient={both}&item:DocumentReference.description=Secret%201",
            "List?patient={both}&item:DocumentReference.type=11490-0",
            "List?patient={both}&_id={secrets}&_include=List:item",
            "DocumentReference?patient={both}&_list={secrets}",
            "DocumentReference?patient={both}&_has:List:item:_id={secrets}",
            "DocumentReference?patient={both}&_has:List:item:item=DocumentReference/{hidden}",
            "DocumentReference?patient={both}&_count=100&_revinclude=List:item",
        ];
        // In these something is seen, and beside it something else is hidden.
        let mixed = [
            "List/{folder}",
            "List/{folder}/_history",
            "List/{folder}?_summary=text",
            "List?patient={own}&_id={folder}&_include=List:item&_total=accurate",
            "List?patient={own}&_id={folder}&item=DocumentReference/{hidden}",
            "List?patient={own}&_id={folder}&item:DocumentReference.description=Secret%201",
            "List?patient={own}&_id={folder}&item:DocumentReference.type:not=47420-5",
            "DocumentReference?patient={own}&_list={folder}&_total=accurate",
            "DocumentReference?patient={own}&_has:List:item:_id={folder}&_summary=count",
        ];
        let mixed: &[&str] = if way == Way::Foreign { &[] } else { &mixed };
        for path in hidden.iter().chain(mixed) {
            let answer = twins.alike(way, &get(path));
            assert!(!answer.text().contains("Secret") || path.contains("Secret"), "{path}: {}", answer.text());
            twins.tells(way, Seer, &get(path));
        }
        // One of its entries is enough; who deposited it knows which.
        let folder = twins.alike(way, &get("List/{folder}")).expect(200);
        assert_eq!(folder["entry"].as_array().unwrap().len(), 2, "{folder}");
    });
}

/// A compartment entered by a parameter that is none of it: being named as related is no membership (Microsoft ADR-2607).
#[test]
fn attack_10_compartment_by_another_parameter() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Foreign, twins.servers()[0]);
        let related = json!({"related": [{"reference": format!("Patient/{}", twins.id(way, "own"))}]});
        let foreign = document(&way.of(), SEEN_TYPE, 900).with("context", related).json();
        let foreign = server.create(&structure(HOSPITAL), &foreign).id();
        let inside =
            |who: &Value, of: &str| server.get(who, &format!("Patient/{}/DocumentReference?_count=100", twins.id(way, of))).matches();
        for who in [way.reader(), way.seer(), holder(&way.own())] {
            assert!(!inside(&who, "own").contains(&foreign), "{who}");
        }
        assert!(inside(&way.seer(), "of").contains(&foreign), "it is in the compartment of its subject");
        // Nor does whoever is in its compartment by right of membership see more than its own right.
        twins.alike(way, &get("Patient/{own}/DocumentReference?_total=accurate"));
    });
}

/// Linked patients: what one space says of another grafts no record into it (icanbwell DCON-4844, HAPI FHIR #1777).
#[test]
fn attack_11_linked_patients() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(5), ins(6));
        let others = server.create(&service("operator"), &patient(&other)).id();
        let secret = server.create(&structure(HOSPITAL), &document(&other, "11490-0", 1).json()).id();
        let mut space = patient(&me);
        space["link"] = json!([{"other": {"reference": format!("Patient/{others}")}, "type": "seealso"}]);
        let mine = server.create(&service("operator"), &space).expect(201)["id"].as_str().unwrap().to_owned();
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(1)))).expect(201);
        for who in [holder(&me), professional(1, "10")] {
            assert_eq!(server.get(&who, &format!("Patient/{others}")).status, 404);
            assert_eq!(server.get(&who, &format!("DocumentReference/{secret}")).status, 404);
            for path in [
                format!("Patient?_id={mine}&_include=Patient:link"),
                format!("Patient?_id={mine}&_revinclude=Patient:link&_include:iterate=Patient:link"),
                format!("Patient?_id={mine}&_revinclude=DocumentReference:patient"),
            ] {
                let answer = server.get(&who, &path).expect(200);
                assert_eq!(answer["entry"].as_array().map(Vec::len), Some(1), "{path} {answer}");
            }
            let family = |name: &str| server.get(&who, &format!("Patient?_id={mine}&link:Patient.name={name}")).matches();
            assert_eq!((family("Exemple"), family("Autre")), (Vec::new(), Vec::new()));
            assert!(!server.get(&who, &format!("DocumentReference?patient={mine}")).matches().contains(&secret));
        }
        // The link is there, and whoever sees both follows it.
        let operator = server.get(&service("operator"), &format!("Patient?_id={mine}&_include=Patient:link")).expect(200);
        assert_eq!(operator["entry"].as_array().map(Vec::len), Some(2), "{operator}");
    });
}

/// Parameters of every type that skip the filter: `_id`, `_source`, `_tag`, `_security`, `_profile`, `_lastUpdated` (HAPI FHIR #2853,
/// its starter #163).
#[test]
fn attack_12_parameters_of_every_type() {
    in_every_way_alone(|twins, way| {
        // One more that is hidden, with all that can be searched by.
        let mut hidden = document(&way.of(), super::world::SECRET_TYPE, 800).with(
            "meta",
            json!({"source": "http://x.example/source", "profile": ["http://x.example/profile"],
                "tag": [{"system": "http://x.example", "code": "tagged"}], "security": [{"system": "http://x.example", "code": "secure"}]}),
        );
        if way == Way::Masked {
            hidden = hidden.masked();
        }
        twins.servers()[0].create(&structure(HOSPITAL), &hidden.json()).expect(201);
        let mut told = 0;
        for parameter in [
            "_id={hidden}",
            "_id={hidden},{seen}",
            "_lastUpdated=gt2020-01-01",
            "_source=http://x.example/source",
            "_profile=http://x.example/profile",
            "_tag=http://x.example%7Ctagged",
            "_security=http://x.example%7Csecure",
        ] {
            let ask = get(&format!("DocumentReference?patient={{both}}&{parameter}"));
            twins.alike(way, &ask);
            let seer = twins.send(0, way, &way.seer(), &ask).matches();
            told += usize::from(!seer.is_empty());
            twins.alike(way, &get(&format!("DocumentReference?patient={{of}}&{parameter}")));
        }
        assert!(told >= 3, "they find what there is, for whoever may see");
        let of_consent = get("Consent?_id={right}");
        twins.alike(way, &of_consent);
        twins.tells(way, Person, &of_consent);
    });
}

/// Searches of everything, and in the compartment of a record that is none of the caller's: refused or empty alike, whether it exists
/// or not (LinuxForHealth #1849, #2669).
#[test]
fn attack_13_foreign_compartment() {
    alike(
        Seer,
        &[
            "?_id={hidden}&patient={both}&_type=DocumentReference",
            "Patient/{of}/DocumentReference",
            "Patient/{of}/*?_type=DocumentReference",
        ],
    );
    alike(Person, &["Patient/{of}/Consent", "Patient/{of}/*?_type=Consent,CareTeam", "Patient/{of}/RelatedPerson", "?_id={team}"]);
    // Alone: others who read beside would leave traces in another order in each.
    in_every_way_alone(|twins, way| {
        for path in [
            "?_id={hidden}",
            "Patient/{of}/*",
            "Patient/{of}/Observation",
            "Patient/{of}/AuditEvent",
            "Practitioner/{doctor}/DocumentReference",
        ] {
            twins.alike(way, &get(path));
        }
        twins.alike(
            way,
            &send("POST", "Patient/{of}/DocumentReference/_search", &Value::Null)
                .posted("application/x-www-form-urlencoded", "type=11490-0"),
        );
        if way == Way::Foreign {
            let refused = twins.alike(way, &get("Patient/{of}/DocumentReference"));
            assert_eq!(refused.status, 403, "named without a right (CONTRACT 4)");
        }
    });
    // The depositor finds its deposits there, and nothing else.
    in_every_way(|twins, way| {
        twins.tells(way, Author, &get(&format!("DocumentReference?patient={{of}}&identifier=urn:ietf:rfc:3986%7C{}", master(way, 1))))
    });
}
