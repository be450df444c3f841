//! The law as a file with versions: which rows decide, what its version is and where it shows, and what no profession reads.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::build::{
    CB, collected, consent, document, holder, ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::server::directory;
use crate::support::{Server, on_both};

/// The spellings of LOINC, as tokens and codings have them.
const LOINC: [&str; 3] =
    ["http://loinc.org", "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc", "urn:oid:2.16.840.1.113883.6.1"];
/// And of TRE_A05.
const TRE_A05: [&str; 2] =
    ["https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire", "urn:oid:1.2.250.1.213.1.1.4.12"];

/// A directory with the tables of this source tree, but for what `change` makes of the matrix.
pub fn law(change: impl Fn(String) -> String) -> PathBuf {
    let directory = directory();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/authorization")).unwrap().flatten() {
        std::fs::copy(entry.path(), directory.join(entry.file_name())).unwrap();
    }
    let matrix = directory.join("matrix.tsv");
    std::fs::write(&matrix, change(std::fs::read_to_string(&matrix).unwrap())).unwrap();
    directory
}

/// A person whose record these may consult.
fn person(server: &Server, number: u32, who: &[u32]) -> String {
    let me = ins(number);
    server.create(&service("operator"), &patient(&me)).expect(201);
    for one in who {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(*one)))).expect(201);
    }
    me
}

fn deposit(server: &Server, me: &str, code: &str, number: u32) -> String {
    let system = if code.starts_with(|c: char| c.is_ascii_digit()) { LOINC[0] } else { TRE_A05[0] };
    let coded = document(me, code, number).with("type", json!({"coding": [{"system": system, "code": code}]}));
    server.create(&structure("1750000018"), &coded.json()).id()
}

fn found(server: &Server, who: &Value, me: &str, query: &str) -> Vec<String> {
    server.get(who, &format!("DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C{me}{query}")).matches()
}

#[test]
fn the_rows_of_the_day_decide() {
    let table = |text: String| {
        let ended = "TRE_G15\t28\tloinc\t11490-0\tforbid\tconfirmed\t2023-10-29\t";
        assert!(text.contains(ended));
        text.replace(&format!("{ended}*"), &format!("{ended}2030-01-02"))
            + "M-05000\tTRE_G15\t28\tloinc\t11490-0\tpermit\tconfirmed\t2030-01-02\t2030-01-03\torder-2023\n\
               M-05001\tTRE_G15\t28\tloinc\t11490-0\tunknown\tunknown\t2030-01-03\t*\tnone\n"
    };
    on_both(|backend| {
        let tables = law(table).display().to_string();
        let server = Server::start(backend, &["--empty", "--now", "2030-01-01T12:00:00Z", "--authorization", &tables]);
        let me = person(&server, 1, &[1]);
        let letter = deposit(&server, &me, "11490-0", 1);
        for (day, seen) in [(1, false), (2, true), (3, false)] {
            let set = json!({"set": format!("2030-01-{day:02}T13:00:00Z")}).to_string();
            server.send("POST", "/sandbox/clock", &[], Some(set.as_bytes())).expect(200);
            server.forget_tokens();
            let optician = professional(1, "28");
            let status = server.get(&optician, &format!("DocumentReference/{letter}")).status;
            assert_eq!((status == 200, found(&server, &optician, &me, "").len() == 1), (seen, seen), "2030-01-{day:02}");
        }
    });
}

