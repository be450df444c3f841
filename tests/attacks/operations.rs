//! Lines 42 to 48: operations, exports, subscriptions, traces, what is public, and hostile bodies.

use serde_json::{Value, json};

use super::ask::{get, in_every_way, in_every_way_alone, of_type, send};
use super::world::Control::{Person, Seer};
use super::world::{SEEN_TYPE, Twins, Way};
use crate::support::build::{INS, document, holder, ins, professional, service, structure};
use crate::support::on_both;
use crate::support::record::HOSPITAL;

/// Refused to everybody, alike whatever is there.
fn refused(paths: &[&str]) {
    in_every_way(|twins, way| {
        for path in paths {
            for who in [way.reader(), way.seer(), structure(HOSPITAL), service("tester")] {
                for method in ["GET", "POST"] {
                    let body = if method == "POST" { json!({"resourceType": "Parameters"}) } else { Value::Null };
                    let answer = twins.alike_to(way, &who, &send(method, path, &body));
                    assert!(matches!(answer.status, 400..=405), "{who} {method} {path}: {} {}", answer.status, answer.text());
                    assert!(!answer.text().contains("Secret"), "{path}");
                }
            }
        }
        // What the operation would have shown is there.
        twins.tells(way, Seer, &get("DocumentReference/{hidden}"));
    });
}

/// `$explain-access` is told to the person, her representatives and auditors; of what is hidden, no more to others than of what is not.
fn explained() {
    in_every_way(|twins, way| {
        let mut urgent = way.reader();
        (urgent["purpose"], urgent["reason"]) = ("bris_de_glace".into(), "x".into());
        let others = [way.reader(), urgent, way.seer(), structure(HOSPITAL), service("operator"), service("tester"), holder(&ins(60))];
        let things = [
            "DocumentReference/{hidden}",
            "Binary/{hidden-content}",
            "Consent/{right}",
            "CareTeam/{team}",
            "RelatedPerson/{relative}",
            "List/{secrets}",
        ];
        let asked =
            ["", "?profession=10", "?profession=28&actor=810000000101", "?profession=10&purpose=bris_de_glace", "?actor=x&_format=xml"];
        for thing in things {
            let posted = std::iter::once(("POST", ""));
            for (method, query) in asked.map(|query| ("GET", query)).into_iter().chain(posted) {
                let ask = send(method, &format!("{thing}/$explain-access{query}"), &Value::Null);
                for who in &others {
                    let answer = twins.alike_to(way, who, &ask);
                    assert!(answer.status >= 400, "{who} {method} {thing}{query}: {} {}", answer.status, answer.text());
                    assert!(!answer.text().contains("R-0"), "{who} {thing}{query}: {}", answer.text());
                }
            }
            // Nobody explains a List: it is seen by its entries.
            if !thing.starts_with("List/") {
                twins.tells(way, Person, &get(&format!("{thing}/$explain-access")));
            }
        }
        if way == Way::Foreign {
            let answer = twins.alike(way, &get("Patient/{of}/$explain-access"));
            assert!(answer.status >= 400, "{}", answer.text());
        }
    });
}

/// `$everything`, `$docref`, `$summary`, `$lastn`, `$find`, `$graph`, `$access-history` (icanbwell DCON-4849, DCON-4851), and who may
/// consult something.
#[test]
fn attack_42_operations() {
    refused(&[
        "Patient/{of}/$summary",
        "Patient/$summary",
        "DocumentReference/$docref?patient={of}",
        "Observation/$lastn?patient={of}",
        "List/$find?patient={of}",
        "Patient/{of}/$graph",
        "DocumentReference/{hidden}/$graph",
        "Patient/{of}/$access-history",
        "Composition/{hidden}/$document",
    ]);
    in_every_way(|twins, way| {
        for path in ["Patient/{of}/$everything", "Patient/$everything", "Patient/{of}/$everything?_type=DocumentReference&_count=1"] {
            let answer = twins.alike(way, &get(path));
            assert!(!answer.text().contains("Secret"), "{path}");
        }
    });
    explained();
}

/// `$export` of a system, type or group, its status and files (HAPI FHIR #3394, #6854; OpenEMR #8668; icanbwell SEC-1580): not served.
#[test]
fn attack_43_export() {
    refused(&[
        "$export",
        "$export?_type=DocumentReference&_typeFilter=DocumentReference%3Ftype%3D11490-0",
        "Patient/$export",
        "Patient/{of}/$export",
        "Group/{team}/$export",
        "$export-poll-status?_jobId={hidden}",
        "$import",
    ]);
}

