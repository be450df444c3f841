//! Whatever text comes: no panic, no overflow, no end that does not come, and the same with and without a known type.

use std::sync::LazyLock;

use ensemble::fhirpath::{Environment, Expression, Node};
use proptest::prelude::*;
use serde_json::Value;

static RESOURCES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fhirpath/inputs");
    let files = std::fs::read_dir(directory).unwrap().flatten();
    files.map(|entry| serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap()).collect()
});

/// So few steps that a loop would be noticed.
const STEPS: u64 = 20_000;

fn run(text: &str) {
    let Ok(expression) = Expression::parse(text) else { return };
    for value in RESOURCES.iter() {
        let root = Node::resource(value).unwrap();
        let environment = Environment { steps: STEPS, ..Environment::new(root.clone(), 1_795_342_830_123_456) };
        let on = root.structure_of().unwrap();
        let _ = expression.check(on);
        let shown = |nodes: Vec<Node<'_>>| {
            nodes.iter().map(|node| format!("{:?} {:?} {:?}", node.type_name(), node.value(), node.datum())).collect::<Vec<_>>()
        };
        let loose = expression.evaluate(&root, &environment);
        let bound = expression.for_structure(on).evaluate(&root, &environment);
        for node in loose.iter().flatten().take(20) {
            // What stands in the tree is found there.
            assert!(node.tree().is_none() || node.locate(&root).is_some(), "{text}: {node:?}");
        }
        if let (Ok(loose), Ok(bound)) = (loose, bound) {
            assert_eq!(shown(loose), shown(bound), "{text} on {}", on.name);
        }
    }
}

fn leaf() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "name",
        "given",
        "Patient",
        "Observation",
        "value",
        "code",
        "coding",
        "system",
        "item",
        "birthDate",
        "extension",
        "contained",
        "id",
        "children()",
        "descendants()",
        "$this",
        "$index",
        "$total",
        "%resource",
        "%context",
        "%ucum",
        "{}",
        "true",
        "false",
        "0",
        "1",
        "-7",
        "2147483647",
        "1.5",
        "79228162514264337593543950335.0",
        "0.0000000000000000000000000001",
        "'a'",
        "''",
        "'é\\u0301'",
        "'2015-02'",
        "@2015",
        "@2015-02-28",
        "@2015-02-28T23:59:59.999Z",
        "@0001-01-01",
        "@9999-12-31T23:59",
        "@T23:59",
        "1 year",
        "31 days",
        "3 'mg'",
        "4 'm.s-2'",
        "now()",
        "today()",
        "timeOfDay()",
        "'[a-z]+'",
        "'('",
        "as",
        "is",
        "contains",
        "`div`",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 24, 3, |inner| {
        let operators = prop::sample::select(vec![
            "*", "/", "div", "mod", "+", "-", "&", "<", "<=", ">", ">=", "=", "!=", "~", "!~", "in", "contains", "and", "or", "xor", "implies", "|",
        ]);
        let types = prop::sample::select(vec!["Quantity", "string", "code", "System.String", "FHIR.Patient", "HumanName", "Resource", "DateTime"]);
        let none = prop::sample::select(vec![
            "empty", "exists", "allTrue", "anyFalse", "count", "distinct", "isDistinct", "not", "single", "first", "last", "tail", "toBoolean",
            "toInteger", "toDecimal", "toString", "toDate", "toDateTime", "toTime", "toQuantity", "convertsToQuantity", "upper", "lower", "length",
            "toChars", "trim", "abs", "ceiling", "exp", "floor", "ln", "round", "sqrt", "truncate", "children", "descendants", "type", "hasValue",
            "getValue", "resolve", "lowBoundary", "highBoundary", "precision", "sort", "join",
        ]);
        let one = prop::sample::select(vec![
            "exists", "all", "where", "select", "repeat", "aggregate", "subsetOf", "supersetOf", "skip", "take", "intersect", "exclude", "union",
            "combine", "indexOf", "lastIndexOf", "substring", "startsWith", "endsWith", "contains", "matches", "matchesFull", "split", "join",
            "encode", "decode", "escape", "unescape", "log", "power", "round", "extension", "hasExtension", "lowBoundary", "highBoundary",
            "comparable", "sort", "toQuantity", "trace",
        ]);
        let two = prop::sample::select(vec!["iif", "substring", "replace", "replaceMatches", "aggregate", "sort"]);
        prop_oneof![
            4 => (inner.clone(), operators, inner.clone()).prop_map(|(one, operator, two)| format!("{one} {operator} {two}")),
            2 => (inner.clone(), operators_in_brackets(), inner.clone()).prop_map(|(one, operator, two)| format!("({one} {operator} {two})")),
            3 => (inner.clone(), none).prop_map(|(of, function)| format!("({of}).{function}()")),
            5 => (inner.clone(), one, inner.clone()).prop_map(|(of, function, with)| format!("({of}).{function}({with})")),
            2 => (inner.clone(), two, inner.clone(), inner.clone()).prop_map(|(of, function, one, two)| format!("({of}).{function}({one}, {two})")),
            2 => (inner.clone(), leaf()).prop_map(|(of, name)| format!("({of}).{name}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(of, index)| format!("({of})[{index}]")),
            1 => (inner.clone(), types.clone()).prop_map(|(of, name)| format!("({of} is {name})")),
            1 => (inner.clone(), types).prop_map(|(of, name)| format!("({of}).ofType({name})")),
            1 => inner.prop_map(|of| format!("-({of})")),
        ]
    })
}

fn operators_in_brackets() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["|", "+", "=", "and", "-", "/", "*"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_end(text in expression()) {
        run(&text);
    }

    #[test]
    fn texts_are_read_or_refused(text in "\\PC{0,80}") {
        run(&text);
    }

    #[test]
    fn signs_are_read_or_refused(text in "[a-z0-9@T:'`%$(){}\\[\\].,+*/&|<>=~! \\\\-]{0,60}") {
        run(&text);
    }

    #[test]
    fn what_is_cut_is_read_or_refused(text in expression(), at in any::<prop::sample::Index>(), with in "\\PC{0,3}") {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let cut = places[at.index(places.len())];
        run(&format!("{}{with}{}", &text[..cut], &text[cut..]));
        run(&text[..cut]);
    }
}