#[test]
fn the_version_of_the_law_stands_in_every_trace() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = person(&server, 1, &[1]);
        let (letter, secret) = (deposit(&server, &me, "11490-0", 1), deposit(&server, &me, "ATTEST-RESID", 2));
        let physician = professional(1, "10");
        server.get(&physician, &format!("DocumentReference/{letter}")).expect(200);
        server.get(&physician, &format!("DocumentReference/{secret}")).expect(404);
        let metadata = server.send("GET", "/fhir/metadata", &[], None).expect(200).to_string();
        let policies = |who: &Value, id: &str| -> Vec<String> {
            let traces = server.get(who, &format!("AuditEvent?subtype=read&entity=DocumentReference/{id}")).expect(200);
            let all = traces["entry"][0]["resource"]["agent"][0]["policy"].as_array().cloned().unwrap_or_default();
            all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let auditor = service("auditor");
        let version = policies(&auditor, &letter).pop().unwrap();
        let version = version.strip_prefix(&format!("{CB}/law/")).unwrap_or_else(|| panic!("{version}"));
        assert!(metadata.contains(&format!("authorization tables {version}")), "{version}");
        let row = format!("{CB}/law/{version}/matrix/M-00004");
        assert_eq!(policies(&auditor, &secret), [row, format!("{CB}/law/{version}")], "denied by this row of this law");
        assert_eq!(policies(&physician, &letter).pop(), Some(format!("{CB}/law/{version}")));
        assert_eq!(policies(&physician, &secret), Vec::<String>::new(), "why it was refused is not told to who was refused");

        // The database knows what the version was, and which law came after.
        let tables = law(|text| text + "M-05000\tTRE_R85\t330\tloinc\t11490-0\tforbid\tconfirmed\t1990-01-01\t1991-01-01\torder-2023\n");
        let said = |arguments: &[&str]| {
            let output = crate::support::server::binary().args(arguments).output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, checked) = said(&["check", "--database", &server.database]);
        assert_eq!(code, Some(0));
        assert!(
            checked.contains(&format!("authorization tables {version}: ")) && checked.contains(&format!("decisions by {version} since"))
        );
        let digest = checked.lines().find_map(|line| line.strip_prefix("sha256 ")?.strip_suffix(", of")).unwrap();
        assert!(digest.len() == 64 && digest.starts_with(version.split('-').next().unwrap()), "{checked}");
        let server = server.kill_and_start(&["--empty", "--authorization", &tables.display().to_string()]);
        server.get(&physician, &format!("DocumentReference/{letter}")).expect(200);
        let traces = server.get(&auditor, &format!("AuditEvent?subtype=read&entity=DocumentReference/{letter}")).expect(200);
        let laws: std::collections::BTreeSet<String> = traces["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["resource"]["agent"][0]["policy"].as_array().unwrap().last().unwrap().to_string())
            .collect();
        assert_eq!(laws.len(), 2, "{laws:?}");
        let (_, checked) = said(&["check", "--database", &server.database]);
        assert_eq!(checked.matches("decisions by ").count(), 2, "{checked}");
    });
}

#[test]
fn a_type_is_the_same_by_every_spelling_of_its_system() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = person(&server, 1, &[1, 2]);
        let (physician, optician) = (professional(1, "10"), professional(2, "28"));
        let rows = [("11490-0", LOINC.to_vec(), false), ("57828-6", LOINC.to_vec(), true), ("PRESC-ORTHOPTIE", TRE_A05.to_vec(), true)];
        let mut number = 0;
        for (code, systems, for_opticians) in rows {
            let mut ids = Vec::new();
            for system in &systems {
                number += 1;
                let coded = document(&me, code, number).with("type", json!({"coding": [{"system": system, "code": code}]}));
                ids.push(server.create(&structure("1750000018"), &coded.json()).id());
            }
            ids.sort();
            for system in &systems {
                for (who, sees) in [(&physician, true), (&optician, for_opticians)] {
                    let mut seen = found(&server, who, &me, &format!("&type={system}%7C{code}"));
                    seen.sort();
                    assert_eq!(seen, if sees { ids.clone() } else { Vec::new() }, "{system}|{code}");
                    let others = found(&server, who, &me, &format!("&type:not={system}%7C{code}&_count=100"));
                    assert!(others.iter().all(|id| !ids.contains(id)), "{system}|{code}");
                    for id in &ids {
                        assert_eq!(
                            server.get(who, &format!("DocumentReference/{id}")).status,
                            if sees { 200 } else { 404 },
                            "{system}|{code}"
                        );
                    }
                }
                let mut listed = found(&server, &holder(&me), &me, &format!("&type={system}%7C{code}"));
                listed.sort();
                assert_eq!(listed, ids, "by the holder");
            }
        }
        let unlike = document(&me, "11490-0", 99)
            .with("type", json!({"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc", "code": "11490-0"}]}));
        assert_eq!(server.create(&structure("1750000018"), &unlike.json()).status, 422, "a system that is only like it");
    });
}