/// Subscriptions that run with the rights of the system, whose criteria are oracles and whose endpoint is anywhere (Medplum #8807,
/// #9750; HAPI FHIR #8246, #6873): nobody of a record writes one, and a tester's is kept and never run.
#[test]
fn attack_44_subscription() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let subscription = json!({"resourceType": "Subscription", "status": "requested", "reason": "x", "criteria": "DocumentReference?type=11490-0",
            "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}});
        for who in [way.reader(), way.seer(), holder(&way.own()), structure(HOSPITAL), service("operator"), service("auditor")] {
            let answer = server.create(&who, &subscription);
            assert_eq!(answer.status, 403, "{who} {}", answer.text());
            assert_eq!(server.get(&who, "Subscription?criteria=x").status, 403, "{who}");
        }
        let kept = server.create(&service("tester"), &subscription).expect(201);
        assert_eq!(kept["status"], "requested", "it is not made active");
        server.create(&structure(HOSPITAL), &document(&way.own(), "11490-0", 4000).json()).expect(201);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(listener.accept().is_err(), "nothing was sent");
    });
}

/// `$validate` that looks references up, `$match`, `$translate`, `$expand`, `$diff`, `$meta` (wso2 #43): not served.
#[test]
fn attack_45_other_operations() {
    refused(&[
        "DocumentReference/$validate",
        "DocumentReference/{hidden}/$validate",
        "Patient/$match",
        "ConceptMap/$translate?code=x",
        "ValueSet/$expand?url=http://x.example",
        "DocumentReference/{hidden}/$diff",
        "DocumentReference/{hidden}/$meta",
        "DocumentReference/{hidden}/$meta-add",
        "$meta",
        "$reindex",
        "$get-resource-counts",
        "$sql-query-run",
    ]);
}

/// Traces that tell professionals of masked documents, or of who else reads (FerroEHR #3240).
#[test]
fn attack_46_traces() {
    in_every_way_alone(|twins, way| {
        for path in [
            "AuditEvent/{trace}",
            "AuditEvent?_id={trace}",
            "AuditEvent?entity=DocumentReference/{hidden}",
            "AuditEvent?patient={of}&_total=accurate",
            "AuditEvent?patient={of}&subtype=create&_summary=count",
            "AuditEvent?agent:identifier=1750000018",
            "AuditEvent?entity-type=x&entity=Binary/{hidden-content}",
            "Provenance?target=DocumentReference/{hidden}",
        ] {
            twins.alike(way, &get(path));
        }
        twins.tells(way, Person, &get("AuditEvent?entity=DocumentReference/{hidden}"));
        // Others look at what is hidden from the reader; of that, too, it learns nothing.
        for side in [0, 1] {
            let path = twins.filled(side, way, "DocumentReference/{hidden}");
            let status = twins.servers()[side].get(&way.seer(), &path).status;
            assert_eq!(status, if side == 0 { 200 } else { 404 });
        }
        let mine = twins.alike(way, &get("AuditEvent?_count=100"));
        let reader = way.reader()["id"].as_str().unwrap().to_owned();
        for event in of_type(&mine, "AuditEvent") {
            assert_eq!(event["agent"][0]["who"]["identifier"]["value"], reader.as_str(), "{event}");
        }
    });
}

