//! What the official suite does not ask (it runs in `tests/fhirpath`): limits, typing on a known type, places, what cannot be known.

use serde_json::{Value, json};

use super::*;

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "active": true,
        "name": [{"family": "Un", "given": ["Ann", "Bea"]}, {"family": "Deux", "given": ["Ann"]}],
        "_birthDate": {"extension": [{"url": "http://x.example/why", "valueCode": "masked"}]},
        "deceasedDateTime": "2015-02",
        "managingOrganization": {"reference": "Organization/1"},
        "generalPractitioner": [
            {"reference": "https://x.example/fhir/Practitioner/1/_history/2"},
            {"reference": "#org"},
            {"type": "PractitionerRole", "identifier": {"value": "1"}},
            {"reference": "urn:uuid:0f3c6b1e-0000-4000-8000-000000000000"},
        ],
        "contained": [{"resourceType": "Organization", "id": "org", "name": "Deux"}],
        "multipleBirthInteger": 2,
    })
}

/// What an expression yields, bound to the type and not, in one line.
fn shown(expression: &str, value: &Value) -> String {
    let root = Node::resource(value).expect("a resource");
    let environment = Environment::new(root.clone(), 0);
    let read = Expression::parse(expression).expect(expression);
    let show = |expression: &Expression| match expression.evaluate(&root, &environment) {
        Ok(nodes) => {
            let one = |node: &Node<'_>| node.datum().map_or_else(|| node.type_name().1.to_owned(), |datum| datum.to_string());
            nodes.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Err(error) => error.to_string(),
    };
    let loose = show(&read);
    let bound = show(&read.for_structure(root.structure_of().expect("a structure")));
    assert_eq!(loose, bound, "{expression}");
    loose
}

#[test]
fn expressions_yield() {
    let patient = patient();
    for (expression, expected) in [
        ("Patient.name.given", "Ann, Bea, Ann"),
        ("Observation.value | Patient.name.given", "Ann, Bea"),
        ("Patient.deceased.exists() and Patient.deceased != false", "true"),
        ("(Patient.deceased as dateTime)", "2015-02"),
        ("Patient.deceased.as(boolean)", ""),
        ("deceased.as(DateTime)", "2015-02"),
        ("deceasedDateTime", ""),
        ("birthDate", "date"),
        ("birthDate.hasValue()", "false"),
        ("birthDate.extension('http://x.example/why').value", "masked"),
        ("birthDate.getValue()", ""),
        ("multipleBirth + 1", "3"),
        ("multipleBirth is integer", "true"),
        ("multipleBirth is string", "false"),
        ("managingOrganization.where(resolve() is Organization).reference", "Organization/1"),
        ("generalPractitioner.where(resolve() is Practitioner).reference", "https://x.example/fhir/Practitioner/1/_history/2"),
        ("generalPractitioner.resolve().type().name", "Practitioner, Organization, PractitionerRole"),
        ("generalPractitioner[1].resolve().name", "Deux"),
        ("generalPractitioner[0].resolve().name", "`resolve()` cannot be known here"),
        ("generalPractitioner[0].resolve() = generalPractitioner[2].resolve()", "`resolve()` cannot be known here"),
        ("managingOrganization.resolve().hasExtension('x')", "`resolve()` cannot be known here"),
        ("managingOrganization.resolve().ofType(Organization).exists()", "true"),
        ("name.family.select($this & $index.toString())", "Un0, Deux1"),
        ("name.where(given contains 'Bea').family", "Un"),
        ("name.where('Bea' in given).family", "Un"),
        ("Resource.id", ""),
        ("DomainResource.contained.id", "org"),
        ("%resource.name.family | %rootResource.contained.name", "Un, Deux"),
        ("%context.active", "true"),
        ("name.given = 'Ann'", "false"),
        ("(name.given | name.family).count()", "4"),
        ("now().toString() & today().toString() & timeOfDay().toString()", "1970-01-01T00:00:00.000Z1970-01-0100:00:00.000"),
        ("name.aggregate($total + given.count(), 0)", "3"),
        ("2147483647 + 1", ""),
        ("(79228162514264337593543950335.0 * 2).empty()", "true"),
        ("name.memberOf('x')", "`memberOf` cannot be known here"),
        ("conformsTo('x')", "`conformsTo` cannot be known here"),
        ("name.single()", "expected one item, not 2"),
        ("active + 1", "`+` between Boolean and Integer"),
        ("name.first().toInteger()", ""),
        ("name.family.first().matches('(')", "a regular expression that cannot be read"),
        ("1.5.round(-1)", "expected a number of digits that is not negative"),
        ("name.descendants().count()", "5"),
        ("@2014 + 24 months", "2016"),
        ("@2014-01-31 - 1 hour", "2014-01-31"),
        ("@T23:30 + 45 minutes", "00:15"),
        ("@T10:00 + 1 day", "`+` between Time and Quantity"),
        ("'3 days'.toQuantity('h')", "72 'h'"),
    ] {
        assert_eq!(shown(expression, &patient), expected, "{expression}");
    }
}

#[test]
fn alternatives_of_other_types_fall_away() {
    let on = |resource| ResourceType::parse(resource).expect(resource);
    let read = Expression::parse("Patient.name | Person.name.where(use = 'old') | (Group.characteristic.value as boolean)").expect("read");
    for (resource, nothing) in [("Patient", false), ("Person", false), ("Group", false), ("Account", true)] {
        assert_eq!(read.for_type(on(resource)).yields_nothing(), nothing, "{resource}");
    }
    // What is empty is still counted.
    let read = Expression::parse("Person.name.exists().not()").expect("read").for_type(on("Patient"));
    assert!(!read.yields_nothing());
    assert_eq!(shown("Person.name.exists().not()", &patient()), "true");
}

#[test]
fn names_are_checked_where_they_stand() {
    let on = structure("Patient").expect("a structure");
    for (expression, expected) in [
        ("Patient.name.given", None),
        ("name.given1", Some((5, "`HumanName` has no element `given1`"))),
        ("Patient.contact.where(name.x.exists())", Some((27, "`HumanName` has no element `x`"))),
        ("Encounter.class", Some((0, "expected a path on `Patient`, not on `Encounter`"))),
        ("Encounter.class | Patient.name", None),
        ("deceasedBoolean", Some((0, "`Patient` has no element `deceasedBoolean`"))),
        ("birthDate.extension.url", None),
        ("birthDate.value", Some((10, "`Element` has no element `value`"))),
        ("children().skip(1)", Some((11, "children come in no order that is defined"))),
        ("iif('x', 1, 2)", Some((0, "expected a Boolean as criterion, not a String"))),
        ("descendants().x", None),
    ] {
        let found = Expression::parse(expression).expect(expression).check(on).err().map(|error| (error.at, error.message));
        assert_eq!(found.as_ref().map(|(at, message)| (*at, message.as_str())), expected, "{expression}");
    }
}

#[test]
fn what_is_no_expression_is_refused_where_it_stands() {
    for (text, at, message) in [
        ("", 0, "expected a name, a literal or `(`"),
        ("name.", 5, "expected a name after `.`"),
        ("name given", 5, "expected the end of the expression or an operator"),
        ("name[0", 6, "expected `]`"),
        ("x.frob()", 2, "unknown function `frob`"),
        ("x.where()", 2, "`where` takes 1 arguments, not 0"),
        ("x is Frob", 5, "unknown type `Frob`"),
        ("%frob", 0, "unknown variable `%frob`"),
        ("$frob", 0, "expected `$this`, `$index` or `$total`, not `$frob`"),
        ("99999999999", 0, "a number too large: `99999999999`"),
    ] {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
    }
}

/// Expressions at and over each limit, none of which may overflow a stack.
#[test]
fn no_expression_is_too_deep() {
    let nested = |open: &str, within: &str, close: &str, times: usize| format!("{}{within}{}", open.repeat(times), close.repeat(times));
    let cases = [
        (nested("(", "1", ")", 60), true),
        (nested("(", "1", ")", 5_000), false),
        (nested("iif(true, ", "1", ")", 30), true),
        (nested("name.where(", "true", ")", 31), true),
        (nested("name.where(", "true", ")", 70), false),
        (nested("(1 + ", "1", ")", 30), true),
        (nested("(((1 | 2) = 3 and true) = ", "true", ")", 20), true),
        (nested("{", "", "", 5_000), false),
        (nested("-", "1", "", 5_000), true),
        (nested("name", "", "", 1), true),
        (nested("a.", "a", "", 2_100), false),
        (nested("a.", "a", "", 1_900), true),
        (nested("1 + ", "1", "", 900), true),
        (nested("a | ", "a", "", 900), true),
        (nested("true implies ", "true", "", 400), true),
        (nested("x[", "0", "]", 62), true),
        (nested("x[", "0", "]", 70), false),
        (nested("1.toString() + ", "'1'", "", 9_000), false),
        (nested("(a implies b or c and d in e = f < g | h is code + i * ", "j", ")", 6), true),
    ];
    let each =
        ["exists", "all", "where", "select", "repeat", "aggregate", "sort", "union", "combine", "subsetOf", "skip", "indexOf", "matches"];
    let each = each.map(|function| (nested(&format!("name.{function}("), "true", ")", 31), true));
    let value = patient();
    std::thread::scope(|scope| {
        let run = || {
            for (text, expected) in cases.iter().chain(&each) {
                let parsed = Expression::parse(text);
                assert_eq!(parsed.is_ok(), *expected, "{} {:?}", text.get(..40).unwrap_or(text), parsed.err());
                if let Ok(expression) = parsed {
                    let root = Node::resource(&value).expect("a patient");
                    let _ = expression.evaluate(&root, &Environment::new(root.clone(), 0));
                    let _ = expression.check(root.structure_of().expect("a structure"));
                }
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).expect("a thread");
        assert!(thread.join().is_ok());
    });
}

/// Half of what the server's threads have.
const STACK_BYTES: usize = 1 << 20;

#[test]
fn no_evaluation_is_unbounded() {
    let mut deep = json!({"url": "x"});
    for _ in 0..120 {
        deep = json!({"url": "x", "extension": [deep]});
    }
    let value = json!({"resourceType": "Patient", "extension": [deep], "name": (0..200).map(|n| json!({"family": n.to_string()})).collect::<Vec<_>>()});
    let root = Node::resource(&value).expect("a patient");
    std::thread::scope(|scope| {
        let run = || {
            for (text, costly) in [
                ("descendants() = descendants()", false),
                ("descendants().descendants().descendants()", true),
                ("name.aggregate($total & $total & 'xxxxxxxxxxxxxxxx', 'x')", true),
                ("name.aggregate($total.combine($total).combine(1), {})", true),
                ("name.aggregate($total.replace('x', 'xxxx'), 'x')", true),
                ("name.aggregate($total.replaceMatches('x', 'xxxx'), 'x')", true),
                ("name.family.repeat($this & 'x')", true),
                ("name.select(%context.name.select(%context.name.select(%context.name)))", true),
                ("name.where(family.matches('a{100}' & family))", true),
                ("'x'.matches('((a{1,100}){1,100}){1,100}')", false),
                ("name.family.join(',').toChars().count()", false),
                ("name.isDistinct()", false),
            ] {
                let result = Expression::parse(text).expect(text).evaluate(&root, &Environment::new(root.clone(), 0));
                assert_eq!(result.err() == Some(EvalError::TooCostly), costly, "{text}");
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).expect("a thread");
        assert!(thread.join().is_ok());
    });
}

#[test]
fn an_expression_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Expression>();
}
