//! What the matrix says of a type, of a profession or of both, and why.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::policy::Code;
use crate::policy::matrix::{Cell, Matrix, PROFESSION_SYSTEMS, short_system, spelt};
use crate::policy::nomenclature::{DocType, class_display, short_type_system};
use crate::policy::table::date;

/// Suggestions at most.
const NEAR_MAX: usize = 5;

/// What is said of one cell on a day: the group it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    May,
    MayProvisional,
    MayNot,
    Unknown,
    NotInForce,
}

const GROUPS: [(Said, &str); 5] = [
    (Said::May, "may consult"),
    (Said::MayProvisional, "may consult only where the configuration accepts provisional cells"),
    (Said::MayNot, "may not consult"),
    (Said::Unknown, "not known, therefore denied"),
    (Said::NotInForce, "column not in force, therefore denied"),
];

/// What the matrix says on a day of a type, a profession, or both.
///
/// # Errors
/// An unknown code, with those near it.
pub fn explain(matrix: &Matrix, doc_type: Option<&str>, profession: Option<&str>, on: i32) -> Result<String, String> {
    let doc_type = doc_type.map(|text| find_type(matrix, text)).transpose()?;
    let profession = profession.map(|text| find_profession(matrix, text)).transpose()?;
    let mut text = String::new();
    let mut sources = BTreeSet::new();
    let _ = match (doc_type, &profession) {
        (Some(one), _) => writeln!(text, "{}", type_line(one)),
        (None, _) => Ok(()),
    };
    if let Some(profession) = &profession {
        let _ = writeln!(text, "{}", profession_line(matrix, profession));
        if let Some(row) = matrix.profession(profession) {
            let read = row.reads.as_ref().map(|reads| format!("reads the column of {}; ", profession_line(matrix, reads)));
            let _ = writeln!(text, "  {}{}", read.unwrap_or_default(), row.source);
        }
    }
    let _ = writeln!(text, "on {}:", date(on));
    let rows: Vec<(String, Code, &DocType)> = match (doc_type, profession) {
        (Some(one), Some(of)) => vec![(String::new(), of, one)],
        (Some(one), None) => matrix.professions().map(|(code, _)| (profession_line(matrix, code), code.clone(), one)).collect(),
        (None, Some(of)) => matrix.types().all().iter().map(|one| (type_line(one), of.clone(), one)).collect(),
        (None, None) => return Err("name a type, a profession, or both".to_owned()),
    };
    for (group, title) in GROUPS {
        let of: Vec<_> = rows.iter().filter(|(_, profession, one)| said(matrix, profession, one, on) == group).collect();
        if of.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}{}", if rows.len() > 1 { format!(" ({})", of.len()) } else { String::new() });
        for (label, profession, one) in of {
            let cell = matrix.cell(profession, one.number, on);
            sources.extend(cell.map(|cell| cell.source.clone()));
            let label = if label.is_empty() { String::new() } else { format!("{label}: ") };
            let _ = writeln!(text, "  {label}{}", cell.map_or_else(|| "no rule".to_owned(), rule));
        }
    }
    for key in sources {
        let _ = writeln!(text, "{key}: {}", matrix.source(&key).unwrap_or_default());
    }
    Ok(text.trim_end().to_owned())
}

fn said(matrix: &Matrix, profession: &Code, doc_type: &DocType, on: i32) -> Said {
    match matrix.cell(profession, doc_type.number, on) {
        _ if !matrix.is_effective(profession) => Said::NotInForce,
        Some(cell) if cell.opens(false) => Said::May,
        Some(cell) if cell.opens(true) => Said::MayProvisional,
        Some(cell) if cell.effect == crate::policy::matrix::Effect::Forbid => Said::MayNot,
        _ => Said::Unknown,
    }
}

fn rule(cell: &Cell) -> String {
    let until = if cell.until == i32::MAX { String::new() } else { format!(" until {}", date(cell.until)) };
    format!("{} {} {}, since {}{until}, {}", cell.rule, cell.effect.as_str(), cell.status.as_str(), date(cell.since), cell.source)
}

