//! Confidentiality and visibility of a document (CONTRACT 3, Labels): a list of which membership counts, never position.

use serde_json::{Value, json};

use super::Error;
use super::stored::set;
use crate::filter::Label;
use crate::policy::nomenclature::{TRE_A07, is_confidentiality, visibility};

/// v3-Confidentiality.
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// v3-ActCode, whose `NOPAT` is a visibility.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// The visibility labels, with their code.
pub const VISIBILITY: [(Label, &str); 3] = [
    (Label::Masked, "MASQUE_PS"),
    (Label::HiddenFromHolder, "INVISIBLE_PATIENT"),
    (Label::HiddenFromRepresentatives, "INVISIBLE_REPRESENTANTS_LEGAUX"),
];

/// The codes of one label.
fn codes(label: &Value) -> impl Iterator<Item = &str> {
    let codings = label.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    codings.iter().filter_map(|coding| coding.get("code")?.as_str())
}

/// The visibility one label means.
pub fn visibility_of(label: &Value) -> Option<Label> {
    codes(label).find_map(visibility)
}

/// Whether one label is a level of confidentiality.
pub fn is_level(label: &Value) -> bool {
    codes(label).any(is_confidentiality)
}

/// The codes of the labels of a document that are no visibility: what of its confidentiality may be changed, however it is written.
pub fn levels(document: &Value) -> Vec<&str> {
    let mut levels: Vec<&str> = of(document).iter().filter(|label| visibility_of(label).is_none()).flat_map(codes).collect();
    levels.sort_unstable();
    levels
}

/// The labels of a document.
pub fn of(document: &Value) -> &[Value] {
    document.get("securityLabel").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether every label says something that this server keeps to, for one nobody keeps would be a false promise: a code that it knows,
/// and in the systems that it knows no other.
///
/// # Errors
/// [`Error::Business`] with the first label that does not.
pub fn check_known(document: &Value) -> Result<(), Error> {
    match of(document).iter().position(|label| !is_known(label)) {
        None => Ok(()),
        Some(at) => Err(Error::Business {
            code: "code-invalid",
            expression: format!("DocumentReference.securityLabel[{at}]"),
            message: "expected a level of v3-Confidentiality, or a visibility of TRE_A07 or `NOPAT`".into(),
        }),
    }
}

fn is_known(label: &Value) -> bool {
    let known = |code: &str| visibility(code).is_some() || is_confidentiality(code);
    let codings = label.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ours = |coding: &&Value| matches!(text(coding, "system").as_str(), "" | CONFIDENTIALITY | TRE_A07 | ACT_CODE);
    codes(label).any(known) && codings.iter().filter(ours).all(|coding| known(&text(coding, "code")))
}

/// What a coding of a label says.
#[derive(PartialEq)]
enum Says<'c> {
    Visibility(Label),
    Level(&'c str),
}

fn says(coding: &Value) -> Option<Says<'_>> {
    let code = coding.get("code")?.as_str()?;
    visibility(code).map(Says::Visibility).or_else(|| is_confidentiality(code).then_some(Says::Level(code)))
}

/// A label that says several things as several; what says nothing stays with the first.
fn apart(label: &Value) -> Vec<Value> {
    let codings = label.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut things: Vec<Says<'_>> = Vec::new();
    for said in codings.iter().filter_map(says) {
        if !things.contains(&said) {
            things.push(said);
        }
    }
    if things.len() < 2 {
        return vec![label.clone()];
    }
    let one = |(place, thing): (usize, &Says<'_>)| {
        let own = codings.iter().filter(|coding| says(coding).map_or(place == 0, |said| said == *thing));
        let mut one = if place == 0 { label.clone() } else { json!({}) };
        set(&mut one, "coding", own.cloned().collect());
        one
    };
    things.iter().enumerate().map(one).collect()
}

/// Lets each label say one thing, for a label comes off as a whole: with `INVISIBLE_PATIENT`, which ends of itself, nothing else ends.
pub fn separate(document: &mut Value) {
    let each: Vec<Value> = of(document).iter().flat_map(apart).collect();
    if each.len() > of(document).len() {
        set(document, "securityLabel", each.into());
    }
}

/// The bits of all labels and of the status.
pub fn bits(document: &Value) -> i16 {
    let labels = of(document).iter().flat_map(codes).filter_map(visibility).fold(0, |bits, label| bits | label.bit());
    labels
        | match document.get("status").and_then(Value::as_str) {
            Some("entered-in-error") => Label::EnteredInError.bit(),
            Some("superseded") => Label::Superseded.bit(),
            _ => 0,
        }
}

