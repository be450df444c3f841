//! The order of what is found (FHIR R4 search.html#sort): every kind of key in both directions, what has no value last, page by page.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::open::put;
use crate::support::{Server, on_both};

fn get(server: &Server, path: &str) -> Answer {
    server.send("GET", &format!("/fhir{path}"), &[("prefer", "handling=strict")], None)
}

/// The path of a link under the base.
fn under(url: &str) -> String {
    url.split("/fhir").nth(1).unwrap().to_owned()
}

/// The ids of every page from the first to the last; the way back must show the same pages.
fn walked(server: &Server, path: &str) -> Vec<String> {
    let mut pages = vec![get(server, path)];
    while let Some(next) = pages[pages.len() - 1].link("next") {
        pages.push(get(server, &under(&next)));
    }
    let all: Vec<Vec<String>> = pages.iter().map(Answer::matches).collect();
    let mut back = vec![pages[pages.len() - 1].clone()];
    while let Some(previous) = back[back.len() - 1].link("previous") {
        back.push(get(server, &under(&previous)));
    }
    let mut back: Vec<Vec<String>> = back.iter().map(Answer::matches).collect();
    back.reverse();
    assert_eq!(back, all, "{path}");
    all.concat()
}

/// What a resource is sorted by, as ranks that stand for the values; `None` where it has none.
struct Row {
    id: &'static str,
    /// Start and end.
    date: Option<(i64, i64)>,
    /// Low and high.
    quantity: Option<(i64, i64)>,
    text: Option<&'static str>,
    method: Option<&'static str>,
    body: Value,
}

const OPEN: (i64, i64) = (i64::MIN, i64::MAX);