fn type_line(one: &DocType) -> String {
    let class = class_display(&one.class).unwrap_or_default();
    format!("{}|{} {} [{} {class}]", short_type_system(one.system), one.code, one.display, one.class)
}

fn profession_line(matrix: &Matrix, profession: &Code) -> String {
    let display = matrix.profession(profession).map_or("", |column| &column.display);
    format!("{}|{} {display}", short_system(profession), profession.code)
}

fn find_type<'a>(matrix: &'a Matrix, text: &str) -> Result<&'a DocType, String> {
    let (system, code) = text.split_once('|').map_or((None, text), |(system, code)| (Some(system), code));
    matrix.types().by_code(system, code).ok_or_else(|| {
        let all = matrix.types().all().iter();
        unknown("type", text, all.map(|one| (one.code.clone(), one.display.clone(), type_line(one))).collect())
    })
}

/// A profession by its code: of TRE_G15 before the others, of any where one alone has it.
fn find_profession(matrix: &Matrix, text: &str) -> Result<Code, String> {
    let canonical = PROFESSION_SYSTEMS.iter().find_map(|(short, system)| Some((short, text.strip_prefix(system)?.strip_prefix('|')?)));
    let named = spelt(text).or_else(|| canonical.and_then(|(short, code)| spelt(&format!("{short}|{code}"))));
    let mut with: Vec<&Code> =
        matrix.professions().map(|(code, _)| code).filter(|code| named.as_ref().map_or(code.code == text, |one| one == *code)).collect();
    if with.iter().any(|code| short_system(code) == "TRE_G15") {
        with.retain(|code| short_system(code) == "TRE_G15");
    }
    match with.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let of = |(code, column): (&Code, &crate::policy::matrix::Column)| {
                (code.code.clone(), column.display.clone(), profession_line(matrix, code))
            };
            Err(unknown("profession", text, matrix.professions().map(of).collect()))
        }
        several => {
            let several: Vec<String> = several.iter().map(|code| profession_line(matrix, code)).collect();
            Err(format!("profession `{text}` is several: {}", several.join(", ")))
        }
    }
}

/// What is told of an unknown code: what is near it in code or label, else all there is. `known` has code, label and line of each.
fn unknown(what: &str, text: &str, known: Vec<(String, String, String)>) -> String {
    let asked = text.rsplit('|').next().unwrap_or(text).to_lowercase();
    let mut near: Vec<(usize, &str)> = Vec::new();
    for (code, label, line) in &known {
        let far = distance(&asked, &code.to_lowercase());
        let within = asked.chars().count() > 2 && label.to_lowercase().contains(&asked);
        if within || far <= 2 && far < asked.chars().count() {
            near.push((if within { 0 } else { far }, line));
        }
    }
    near.sort();
    let (title, lines): (_, Vec<&str>) = match near.is_empty() {
        true => ("known are", known.iter().map(|(_, _, line)| line.as_str()).collect()),
        false => ("near it", near.into_iter().take(NEAR_MAX).map(|(_, line)| line).collect()),
    };
    format!("unknown {what} `{text}`; {title}:\n  {}", lines.join("\n  "))
}

/// How many letters must be put, taken or replaced to make one text of another (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (c, line) in one.chars().zip(1..) {
        let mut next = Vec::with_capacity(row.len());
        next.push(line);
        for ((pair, d), before) in row.windows(2).zip(&other).zip(0..) {
            let [corner, above] = *pair else { continue };
            let left = next.get(before).copied().unwrap_or(line);
            next.push((corner + usize::from(c != *d)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn letters_apart() {
        for (one, other, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("", "ab", 2),
            ("11490-0", "11940-0", 2),
            ("prescbio", "presc-bio", 1),
            ("a", "b", 1),
        ] {
            assert_eq!(super::distance(one, other), expected, "{one} {other}");
        }
    }
}