/// A label of this visibility.
pub fn label(label: Label) -> Value {
    let code = VISIBILITY.iter().find(|(known, _)| *known == label).map_or("", |(_, code)| code);
    json!({"coding": [{"system": TRE_A07, "code": code}]})
}

/// Adds the visibility where it is not yet.
pub fn add(document: &mut Value, wanted: Label) {
    if bits(document) & wanted.bit() == 0 {
        push(document, label(wanted));
    }
}

/// Takes off the labels of these bits: the server, for those that have ended of themselves.
pub fn take_off(document: &mut Value, ended: i16) {
    separate(document);
    let labels: Vec<Value> =
        of(document).iter().filter(|one| visibility_of(one).is_none_or(|label| ended & label.bit() == 0)).cloned().collect();
    if labels.len() < of(document).len() {
        set(document, "securityLabel", labels.into());
        imply_normal(document);
    }
}

/// Whether both labels stand that do not stand together unless that is configured (CONTRACT 3, Labels).
pub fn exclude_each_other(document: &Value) -> bool {
    let both = Label::Masked.bit() | Label::HiddenFromHolder.bit();
    bits(document) & both == both
}

/// Whether the labels may stand together.
///
/// # Errors
/// [`Error::Business`] at `securityLabel`.
pub fn check_together(document: &Value, masked_and_hidden: bool) -> Result<(), Error> {
    if exclude_each_other(document) && !masked_and_hidden {
        return Err(Error::business("DocumentReference.securityLabel", "`MASQUE_PS` and `INVISIBLE_PATIENT` do not stand together"));
    }
    Ok(())
}

/// Says `N` where nothing is said of confidentiality (CONTRACT 3).
pub fn imply_normal(document: &mut Value) {
    if !of(document).iter().any(is_level) {
        let normal = json!({"coding": [{"system": CONFIDENTIALITY, "code": "N", "display": "normal"}]});
        let mut labels = of(document).to_vec();
        labels.insert(0, normal);
        set(document, "securityLabel", labels.into());
    }
}

fn push(document: &mut Value, label: Value) {
    let mut labels = of(document).to_vec();
    labels.push(label);
    set(document, "securityLabel", labels.into());
}

/// A label as a client may write it: a CodeableConcept, a Coding, or, as the published samples have it, a bare code.
fn normalized(value: &Value) -> Option<Value> {
    if let Some(code) = value.as_str().map(str::trim) {
        let system = if visibility(code).is_some() { TRE_A07 } else { CONFIDENTIALITY };
        return (visibility(code).is_some() || is_confidentiality(code)).then(|| json!({"coding": [{"system": system, "code": code}]}));
    }
    if value.get("coding").is_some() {
        return Some(value.clone());
    }
    value.get("code").is_some().then(|| json!({"coding": [value.clone()]}))
}

/// Applies one operation of a JSON Patch on `securityLabel`, read as intent; `index` is `None` for the whole list.
///
/// # Errors
/// What cannot be understood.
pub fn apply(document: &mut Value, operation: &str, index: Option<&str>, value: Option<&Value>) -> Result<(), String> {
    let mut labels = of(document).to_vec();
    let at =
        |index: &str| index.parse::<usize>().ok().filter(|at| *at < labels.len()).ok_or_else(|| format!("there is no label at `{index}`"));
    let new = |value: Option<&Value>| {
        let label = value.and_then(normalized).filter(is_known);
        label.ok_or_else(|| "expected a known label, as a CodeableConcept".to_owned())
    };
    let single = |value: Option<&Value>| {
        let label = new(value)?;
        if apart(&label).len() > 1 { Err("expected a label that says one thing".to_owned()) } else { Ok(label) }
    };
    match (operation, index) {
        ("replace" | "add", None) => {
            let list = value.and_then(Value::as_array).ok_or("expected a list of labels")?;
            let each: Vec<Value> = list.iter().map(|one| new(Some(one))).collect::<Result<_, _>>()?;
            labels = each.iter().flat_map(apart).collect();
        }
        ("remove", None) => labels.clear(),
        ("add", Some("-")) => labels.push(single(value)?),
        ("add", Some(index)) => {
            let place =
                index.parse::<usize>().ok().filter(|at| *at <= labels.len()).ok_or_else(|| format!("there is no place `{index}`"))?;
            labels.insert(place, single(value)?);
        }
        ("remove", Some(index)) => {
            labels.remove(at(index)?);
        }
        ("replace", Some(index)) => {
            let (place, new) = (at(index)?, single(value)?);
            if visibility_of(&new).is_some() {
                // A visibility code is added and none removed.
                labels.push(new);
            } else {
                labels = without_visibility(labels, place)?;
                labels.retain(|old| !is_level(old));
                labels.insert(0, new);
            }
        }
        _ => return Err(format!("`{operation}` is not for labels")),
    }
    // The same visibility twice is once.
    let mut seen = 0_i16;
    labels.retain(|one| {
        let bit = visibility_of(one).map_or(0, Label::bit);
        let again = bit != 0 && seen & bit != 0;
        seen |= bit;
        !again
    });
    match (labels.is_empty(), document.as_object_mut()) {
        (true, Some(members)) => {
            members.remove("securityLabel");
        }
        _ => set(document, "securityLabel", labels.into()),
    }
    Ok(())
}

