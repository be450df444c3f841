use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::filter::{Candidate, Envelope, Facts, HolderName, Param, ParamKind, RangeTest, StringTest, Test, fold, matches};
use crate::search::extract;
use crate::search::query::{Include, MAX_CHAINS, MAX_COUNT, MAX_INCLUDES, Sort, SortBy};
use crate::search::registry::types;

const CONTEXT: Context<'static> = Context { now: 0, strict: false, traces: false, beside: &[], base_url: "https://dmp.example/fhir" };
const INS: &str = "urn:oid:1.2.250.1.213.1.4.8|190017512345678";

/// The parameters of a query string without percent-encoding.
fn pairs(query: &str) -> Vec<(String, String)> {
    let cut = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
    query.split('&').filter(|p| !p.is_empty()).map(cut).collect()
}

fn on(resource: &str, query: &str) -> Result<Query, SearchError> {
    parse(ResourceType::parse(resource).unwrap(), &pairs(query), &CONTEXT)
}

fn documents(query: &str) -> Result<Query, SearchError> {
    on("DocumentReference", query)
}

fn param(resource: &str, code: &str) -> Param {
    Param::new(ResourceType::parse(resource).unwrap(), code)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn index(code: &str, test: Test) -> Filter {
    Filter::Index(param("DocumentReference", code), test)
}

#[test]
fn filters() {
    let (day, patient) = (86_400_000_000, param("DocumentReference", "patient"));
    let (author, ins) = (param("DocumentReference", "author"), HolderName::Identifier(INS.to_owned()));
    let given = |resource: &str| Filter::Index(param(resource, "given"), Test::String(StringTest::StartsWith("zoe".to_owned())));
    let via = |resource: &str, inner: Filter| Filter::Via(author, ResourceType::parse(resource).unwrap(), Box::new(inner));
    let within = |resource: &str, code: &str, test: Test| Filter::Index(author.through(param(resource, code)), test);
    let zoe = || Test::String(StringTest::StartsWith("zoe".to_owned()));
    let text = Filter::Index(param("DocumentReference", "type:text"), Test::Present(ParamKind::String));
    let present = || Filter::Or(vec![index("type", Test::Present(ParamKind::Token)), text.clone()]);
    let (role, token) = (ResourceType::parse("PractitionerRole").unwrap(), || Test::Token(words(&["1"])));
    let rows = [
        ("", Filter::Everything),
        ("status=current", index("status", Test::Token(words(&["current"])))),
        ("type=http://loinc.org|34133-9,|X", index("type", Test::Token(words(&["http://loinc.org|34133-9", "|X"])))),
        (
            "type=urn:oid:2.16.840.1.113883.6.1|a",
            index("type", Test::Token(words(&["urn:oid:2.16.840.1.113883.6.1|a", "http://loinc.org|a"]))),
        ),
        (r"type=a\,b", index("type", Test::Token(words(&["a,b"])))),
        ("type:not=a,b", Filter::Not(Box::new(index("type", Test::Token(words(&["a", "b"])))))),
        ("type=a&type=b", Filter::And(vec![index("type", Test::Token(words(&["a"]))), index("type", Test::Token(words(&["b"])))])),
        ("status=http://hl7.org/fhir/document-reference-status|,a", index("status", Test::Present(ParamKind::Token))),
        ("status=http://hl7.org/fhir/document-reference-status|current", index("status", Test::Token(words(&["|current"])))),
        (
            "status:not=http://hl7.org/fhir/document-reference-status|current,urn:x|a",
            Filter::Not(Box::new(index("status", Test::Token(words(&["|current", "urn:x|a"]))))),
        ),
        ("type:missing=false", present()),
        ("type:missing=true", Filter::Not(Box::new(present()))),
        (
            "author:missing=false",
            Filter::Or(vec![
                index("author", Test::Present(ParamKind::Reference)),
                Filter::Index(param("DocumentReference", "author:identifier"), Test::Present(ParamKind::Token)),
            ]),
        ),
        ("description=Été ", index("description", Test::String(StringTest::StartsWith("ete".to_owned())))),
        ("description:exact=Été", index("description", Test::String(StringTest::Exact("Été".to_owned())))),
        ("description:contains=É", index("description", Test::String(StringTest::Contains("e".to_owned())))),
        ("date=ge1970-01-02", index("date", Test::Date(RangeTest::AtOrAfter(day, 2 * day)))),
        ("location=https://x.example/1", index("location", Test::Uri(words(&["https://x.example/1"])))),
        (
            "location=https://dmp.example/fhir/Binary/1",
            index("location", Test::Uri(words(&["https://dmp.example/fhir/Binary/1", "Binary/1"]))),
        ),
        ("location=https://dmp.example/fhirs/1", index("location", Test::Uri(words(&["https://dmp.example/fhirs/1"])))),
        ("_id=a,b", Filter::Id(words(&["a", "b"]))),
        ("_lastUpdated=lt1970-01-02", Filter::LastUpdated(RangeTest::StartsBefore(day))),
        ("custodian=1", index("custodian", Test::Reference(words(&["Organization/1"])))),
        ("author:Practitioner=1", index("author", Test::Reference(words(&["Practitioner/1"])))),
        ("author:identifier=s|1", Filter::Index(param("DocumentReference", "author:identifier"), Test::Token(words(&["s|1"])))),
        (
            "author:Practitioner.given=Zoé",
            Filter::Or(vec![within("Practitioner", "given", zoe()), via("Practitioner", given("Practitioner"))]),
        ),
        (
            "author.given=Zoé",
            Filter::Or(vec![
                within("Patient", "given", zoe()),
                via("Patient", given("Patient")),
                within("Practitioner", "given", zoe()),
                via("Practitioner", given("Practitioner")),
            ]),
        ),
        (
            "author:PractitionerRole.identifier:not=1",
            Filter::Or(vec![
                Filter::And(vec![
                    Filter::Index(author.through_any(role), Test::Present(ParamKind::Token)),
                    Filter::Not(Box::new(within("PractitionerRole", "identifier", token()))),
                ]),
                via("PractitionerRole", Filter::Not(Box::new(Filter::Index(param("PractitionerRole", "identifier"), token())))),
            ]),
        ),
        ("author:PractitionerRole.active=1", via("PractitionerRole", Filter::Index(param("PractitionerRole", "active"), token()))),
        ("author:Practitioner._id=7", via("Practitioner", Filter::Id(words(&["7"])))),
        ("patient=p1", Filter::Index(patient, Test::Reference(words(&["Patient/p1"])))),
        ("patient.identifier=urn:oid:1.2.250.1.213.1.4.8|190017512345678", Filter::HolderNamed(vec![ins])),
    ];
    for (query, expected) in rows {
        let found = documents(query).unwrap();
        assert_eq!(found.filter, expected, "{query}");
        assert_eq!(found.echo, pairs(query), "{query}");
    }
}

#[test]
fn holders_named() {
    let id = |id: &str| HolderName::Id(id.to_owned());
    let ins = || HolderName::Identifier(INS.to_owned());
    // Rows: type, query, holders, names used.
    let rows: [(&str, String, Vec<Vec<HolderName>>, &[&str]); 20] = [
        ("DocumentReference", "patient=p1".to_owned(), vec![vec![id("p1")]], &["patient"]),
        ("DocumentReference", "subject=p1".to_owned(), vec![vec![id("p1")]], &["subject"]),
        ("DocumentReference", "patient=Patient/p1,p2".to_owned(), vec![vec![id("p1"), id("p2")]], &["patient"]),
        ("DocumentReference", "patient=p1&subject=Patient/p2".to_owned(), vec![vec![id("p1")], vec![id("p2")]], &["patient", "subject"]),
        ("Consent", "patient=https://dmp.example/fhir/Patient/p1".to_owned(), vec![vec![id("p1")]], &["patient"]),
        ("Consent", "patient=https://other.example/fhir/Patient/p1".to_owned(), vec![], &["patient"]),
        ("CareTeam", "subject:Patient=p1".to_owned(), vec![vec![id("p1")]], &["subject"]),
        ("CareTeam", "subject=Patient/p1,Group/g".to_owned(), vec![], &["subject"]),
        ("CareTeam", "subject:Group=g".to_owned(), vec![], &[]),
        ("RelatedPerson", format!("patient.identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
        ("DocumentReference", format!("subject.identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
        ("DocumentReference", format!("patient:identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
        ("DocumentReference", format!("subject:identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
        ("DocumentReference", format!("subject:Patient.identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
        ("AuditEvent", format!("patient:Patient.identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
        ("AuditEvent", "patient=p1&type=rest".to_owned(), vec![vec![id("p1")]], &["patient", "type"]),
        ("DocumentReference", "patient._id=p1".to_owned(), vec![vec![id("p1")]], &["patient._id"]),
        ("DocumentReference", "patient.family=Petit".to_owned(), vec![], &["patient.family"]),
        ("DocumentReference", "patient:missing=false&status:not=current".to_owned(), vec![], &[]),
        ("Patient", format!("identifier={INS}"), vec![], &["identifier"]),
    ];
    for (resource, query, holders, named) in rows {
        let found = on(resource, &query).unwrap();
        assert_eq!(found.holders, holders, "{resource}?{query}");
        assert_eq!(found.named, named.iter().map(ToString::to_string).collect(), "{resource}?{query}");
        assert_ne!(found.filter, Filter::Everything, "{resource}?{query}");
        assert!(found.ignored.is_empty(), "{resource}?{query}");
    }
}

#[test]
fn what_the_answer_is_like() {
    let date = SortBy::Index(param("DocumentReference", "date"), ParamKind::Date);
    let query =
        "_sort=-date,_id,nope,-_lastUpdated&_count=1000&_total=accurate&_summary=data&_elements=status,type&_cursor=abc&_format=xml&x=1";
    let found = documents(query).unwrap();
    let sort = [(date, true), (SortBy::Id, false), (SortBy::LastUpdated, true)];
    assert_eq!(found.sort, sort.map(|(by, descending)| Sort { by, descending }));
    assert_eq!((found.count, found.total, found.summary), (200, TotalMode::Accurate, Summary::Data));
    assert_eq!((found.elements, found.cursor.as_deref()), (words(&["status", "type"]), Some("abc")));
    assert_eq!(found.ignored, ["_sort=nope", "x"]);
    let echo = "_sort=-date,_id,-_lastUpdated&_count=200&_total=accurate&_summary=data&_elements=status,type";
    assert_eq!(found.echo, pairs(echo));

    let plain = documents("").unwrap();
    assert_eq!((plain.count, plain.total, plain.summary), (20, TotalMode::None, Summary::False));
    for query in ["_count=0", "_count=0&_summary=true", "_summary=true&_count=0", "_summary=count", "_summary=count&_count=7"] {
        assert_eq!(documents(query).unwrap().summary, Summary::Count, "{query}");
    }
    assert_eq!(documents("_count=99999999999999999999").unwrap().count, MAX_COUNT);
    // What was left out is not in the self link.
    let unknown = documents("_sort=nope&_include=Nobody:x&author.nope=1&nope.x=1").unwrap();
    assert_eq!((unknown.echo.len(), unknown.filter), (0, Filter::Everything));
    assert_eq!(unknown.ignored, ["_sort=nope", "_include=Nobody:x", "author.nope", "nope.x"]);
}

#[test]
fn errors() {
    let long = format!("description={}", "a".repeat(MAX_VALUE_BYTES + 1));
    let many = vec!["status=a"; MAX_PARAMETERS + 1].join("&");
    let values = format!("status={}", vec!["a"; MAX_VALUES + 1].join(","));
    let includes: Vec<String> = types().take(MAX_INCLUDES + 1).map(|resource| format!("_revinclude={resource}:*")).collect();
    let includes = includes.join("&");
    let (chains, reverse) = (vec!["author.name=x"; MAX_CHAINS].join("&"), vec!["_has:List:item:status=x"; MAX_CHAINS + 1].join("&"));
    // Rows: query, variant, parameter, message.
    let rows = [
        ("status=", "Malformed", "status", "`status` has an empty value"),
        ("status=a,,b", "Malformed", "status", "`status` has an empty value"),
        ("status=|", "Malformed", "status", "`|` is no token"),
        ("date=hier", "Malformed", "date", "`hier` is no date"),
        ("date=xx2024", "Malformed", "date", "`xx` is no prefix of a date"),
        ("_id=a b", "Malformed", "_id", "`a b` is no id"),
        ("related=1", "Malformed", "related", "`1` needs a type, as in `Patient/1`"),
        ("patient=Nobody/1", "Malformed", "patient", "`Nobody/1` is no reference"),
        ("subject:Patient=Group/1", "Malformed", "subject:Patient", "`Group/1` is of another type than `subject:Patient` says"),
        ("type:missing=yes", "Malformed", "type:missing", "`yes` is neither `true` nor `false`"),
        ("_count=-1", "Malformed", "_count", "`-1` is no value of `_count`"),
        ("_count=1&_count=2", "Malformed", "_count", "`_count` is given twice"),
        ("_total=some", "Malformed", "_total", "`some` is no value of `_total`"),
        ("_summary=yes", "Malformed", "_summary", "`yes` is no value of `_summary`"),
        ("_elements=a b", "Malformed", "_elements", "`a b` is no value of `_elements`"),
        ("description=\u{301}", "Malformed", "description", "`\u{301}` has nothing to look for"),
        ("description=\0", "Malformed", "description", "a value has a null character"),
        ("type:in=x", "NotSupported", "type:in", "the modifier `in` is not supported by `type`"),
        ("location:exact=x", "NotSupported", "location:exact", "the modifier `exact` is not supported by `location`"),
        ("patient:Group=1", "NotSupported", "patient:Group", "the modifier `Group` is not supported by `patient`"),
        ("date:exact=2024", "NotSupported", "date:exact", "the modifier `exact` is not supported by `date`"),
        ("_id:not=1", "NotSupported", "_id:not", "`_id` has no modifiers and no chains"),
        ("status.x=1", "NotSupported", "status.x", "`status` is no reference and has no chains"),
        ("patient.identifier=19", "NotSupported", "patient.identifier", "`19` is no `system|value`"),
        ("_query=x", "NotSupported", "_query", "there is no query named `x`"),
        ("_query:y=x", "NotSupported", "_query:y", "there is no query named `x`"),
        ("relationship:x=a$b", "NotSupported", "relationship:x", "the modifier `x` is not supported by `relationship`"),
        ("_sort=date,date,date,date,date,date", "TooMany", "_sort", "more than 5 keys to sort by"),
        (&includes, "TooMany", "_revinclude", "more than 20 includes"),
        (&chains, "TooMany", "author.name", "chains that may take more than 60 ways: say the types they lead to"),
        (&reverse, "TooMany", "_has:List:item:status", "chains that may take more than 60 ways: say the types they lead to"),
        (&long, "TooMany", "description", "a value of more than 4096 bytes"),
        (&many, "TooMany", "status", "more than 100 parameters"),
        (&values, "TooMany", "status", "more than 500 values"),
    ];
    for (query, variant, parameter, message) in rows {
        let error = documents(query).expect_err(query);
        let name = match error {
            SearchError::Malformed { .. } => "Malformed",
            SearchError::NotSupported { .. } => "NotSupported",
            SearchError::Unknown { .. } => "Unknown",
            SearchError::TooMany { .. } => "TooMany",
        };
        assert_eq!((name, error.parameter(), error.to_string().as_str()), (variant, parameter, message), "{query}");
    }
}

#[test]
fn composites_stand_at_the_end_of_chains() {
    let (report, observation) = (ResourceType::DIAGNOSTIC_REPORT, ResourceType::OBSERVATION);
    let token = |param: Param, value: &str| Filter::Index(param, Test::Token(words(&[value])));
    let above = |unit: Option<&str>| {
        let RangeTest::EndsAfter(low) = value::number("gt5").unwrap() else { panic!() };
        Test::Quantity(unit.map(str::to_owned), RangeTest::EndsAfter(low))
    };
    let code = token(param("Observation", "code"), "http://loinc.org|a");
    let both = code.and(Filter::Index(param("Observation", "value-quantity"), above(Some("|mm"))));
    let found = on("DiagnosticReport", "result.code-value-quantity=http://loinc.org|a$gt5||mm").unwrap();
    assert_eq!(found.filter, Filter::Via(param("DiagnosticReport", "result"), observation, Box::new(both.clone())));
    let found = on("Patient", "_has:Observation:patient:code-value-quantity=http://loinc.org|a$gt5||mm").unwrap();
    assert_eq!(found.filter, Filter::Has(param("Observation", "patient"), observation, Box::new(both)));
    // Of a component whatever its unit, of which the rows say all.
    let component = |test: Test| Filter::Index(param("Observation", "component-code-value-quantity"), test);
    let Test::Quantity(_, test) = above(None) else { panic!() };
    let of_any_unit = component(Test::QuantityOf("a\u{1f}|".to_owned(), test));
    assert_eq!(on("Observation", "component-code-value-quantity=a$gt5").unwrap().filter, of_any_unit);
    assert_eq!(on("Observation", "component-code-value-quantity=a$gt5||").unwrap().filter, of_any_unit);
    let found = on("DiagnosticReport", "result.component-code-value-quantity=a$gt5").unwrap();
    assert_eq!(found.filter, Filter::Via(param("DiagnosticReport", "result"), observation, Box::new(of_any_unit)));
    for (resource, query) in [(report, "result.code-value-quantity=a"), (observation, "has-member.component-code-value-quantity=s|$5||mm")]
    {
        assert!(parse(resource, &pairs(query), &CONTEXT).is_err(), "{query}");
    }
    assert_eq!(on("DiagnosticReport", "result.code-value-quantity.x=a$5").unwrap().ignored, ["result.code-value-quantity.x"]);
}

#[test]
fn includes_start_at_what_is_searched() {
    let beside = [ResourceType::OBSERVATION, ResourceType::PATIENT];
    let several = Context { beside: &beside, ..CONTEXT };
    let subject = Include {
        reverse: false,
        iterate: false,
        source: Some(ResourceType::OBSERVATION),
        param: Some(param("Observation", "subject")),
        target: None,
    };
    let all = Include { source: None, param: None, ..subject.clone() };
    for resource in beside {
        for (query, expected) in [
            ("_include=Observation:subject", subject.clone()),
            ("_include=*", all.clone()),
            ("_include:iterate=*", Include { iterate: true, ..all.clone() }),
            ("_include:iterate=Observation:*", Include { iterate: true, param: None, ..subject.clone() }),
        ] {
            assert_eq!(parse(resource, &pairs(query), &several).unwrap().includes, [expected], "{resource} {query}");
        }
        assert!(parse(resource, &pairs("_include=Encounter:subject"), &several).is_err());
    }
    assert!(on("Patient", "_include=Observation:subject").is_err());
}

#[test]
fn strictness_names_what_is_unknown() {
    let strict = Context { strict: true, ..CONTEXT };
    for (query, parameter) in [
        ("status=a&x:y=1", "x:y"),
        ("author.nope=1", "author.nope"),
        ("_sort=nope", "_sort"),
        ("_include=DocumentReference:nope", "_include=DocumentReference:nope"),
    ] {
        let error = parse(ResourceType::DOCUMENT_REFERENCE, &pairs(query), &strict).expect_err(query);
        assert!(matches!(&error, SearchError::Unknown { parameter: p, .. } if p == parameter), "{error:?}");
    }
}

/// Whether the parsed filter finds the rows of the resource.
fn finds(resource: ResourceType, body: &Value, name: &str, value: &str) -> bool {
    let query = parse(resource, &[(name.to_owned(), value.to_owned())], &CONTEXT).unwrap();
    let envelope = Envelope {
        holder: 1,
        key: 1,
        resource,
        id: "d1".to_owned(),
        version: 1,
        updated: 0,
        doc_type: 0,
        labels: 0,
        submitter: String::new(),
        parties: String::new(),
        first: 0,
    };
    let rows = extract(resource, body);
    matches(
        &query.filter,
        &Candidate { envelope: &envelope, facts: &Facts::default(), index: Some(&rows), follow: None, linked: &[], referring: None },
    )
}

fn escape(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '\\' | ',' | '|' | '$').then_some('\\').into_iter().chain([c])).collect()
}

fn names() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec![
        "patient",
        "subject",
        "author",
        "related",
        "type",
        "date",
        "description",
        "location",
        "isArchived",
        "_id",
        "_lastUpdated",
        "_sort",
        "_count",
        "_elements",
        "_summary",
        "_cursor",
        "x",
        "",
    ]);
    let tail = prop::sample::select(vec![
        "",
        ":",
        ".",
        ":not",
        ":missing",
        ":exact",
        ":identifier",
        ":Patient",
        ".identifier",
        ".name",
        ":Patient.name:exact",
        "._id",
        ".a.b",
        "é",
    ]);
    (head, tail).prop_map(|(head, tail)| format!("{head}{tail}"))
}

proptest! {
    #[test]
    fn never_panics(name in prop_oneof![names(), any::<String>()], value in prop_oneof![any::<String>(), r"[a-z0-9é|,$/:\\ -]{0,20}"], strict: bool) {
        for resource in types() {
            let _ = parse(resource, &[(name.clone(), value.clone())], &Context { strict, ..CONTEXT });
        }
    }

    #[test]
    fn tokens_are_found(system in r"[a-zé:/|,$\\ ]{0,12}", code in r"[a-zé|,$\\]{1,12}") {
        let body = json!({"type": {"coding": [{"system": system, "code": code}]}, "status": code});
        let resource = ResourceType::DOCUMENT_REFERENCE;
        let (s, c) = (escape(&system), escape(&code));
        assert!(finds(resource, &body, "type", &c));
        assert!(finds(resource, &body, "type", &format!("{s}|{c}")));
        assert!(finds(resource, &body, "type", &format!("other|x,{s}|{c}")));
        assert!(!finds(resource, &body, "type:not", &c));
        assert_eq!(finds(resource, &body, "type", &format!("|{c}")), system.is_empty());
        assert!(finds(resource, &body, "status", &format!("|{c}")));
        if !system.is_empty() {
            assert!(finds(resource, &body, "type", &format!("{s}|")));
        }
        assert!(!finds(resource, &body, "type", &format!("{s}|{c}Z")));
    }

    #[test]
    fn strings_are_found(text in any::<String>()) {
        prop_assume!(!fold(&text).is_empty() && !text.contains('\0'));
        let body = json!({"description": text});
        for name in ["description", "description:exact", "description:contains", "description:missing"] {
            let value = if name.ends_with("missing") { "false".to_owned() } else { escape(&text) };
            assert!(finds(ResourceType::DOCUMENT_REFERENCE, &body, name, &value), "{}", name);
        }
    }

    #[test]
    fn dates_are_found(year in 1900..2100, month in 1..=12, day in 1..=28, precision in 0..3) {
        let date = match precision {
            0 => format!("{year:04}"),
            1 => format!("{year:04}-{month:02}"),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        };
        let body = json!({"date": date, "context": {"period": {"start": date}}});
        let found = |name: &str, prefix: &str| finds(ResourceType::DOCUMENT_REFERENCE, &body, name, &format!("{prefix}{date}"));
        for (prefix, of_date, of_open_period) in [
            ("", true, false), ("eq", true, false), ("ge", true, true), ("le", true, false), ("ap", true, true),
            ("ne", false, true), ("gt", false, true), ("lt", false, false), ("sa", false, false), ("eb", false, false),
        ] {
            assert_eq!(found("date", prefix), of_date, "{}", prefix);
            assert_eq!(found("period", prefix), of_open_period, "{}", prefix);
        }
    }

    #[test]
    fn references_are_found(id in "[A-Za-z0-9.-]{1,64}", version in 1..9) {
        let body = json!({"subject": {"reference": format!("Patient/{id}/_history/{version}")}, "author": [{"identifier": {"value": id}}]});
        let resource = ResourceType::DOCUMENT_REFERENCE;
        for value in [id.clone(), format!("Patient/{id}"), format!("https://dmp.example/fhir/Patient/{id}")] {
            assert!(finds(resource, &body, "patient", &value));
            assert!(finds(resource, &body, "subject", &value));
        }
        assert!(finds(resource, &body, "author:identifier", &format!("|{id}")));
        assert!(finds(resource, &body, "author:missing", "false"));
        assert!(!finds(resource, &body, "subject", &format!("Group/{id}")));
    }
}
