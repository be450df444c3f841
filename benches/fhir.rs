//! What reading, validating and writing a resource costs (`cargo bench --bench fhir`): a Patient of 2.5 kB, a Bundle of 1 MB of the
//! specification's examples, and one of 1 MB of many small resources, which has more than twice as many elements.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ensemble::fhir::validate::validate;
use ensemble::fhir::{Document, Format, ResourceType, xml};
use serde_json::{Value, json};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Patient of some 2.5 kB, compact.
fn patient(number: usize) -> Value {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code, "display": code}], "text": code});
    json!({
        "resourceType": "Patient",
        "id": format!("patient-{number}"),
        "meta": {"versionId": "1", "lastUpdated": "2026-11-23T10:00:00.000Z"},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Zoé <b>Exemple</b>, née le 14 mars 1980</p></div>"},
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "Brest", "country": "FR"}},
            {"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability", "extension": [
                {"url": "identityStatus", "valueCoding": {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-reliability", "code": "VALI"}}]}
        ],
        "identifier": [
            {"use": "official", "type": coding("http://terminology.hl7.org/CodeSystem/v2-0203", "INS-NIR"), "system": "urn:oid:1.2.250.1.213.1.4.10", "value": "280037511302495"},
            {"use": "usual", "type": coding("http://terminology.hl7.org/CodeSystem/v2-0203", "MR"), "system": "urn:oid:1.2.250.1.999.1", "value": format!("{number:010}"), "period": {"start": "2020-01-01"}}
        ],
        "active": true,
        "name": [
            {"use": "official", "family": "Exemple", "given": ["Zoé", "Anaïs", "Marie"], "prefix": ["Mme"]},
            {"use": "maiden", "family": "Martin", "given": ["Zoé"], "_given": [{"extension": [{"url": "urn:x", "valueCode": "y"}]}]}
        ],
        "telecom": [
            {"system": "phone", "value": "+33 2 98 00 00 00", "use": "home", "rank": 1},
            {"system": "email", "value": "zoe.exemple@example.org", "use": "home"},
            {"system": "phone", "value": "+33 7 00 00 00 00", "use": "mobile", "rank": 2, "period": {"start": "2024-05-01"}}
        ],
        "gender": "female",
        "birthDate": "1980-03-14",
        "deceasedBoolean": false,
        "address": [{"use": "home", "type": "both", "line": ["1 rue Haute", "Bâtiment B"], "city": "Brest", "postalCode": "29200", "country": "FR"}],
        "maritalStatus": coding("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"),
        "multipleBirthInteger": 2,
        "photo": [{"contentType": "image/png", "url": "https://example.org/photo.png"}],
        "contact": [{
            "relationship": [coding("http://terminology.hl7.org/CodeSystem/v2-0131", "N")],
            "name": {"family": "Exemple", "given": ["Paul"]},
            "telecom": [{"system": "phone", "value": "+33 6 00 00 00 00"}]
        }],
        "communication": [{"language": coding("urn:ietf:bcp:47", "fr-FR"), "preferred": true}],
        "generalPractitioner": [{"reference": "Practitioner/practitioner-1", "display": "Dr Ana Modèle"}],
        "managingOrganization": {"reference": "Organization/organization-1"}
    })
}

/// A Bundle of some 1 MB: the shipped examples, as often as that takes.
fn examples() -> Value {
    let mut text = String::new();
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/examples.ndjson.gz")).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    let mut size = 0;
    let lines = text.lines().cycle().take_while(|line| {
        size += line.len();
        size < 1_000_000
    });
    let entries: Vec<Value> = lines.map(|line| json!({"resource": serde_json::from_str::<Value>(line).unwrap()})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

/// A Bundle of some 1 MB of small resources.
fn bundle() -> Value {
    let observation = |number: usize| {
        json!({
            "resourceType": "Observation", "id": format!("observation-{number}"), "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}]},
            "subject": {"reference": format!("Patient/patient-{number}")},
            "effectiveDateTime": "2026-10-01T10:00:00+02:00", "issued": "2026-10-01T12:00:00.000Z",
            "valueQuantity": {"value": number, "unit": "µmol/L", "system": "http://unitsofmeasure.org", "code": "umol/L"},
            "referenceRange": [{"low": {"value": 45.0}, "high": {"value": 84.0}}]
        })
    };
    let resources = (0..1000).map(|number| if number % 5 == 0 { patient(number) } else { observation(number) });
    let entries: Vec<Value> = resources.map(|one| json!({"fullUrl": format!("urn:x:{}", one["id"]), "resource": one})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

fn all(criterion: &mut Criterion) {
    for (name, value) in [("patient", patient(1)), ("examples", examples()), ("small resources", bundle())] {
        let resource = ResourceType::parse(value["resourceType"].as_str().unwrap()).unwrap();
        assert_eq!(validate(resource, &value), []);
        let (as_json, as_xml) = (value.to_string().into_bytes(), xml::write(&value, false));
        let size = as_json.len();
        assert!((2_400..2_700).contains(&size) || (950_000..1_100_000).contains(&size), "{name} has {size} bytes");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(u64::try_from(as_json.len()).unwrap()));
        for (format, bytes) in [(Format::Json, &as_json), (Format::Xml, &as_xml)] {
            let id = |what: &str| BenchmarkId::new(what, format!("{format:?}"));
            group.bench_with_input(id("read and validate"), bytes, |bencher, bytes| {
                bencher.iter(|| {
                    let document = Document::read(format, black_box(bytes)).unwrap();
                    assert!(document.issues.is_empty() && validate(resource, &document.value).is_empty());
                });
            });
        }
        group.bench_function("read/Json", |bencher| bencher.iter(|| Document::read(Format::Json, black_box(&as_json)).unwrap()));
        group.bench_function("validate", |bencher| bencher.iter(|| validate(resource, black_box(&value))));
        group.bench_function("write/Json", |bencher| bencher.iter(|| black_box(&value).to_string()));
        group.bench_function("write/Xml", |bencher| bencher.iter(|| xml::write(black_box(&value), false)));
        group.bench_function("floor: serde_json to Value", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Value>(black_box(&as_json)).unwrap());
        });
        group.finish();
    }
}

criterion_group! { name = fhir; config = Criterion::default().sample_size(20); targets = all }
criterion_main!(fhir);