/// The labels without the visibility at this place, else without the only one there is.
fn without_visibility(mut labels: Vec<Value>, place: usize) -> Result<Vec<Value>, String> {
    if labels.get(place).is_some_and(|old| visibility_of(old).is_some()) {
        labels.remove(place);
        return Ok(labels);
    }
    let visible: Vec<usize> = labels.iter().enumerate().filter(|(_, label)| visibility_of(label).is_some()).map(|(at, _)| at).collect();
    match visible.as_slice() {
        [] => {}
        [only] => {
            labels.remove(*only);
        }
        _ => return Err("several visibility labels stand: name one by its index".to_owned()),
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(codes: &[&str]) -> Value {
        let labels: Vec<Value> = codes.iter().map(|code| json!({"coding": [{"code": code}]})).collect();
        if labels.is_empty() { json!({}) } else { json!({"securityLabel": labels}) }
    }

    #[test]
    fn a_patch_of_labels_is_read_as_intent() {
        let rows: [(&[&str], &str, Option<&str>, Value, Result<&[&str], ()>); 21] = [
            (&["N"], "replace", Some("0"), json!({"coding": [{"code": "MASQUE_PS"}]}), Ok(&["N", "MASQUE_PS"])),
            (&["N"], "replace", Some("0"), json!("MASQUE_PS"), Ok(&["N", "MASQUE_PS"])),
            (&["N", "MASQUE_PS"], "replace", Some("1"), json!("N"), Ok(&["N"])),
            (&["N", "MASQUE_PS"], "replace", Some("0"), json!("N"), Ok(&["N"])),
            (&["N", "MASQUE_PS", "INVISIBLE_PATIENT"], "replace", Some("0"), json!("N"), Err(())),
            (&["N", "MASQUE_PS", "INVISIBLE_PATIENT"], "replace", Some("2"), json!("R"), Ok(&["R", "MASQUE_PS"])),
            (&["N", "MASQUE_PS"], "replace", Some("1"), json!("INVISIBLE_PATIENT"), Ok(&["N", "MASQUE_PS", "INVISIBLE_PATIENT"])),
            (&["N"], "replace", Some("1"), json!("N"), Err(())),
            (&["N"], "add", Some("-"), json!({"code": "NOPAT"}), Ok(&["N", "NOPAT"])),
            (&["N", "MASQUE_PS"], "add", Some("-"), json!("MASQUE_PS"), Ok(&["N", "MASQUE_PS"])),
            (&["N", "MASQUE_PS"], "remove", Some("1"), Value::Null, Ok(&["N"])),
            (&["N"], "remove", Some("x"), Value::Null, Err(())),
            (&["N"], "add", None, json!(["N", "MASQUE_PS"]), Ok(&["N", "MASQUE_PS"])),
            (&["N"], "remove", None, Value::Null, Ok(&[])),
            (&["N"], "copy", Some("0"), Value::Null, Err(())),
            (&["N"], "replace", Some("0"), json!("inconnu"), Err(())),
            (&["N"], "add", Some("-"), json!({"coding": [{"code": "MASQUE"}]}), Err(())),
            (
                &["N"],
                "add",
                Some("-"),
                json!({"coding": [{"code": "NOPAT"}, {"code": "INVISIBLE_PATIENT"}]}),
                Ok(&["N", "NOPAT", "INVISIBLE_PATIENT"]),
            ),
            (&["N"], "add", Some("-"), json!({"coding": [{"code": "MASQUE_PS"}, {"code": "INVISIBLE_REPRESENTANTS_LEGAUX"}]}), Err(())),
            (&["N"], "replace", Some("0"), json!({"coding": [{"code": "N"}, {"code": "MASQUE_PS"}]}), Err(())),
            (&["N"], "add", None, json!([{"coding": [{"code": "N"}, {"code": "MASQUE_PS"}]}]), Ok(&["N", "MASQUE_PS"])),
        ];
        for (before, operation, index, value, expected) in rows {
            let mut changed = document(before);
            let done = apply(&mut changed, operation, index, Some(&value)).map_err(|_| ());
            let after: Vec<&str> = of(&changed).iter().flat_map(codes).collect();
            assert_eq!(done.map(|()| after.as_slice()), expected, "{before:?} {operation} {index:?} {value}");
        }
    }

    #[test]
    fn a_label_that_says_several_things_is_several() {
        let rows: [(Value, &[&[&str]]); 4] = [
            (json!([{"coding": [{"code": "N"}]}, {"coding": [{"code": "MASQUE_PS"}]}]), &[&["N"], &["MASQUE_PS"]]),
            (
                json!([{"coding": [{"code": "NOPAT"}, {"code": "INVISIBLE_PATIENT"}, {"code": "x"}]}]),
                &[&["NOPAT", "INVISIBLE_PATIENT", "x"]],
            ),
            (
                json!([{"coding": [{"code": "x"}, {"code": "R"}, {"code": "MASQUE_PS"}, {"code": "INVISIBLE_REPRESENTANTS_LEGAUX"}, {"code": "R"}]}]),
                &[&["x", "R", "R"], &["MASQUE_PS"], &["INVISIBLE_REPRESENTANTS_LEGAUX"]],
            ),
            (json!([{"text": "x"}]), &[&[]]),
        ];
        for (labels, expected) in rows {
            let mut document = json!({"securityLabel": labels});
            separate(&mut document);
            let each: Vec<Vec<&str>> = of(&document).iter().map(|label| codes(label).collect()).collect();
            assert_eq!(each, expected, "{labels}");
        }
    }

    #[test]
    fn what_ends_of_itself_takes_nothing_with_it() {
        for codes in [["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"], ["INVISIBLE_REPRESENTANTS_LEGAUX", "INVISIBLE_PATIENT"]] {
            let mut document = json!({"securityLabel": [{"coding": codes.map(|code| json!({"code": code}))}]});
            take_off(&mut document, Label::HiddenFromHolder.bit());
            assert_eq!(bits(&document), Label::HiddenFromRepresentatives.bit(), "{codes:?}");
        }
    }

    #[test]
    fn a_label_that_nobody_keeps_is_refused() {
        let (level, visible) = (CONFIDENTIALITY, TRE_A07);
        let rows = [
            (json!([{"coding": [{"system": level, "code": "N"}]}, {"coding": [{"system": "urn:x", "code": "MASQUE_PS"}]}]), true),
            (json!([{"coding": [{"code": "NOPAT"}, {"system": "urn:x", "code": "secret"}]}]), true),
            (json!([{"coding": [{"system": visible, "code": "MASQUE"}]}]), false),
            (json!([{"coding": [{"system": level, "code": "N"}, {"system": visible, "code": "masque_ps"}]}]), false),
            (json!([{"coding": [{"system": "urn:x", "code": "secret"}]}]), false),
            (json!([{"coding": [{"system": level, "code": "N"}]}, {"text": "secret"}]), false),
            (json!([{"coding": [{"system": level, "display": "normal"}]}]), false),
        ];
        for (labels, known) in rows {
            assert_eq!(check_known(&json!({"securityLabel": labels})).is_ok(), known, "{labels}");
        }
    }

    #[test]
    fn bits_follow_membership_whatever_the_system() {
        for (codes, expected) in
            [(vec!["N"], 0), (vec!["N", "MASQUE_PS"], 1), (vec!["NOPAT"], 2), (vec!["INVISIBLE_PATIENT", "MASQUE_PS"], 3)]
        {
            assert_eq!(bits(&document(&codes)), expected);
        }
        assert_eq!(bits(&json!({"status": "entered-in-error"})), 8);
        assert_eq!(bits(&json!({"status": "superseded"})), 32);
    }
}