/// In the order of their creation.
fn rows() -> Vec<Row> {
    let value = |value: i64, comparator: &str| {
        let mut quantity = json!({"value": value, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"});
        if !comparator.is_empty() {
            quantity["comparator"] = comparator.into();
        }
        quantity
    };
    let row = |id, date: Option<(i64, i64)>, effective: Value, quantity: Option<(i64, i64)>, measured: Option<Value>| {
        let mut body = json!({"status": "final", "code": {"text": "x"}});
        body.as_object_mut().unwrap().extend(effective.as_object().unwrap().clone());
        if let Some(measured) = measured {
            body["component"] = json!([{"code": {"text": "y"}, "valueQuantity": measured}]);
        }
        Row { id, date, quantity, text: None, method: None, body }
    };
    let (at, period) = (|date: &str| json!({"effectiveDateTime": date}), |period: Value| json!({"effectivePeriod": period}));
    let (low, high) = OPEN;
    let mut all = vec![
        row("m", Some((240_301, 240_302)), at("2024-03-01"), Some((10, 11)), Some(value(5, ""))),
        row("c", Some((low, 240_202)), period(json!({"end": "2024-02-01"})), Some((low, 6)), Some(value(3, "<"))),
        row("z", Some((240_401, high)), period(json!({"start": "2024-04-01"})), Some((19, high)), Some(value(9, ">"))),
        row("a", None, json!({}), None, None),
        row("k", Some((240_301, 240_302)), at("2024-03-01"), Some((10, 11)), Some(value(5, ""))),
        row("b", None, json!({}), Some((14, high)), Some(value(7, ">="))),
        row("d", Some((240_101, 250_101)), at("2024"), Some((low, 11)), Some(value(5, "<="))),
        row("e", Some((low, 240_701)), period(json!({"end": "2024-06"})), None, None),
        row("f", Some((240_115, 240_202)), period(json!({"start": "2024-01-15", "end": "2024-02-01"})), None, Some(json!({"unit": "mg"}))),
    ];
    let told = [Some("b"), None, Some("a"), None, Some("b"), None, Some("ab"), Some("c"), None];
    let methods = [Some("x"), None, None, Some("y"), Some("x"), Some("x"), None, Some("y"), None];
    for (row, (text, method)) in all.iter_mut().zip(told.into_iter().zip(methods)) {
        (row.text, row.method) = (text, method);
        if let Some(text) = text {
            row.body["valueString"] = text.into();
        }
        if let Some(method) = method {
            row.body["method"] = json!({"coding": [{"system": "urn:m", "code": method}]});
        }
    }
    all
}

/// Two ranks, the second of which counts where it is the only key.
fn rank(row: &Row, key: &str, alone: bool) -> Option<(i64, i64)> {
    let place = |word: &str| i64::from(word.bytes().next().unwrap()) * 256 + word.as_bytes().get(1).copied().map_or(0, i64::from);
    let (first, second) = match key {
        "date" => row.date?,
        "component-value-quantity" => row.quantity?,
        "value-string" => (place(row.text?), 0),
        "method" => (place(row.method?), 0),
        "_id" => (place(row.id), 0),
        other => panic!("{other}"),
    };
    Some((first, if alone { second } else { 0 }))
}

fn expected(sort: &str) -> Vec<String> {
    let keys: Vec<&str> = sort.split(',').collect();
    let mut all: Vec<(usize, Row)> = rows().into_iter().enumerate().collect();
    all.sort_by(|(created, one), (later, other)| {
        for key in &keys {
            let (down, name) = key.strip_prefix('-').map_or((false, *key), |name| (true, name));
            let ordering = match (rank(one, name, keys.len() == 1), rank(other, name, keys.len() == 1)) {
                (Some(a), Some(b)) if down => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                // What has none comes last, whichever way it runs.
                (Some(_), None) => return Ordering::Less,
                (None, Some(_)) => return Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        // Equals are in the order of creation, in the direction of the last key.
        let created = created.cmp(later);
        if keys.last().unwrap().starts_with('-') { created.reverse() } else { created }
    });
    all.into_iter().map(|(_, row)| row.id.to_owned()).collect()
}

#[test]
fn what_has_no_value_comes_last_in_every_order() {
    on_both(|backend| {
        let server = Server::open(backend);
        for row in rows() {
            put(&server, "Observation", row.id, row.body);
        }
        let mut sorts: Vec<String> = Vec::new();
        for key in ["date", "component-value-quantity", "value-string", "method"] {
            for key in [key.to_owned(), format!("-{key}")] {
                sorts.extend([key.clone(), format!("{key},_id"), format!("{key},-_id")]);
            }
        }
        sorts.extend(
            [
                "method,-date,_id",
                "-method,date",
                "-value-string,-component-value-quantity",
                "-component-value-quantity,-date,-_id",
                "component-value-quantity,-value-string,_id",
                "_id",
                "-_id",
            ]
            .map(ToOwned::to_owned),
        );
        for sort in sorts {
            assert_eq!(walked(&server, &format!("/Observation?_count=2&_sort={sort}")), expected(&sort), "{sort}");
        }
        // R4 has the last first where no date is known of some.
        let found = get(&server, "/Observation?_sort=-date,_id").matches();
        assert_eq!(&found[found.len() - 4..], ["c", "e", "a", "b"]);
    });
}

#[test]
fn several_types_are_sorted_by_what_all_of_them_have() {
    on_both(|backend| {
        let server = Server::open(backend);
        let names =
            [("Patient", "d"), ("Observation", "a"), ("Patient", "b"), ("Observation", "e"), ("Observation", "c"), ("Patient", "f")];
        for (resource, id) in names {
            let body = if resource == "Patient" { json!({"active": true}) } else { json!({"status": "final", "code": {"text": "x"}}) };
            put(&server, resource, id, body);
        }
        // Written again, later than all others.
        put(&server, "Patient", "b", json!({"active": false}));
        put(&server, "Observation", "a", json!({"status": "amended", "code": {"text": "x"}}));
        let rows = [
            ("", "f c e b a d"),
            ("&_sort=_lastUpdated", "d e c f b a"),
            ("&_sort=-_lastUpdated", "a b f c e d"),
            ("&_sort=_id", "a b c d e f"),
            ("&_sort=-_id", "f e d c b a"),
            ("&_sort=-_lastUpdated,_id", "a b f c e d"),
            ("&_sort=_id&_lastUpdated=gt2000", "a b c d e f"),
        ];
        for (sort, expected) in rows {
            for count in [1, 2, 4, 50] {
                let path = format!("?_type=Observation,Patient&_count={count}{sort}");
                assert_eq!(walked(&server, &path).join(" "), expected, "{path}");
            }
        }
        // Alone it is a search of that type.
        assert_eq!(walked(&server, "?_type=Patient&_sort=-_id&_count=1").join(" "), "f d b");
        for (sort, place) in [("date", "_sort=date"), ("_tag", "_sort")] {
            let answer = server.send("GET", &format!("/fhir?_type=Observation,Patient&_sort={sort}"), &[], None);
            assert_eq!((answer.status, answer.issue().1.as_str()), (400, place), "{sort}");
        }
    });
}