#[test]
fn a_profession_without_cells_reads_nothing() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = person(&server, 1, &[1]);
        let letter = deposit(&server, &me, "11490-0", 1);
        let deposited = deposit(&server, &me, "11502-2", 2);
        let as_profession = |code: &str, system: &str| {
            let mut who = professional(1, code);
            who["profession_system"] = system.into();
            who
        };
        let (a02, canonical) =
            ("TRE_A02", "https://mos.esante.gouv.fr/NOS/TRE_A02-ProfessionSavFaire-CISIS/FHIR/TRE-A02-ProfessionSavFaire-CISIS");
        let rows = [
            ("10", "TRE_G15", true),
            ("G16_10", a02, true),
            ("G16_10", canonical, true),
            ("G16_21", a02, false),
            ("G16_1", a02, false),
            ("G15_10", a02, false),
            ("10", a02, false),
            ("G16_10", "TRE_G15", false),
            ("100", "TRE_G15", false),
            ("1", "TRE_G15", false),
            ("93", "TRE_G15", false),
            ("330", "TRE_R85", false),
            ("354", "TRE_R85", false),
            ("41", "TRE_R94", false),
            ("71", "TRE_R95", false),
        ];
        for (code, system, sees) in rows {
            let who = as_profession(code, system);
            let ids = [&letter, &deposited];
            let read = ids.map(|id| server.get(&who, &format!("DocumentReference/{id}")).status);
            assert_eq!(read, if sees { [200, 200] } else { [404, 404] }, "{system}|{code}");
            let all = server.get(&who, &format!("DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.10%7C{me}"));
            let seen = if all.status == 200 { all.matches().len() } else { 0 };
            assert_eq!(seen, if sees { 2 } else { 0 }, "{system}|{code}");
        }
        // Who is in training reads by the person's consent alone, and has no emergency of its own.
        server.create(&service("operator"), &patient(&ins(2))).expect(201);
        let other = deposit(&server, &ins(2), "11490-0", 3);
        let junior = as_profession("G16_10", a02);
        assert_eq!(server.get(&junior, &format!("DocumentReference/{other}")).status, 404);
        let mut glass = junior;
        (glass["purpose"], glass["reason"]) = ("bris_de_glace".into(), "x".into());
        assert_eq!(server.send("POST", "/sandbox/token", &[], Some(glass.to_string().as_bytes())).status, 400);
    });
}