/// What is public: metadata, health, metrics, counters (a counter of patients on a page of the server's).
#[test]
fn attack_47_public_pages() {
    in_every_way(|twins, way| {
        for path in
            ["metadata", "metadata?mode=full", "metadata?mode=terminology", ".well-known/smart-configuration", "metadata?patient={of}"]
        {
            twins.alike(way, &get(path));
        }
        let server = twins.servers()[0];
        for path in ["/fhir/metadata", "/metrics", "/health/ready", "/health/live", "/fhir/.well-known/smart-configuration"] {
            let answer = server.send("GET", path, &[], None);
            assert_eq!(answer.status, 200, "{path}");
            let text = answer.text();
            for name in ["hidden", "of", "right", "team"] {
                assert!(!text.contains(&twins.id(way, name)), "{path}");
            }
            assert!(!text.contains(&way.of()) && !text.contains("Personne") && !text.contains(INS), "{path}");
        }
        for path in ["/", "/fhir", "/fhir/Patient", "/admin", "/actuator/env", "/swagger-ui/", "/.git/config", "/fhir/%2e%2e/metrics"] {
            let answer = server.send("GET", path, &[], None);
            assert!(matches!(answer.status, 401 | 404), "{path} {}", answer.status);
        }
    });
    // How much there is of a type is in no counter.
    on_both(|backend| {
        let twins = Twins::start(backend);
        let lines = |side: usize| {
            let text = twins.servers()[side].send("GET", "/metrics", &[], None).text();
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.split([' ', '{']).next().unwrap().to_owned())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(lines(0), lines(1));
        assert!(lines(0).iter().all(|name| !name.contains("resource") && !name.contains("patient")), "{:?}", lines(0));
    });
}

/// Hostile bodies: external entities, entities that grow, depth, archives, addresses to fetch, narratives with scripts (CVE-2024-45294,
/// -51132, -52007; GHSA-vr79-8m62-wh98; wso2 #43). More of them stand in `formats::attacks`.
#[test]
fn attack_48_hostile_bodies() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let trap = format!("http://{}/x", listener.local_addr().unwrap());
        let xml = |prolog: &str, inner: &str| {
            let body =
                format!("{prolog}<DocumentReference xmlns=\"http://hl7.org/fhir\"><status value=\"current\"/>{inner}</DocumentReference>");
            server.fhir_with(&way.seer(), "POST", "DocumentReference", &[("content-type", "application/fhir+xml")], Some(body.as_bytes()))
        };
        let deep = format!("{}{}", "<extension url=\"x\">".repeat(5000), "</extension>".repeat(5000));
        let rows = [
            xml("<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>", "<description value=\"&x;\"/>"),
            xml(&format!("<!DOCTYPE r [<!ENTITY x SYSTEM \"{trap}\">]>"), "<description value=\"&x;\"/>"),
            xml(&format!("<!DOCTYPE r SYSTEM \"{trap}\">"), ""),
            xml("<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>", "<description value=\"&b;\"/>"),
            xml("", &deep),
        ];
        for answer in &rows {
            assert!(matches!(answer.status, 400 | 413 | 422), "{} {}", answer.status, answer.text());
            assert!(!answer.text().contains("root:"), "{}", answer.text());
        }
        let json_deep =
            format!("{{\"resourceType\":\"DocumentReference\",\"extension\":{}{}}}", "[{\"extension\":".repeat(5000), "}]".repeat(5000));
        let answer = server.fhir_with(
            &way.seer(),
            "POST",
            "DocumentReference",
            &[("content-type", "application/fhir+json")],
            Some(json_deep.as_bytes()),
        );
        assert!(matches!(answer.status, 400 | 413 | 422), "{}", answer.status);
        // An address is kept as text, and never fetched.
        let mut fetching = document(&way.own(), SEEN_TYPE, 5000).json();
        fetching["content"] = json!([{"attachment": {"contentType": "text/plain", "url": trap}}]);
        fetching["extension"] = json!([{"url": trap, "valueReference": {"reference": trap}}]);
        server.create(&structure(HOSPITAL), &fetching);
        let condition = json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": trap}}]});
        server.fhir(&way.seer(), "POST", "", Some(&condition));
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(listener.accept().is_err(), "nothing was fetched");
        // Scripts in a narrative are not R4.
        for script in [
            "<script>alert(1)</script>",
            "<p onclick=\"alert(1)\">x</p>",
            "<iframe src=\"http://x.example\"/>",
            "<a href=\"javascript:alert(1)\">x</a>",
        ] {
            let mut narrated = document(&way.own(), SEEN_TYPE, 5001).json();
            narrated["text"] = json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{script}</div>")});
            let answer = server.create(&structure(HOSPITAL), &narrated);
            if script.starts_with("<a ") {
                // An address in a link is text to FHIR (txt-1 says what elements, not which addresses): it is answered as data only.
                assert!(matches!(answer.status, 201 | 422), "{script}");
                continue;
            }
            assert_eq!(answer.status, 422, "{script} {}", answer.text());
        }
        assert_eq!(server.get(&professional(2, "10"), "metadata").status, 200, "it serves on");
    });
}