#[test]
fn doctors_outside_the_cells_are_what_their_rows_say() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = person(&server, 1, &[1]);
        let letter = deposit(&server, &me, "11490-0", 1);
        let stranger = ins(2);
        server.create(&service("operator"), &patient(&stranger)).expect(201);
        let other = deposit(&server, &stranger, "11490-0", 2);
        // Maternal and child protection, school medicine, a home for the elderly: with consent as any physician, without it nothing.
        for (number, (sector, specialty)) in [("SA15", None), ("SA14", Some("SST18")), ("SA17", None)].into_iter().enumerate() {
            let mut who = professional(1, "10");
            who["sector"] = sector.into();
            who["specialty"] = specialty.into();
            assert_eq!(server.get(&who, &format!("DocumentReference/{letter}")).status, 200, "{sector}");
            assert_eq!(server.get(&who, &format!("DocumentReference/{other}")).status, 404, "{sector}");
            let number = u32::try_from(number).unwrap() + 10;
            assert_eq!(server.create(&who, &document(&stranger, "11502-2", number).json()).status, 201, "{sector} deposits");
            // By prefix nothing is meant: a longer code is another.
            who["sector"] = format!("{sector}6").into();
            assert_eq!(server.get(&who, &format!("DocumentReference/{letter}")).status, 200, "{sector}6 is no occupational sector");
        }
        // The agreement of a resident under protection is given by who represents it.
        let child = crate::support::build::minor_ins(3);
        server.create(&service("operator"), &patient(&child)).expect(201);
        let related = json!({
            "resourceType": "RelatedPerson", "active": true, "patient": crate::support::build::person(&child),
            "identifier": [{"system": crate::support::build::INS, "value": ins(4)}],
            "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "GUARD"}]}]
        });
        server.create(&service("operator"), &related).expect(201);
        let plan = deposit(&server, &child, "11490-0", 20);
        let mut coordinator = professional(5, "10");
        coordinator["sector"] = "SA17".into();
        assert_eq!(server.get(&coordinator, &format!("DocumentReference/{plan}")).status, 404, "without agreement");
        let agreed = consent(&child, "record-access", "permit", party(&psidnat(5)));
        server.create(&representative(&ins(4), &child), &agreed).expect(201);
        assert_eq!(server.get(&coordinator, &format!("DocumentReference/{plan}")).status, 200, "with it");
    });
}

#[test]
fn insurers_banks_and_employers_reach_nothing_in_any_mode() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = person(&server, 1, &[1]);
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(1)))).expect(201);
        server.create(&holder(&me), &consent(&me, "administrator", "permit", party(&psidnat(1)))).expect(201);
        server.create(&holder(&me), &consent(&me, "occupational-health", "permit", party(&psidnat(1)))).expect(201);
        let letter = deposit(&server, &me, "11490-0", 1);
        let body = server.get(&professional(1, "10"), &format!("DocumentReference/{letter}")).expect(200);
        let binary = body["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        let modes = [json!({}), json!({"purpose": "bris_de_glace", "reason": "x"}), json!({"purpose": "centre_15", "regulation": true})];
        let mut number = 10;
        for sector in ["SA23", "SA24", "SA48"] {
            for specialty in [None, Some("SM25")] {
                for mode in &modes {
                    let mut who = professional(1, "10");
                    who["sector"] = sector.into();
                    who["specialty"] = specialty.into();
                    mode.as_object().unwrap().iter().for_each(|(name, value)| who[name] = value.clone());
                    let of = format!("{sector} {specialty:?} {mode}");
                    assert_eq!(server.get(&who, &format!("DocumentReference/{letter}")).status, 404, "{of}");
                    assert_eq!(server.get(&who, &binary).status, 404, "{of}");
                    for query in ["DocumentReference?patient.identifier", "Consent?patient.identifier", "Patient?_count=5&identifier"] {
                        let answer = server.get(&who, &format!("{query}=urn:oid:1.2.250.1.213.1.4.10%7C{me}"));
                        assert!(answer.status == 403 || answer.matches().is_empty(), "{of} {query} {}", answer.status);
                    }
                    let all = server.get(&who, "DocumentReference");
                    assert!(all.status == 403 || all.matches().is_empty(), "{of}");
                    number += 1;
                    assert_eq!(server.create(&who, &document(&me, "11502-2", number).json()).status, 403, "{of} deposits");
                    let by_itself = collected(&me, "record-access", party(&psidnat(1)));
                    assert_eq!(server.create(&who, &by_itself).status, 403, "{of} collects");
                }
            }
        }
        assert_eq!(server.get(&professional(1, "10"), &format!("DocumentReference/{letter}")).status, 200, "the same person elsewhere");
    });
}
