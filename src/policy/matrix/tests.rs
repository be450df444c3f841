#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

/// 26 May 2026.
const TODAY: i32 = 20_599;

fn g15(code: &str) -> Code {
    spelt(&format!("TRE_G15|{code}")).unwrap()
}

fn embedded(name: &str) -> String {
    String::from_utf8(Files::embedded().bytes(name).to_vec()).unwrap()
}

/// The findings of these tables, as they are told.
fn told(files: &Files) -> Vec<String> {
    Matrix::load(files).err().map(|error| error.findings().iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// A second reading of the table, row by row and knowing nothing of the first.
fn naive(table: &str, profession: &str, doc_type: &str, provisional: bool, day: &str) -> bool {
    table.lines().skip(1).any(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_, "TRE_G15", p, _, t, "permit", status, since, until, _] = cells[..] else { return false };
        let on = since <= day && (until == "*" || day < until);
        p == profession && t == doc_type && on && (status == "confirmed" || provisional && status == "provisional")
    })
}

fn agree(table: &str, day: &str) {
    let matrix = Matrix::load(&Files::embedded().with("matrix.tsv", table)).unwrap();
    let on = crate::policy::table::day(day).unwrap();
    for profession in ["10", "21", "28", "40", "60", "80", "98", "35", "99"] {
        for provisional in [false, true] {
            let readable = matrix.readable(&g15(profession), provisional, on);
            for doc_type in matrix.types().all() {
                let found = readable.binary_search(&doc_type.number).is_ok();
                assert_eq!(found, naive(table, profession, &doc_type.code, provisional, day), "{profession} {} {day}", doc_type.code);
            }
        }
    }
}

#[test]
fn two_readings_decide_alike_cell_by_cell() {
    agree(&embedded("matrix.tsv"), "2026-05-27");
}

#[test]
fn the_rows_in_force_at_an_instant_decide() {
    // A letter is closed to physicians in 2025 and opened again in 2027; the optician's is opened in 2026.
    let table = embedded("matrix.tsv").replace(
        "M-00035\tTRE_G15\t10\tloinc\t11490-0\tpermit\tconfirmed\t2023-10-29\t*",
        "M-00035\tTRE_G15\t10\tloinc\t11490-0\tpermit\tconfirmed\t2023-10-29\t2025-07-01",
    );
    let ended = "TRE_G15\t28\tloinc\t11490-0\tforbid\tconfirmed\t2023-10-29\t";
    let table = table.replace(&format!("{ended}*"), &format!("{ended}2026-01-01"))
        + "M-05001\tTRE_G15\t10\tloinc\t11490-0\tforbid\tconfirmed\t2025-07-01\t2027-01-01\torder-2023\n\
           M-05002\tTRE_G15\t10\tloinc\t11490-0\tpermit\tprovisional\t2027-01-01\t*\tinferred\n\
           M-05003\tTRE_G15\t28\tloinc\t11490-0\tpermit\tconfirmed\t2026-01-01\t*\torder-2023\n";
    for day in ["2023-10-28", "2023-10-29", "2025-06-30", "2025-07-01", "2025-12-31", "2026-01-01", "2026-12-31", "2027-01-01"] {
        agree(&table, day);
    }
    let matrix = Matrix::load(&Files::embedded().with("matrix.tsv", table)).unwrap();
    let letter = matrix.types().by_code(None, "11490-0").unwrap().number;
    let rule = |day: &str| matrix.cell(&g15("10"), letter, crate::policy::table::day(day).unwrap()).map(|cell| cell.rule.as_str());
    let found = ["2023-10-28", "2025-06-30", "2025-07-01", "2027-01-01"].map(rule);
    assert_eq!(found, [None, Some("M-00035"), Some("M-05001"), Some("M-05002")]);
}

#[test]
fn the_stated_cells_hold() {
    let matrix = Matrix::load(&Files::embedded()).unwrap();
    let may = |profession: &str, code: &str| {
        let number = matrix.types().by_code(None, code).unwrap().number;
        matrix.readable(&g15(profession), false, TODAY).binary_search(&number).is_ok()
    };
    assert!(may("10", "11490-0") && !may("10", "ATTEST-RESID"));
    assert!(may("28", "57828-6") && !may("28", "11490-0") && !may("28", "11502-2"));
    assert!(may("60", "11502-2") && !may("60", "89601-9"));
    assert_eq!(matrix.readable(&g15("28"), true, TODAY).len(), 12);
    assert!(matrix.readable(&g15("10"), false, 19_000).is_empty(), "before the order nobody may");
    let coordinator = spelt("TRE_R85|330").unwrap();
    assert!(matrix.readable(&coordinator, true, TODAY).is_empty(), "the columns of roles are not in force");
}

#[test]
fn a_profession_reads_another_column_by_its_row_alone() {
    let matrix = Matrix::load(&Files::embedded()).unwrap();
    let may = |text: &str| matrix.readable(&spelt(text).unwrap(), false, TODAY);
    assert_eq!(may("TRE_A02|G16_10"), may("TRE_G15|10"));
    for none in
        ["TRE_A02|G16_21", "TRE_A02|G15_10", "TRE_A02|G16_1", "TRE_A02|G16_100", "TRE_A02|10", "TRE_G15|G16_10", "TRE_G15|1", "TRE_R85|354"]
    {
        assert!(may(none).is_empty(), "{none}");
    }
    let professions = embedded("professions.tsv");
    let off = |text: &str, row: &str| {
        let table = professions.replace(row, &row.replace("\tyes\t", "\tno\t"));
        Matrix::load(&Files::embedded().with("professions.tsv", table)).unwrap().readable(&spelt(text).unwrap(), true, TODAY).is_empty()
    };
    let row = |start: &str| professions.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(off("TRE_A02|G16_10", &row("TRE_A02\tG16_10")), "its own row is not in force");
    assert!(off("TRE_A02|G16_10", &row("TRE_G15\t10")), "the column it reads is not in force");
}

#[test]
fn sectors_are_what_their_rows_say_and_nothing_like_them() {
    let matrix = Matrix::load(&Files::embedded()).unwrap();
    let rows = [
        (Some("SA23"), None, Exercise::Barred),
        (Some("SA24"), None, Exercise::Barred),
        (Some("SA48"), Some("SM25"), Exercise::Barred),
        (Some("SA66"), None, Exercise::Occupational),
        (Some("SA15"), Some("SM25"), Exercise::Occupational),
        (Some("SA15"), None, Exercise::Ordinary),
        (Some("SA14"), Some("SST18"), Exercise::Ordinary),
        (Some("SA17"), None, Exercise::Ordinary),
        (Some("SA2"), None, Exercise::Ordinary),
        (Some("SA234"), None, Exercise::Ordinary),
        (None, Some("SA23"), Exercise::Ordinary),
        (None, None, Exercise::Ordinary),
    ];
    for (sector, specialty, expected) in rows {
        assert_eq!(matrix.exercise(sector, specialty), expected, "{sector:?} {specialty:?}");
    }
}

/// A damage: what is replaced in the table by what, and what is told of it, in order.
type Damage<'a> = (&'a str, &'a str, &'a [&'a str]);

fn damaged(file: &str, damages: &[Damage<'_>]) {
    let good = embedded(file);
    for (replaced, by, expected) in damages {
        assert!(good.contains(replaced), "{replaced:?} is not in {file}");
        let bad = good.replacen(replaced, by, 1);
        assert_eq!(told(&Files::embedded().with(file, bad)), *expected, "{replaced:?} → {by:?}");
    }
}

#[test]
fn every_damage_of_a_cell_of_the_matrix_is_told_with_its_place() {
    let row = "M-00001\tTRE_G15\t10\tTRE_A05\tATTEST-ASS-COMPL\tpermit\tprovisional\t2023-10-29\t*\tinferred\n";
    let said = |by: &str, told: &[&str]| damaged("matrix.tsv", &[(row, by, told)]);
    let with = |from: &str, to: &str| row.replacen(from, to, 1);
    let gap = "professions.tsv, line 2, column 9: `code`: `TRE_G15|10` is in force, and matrix.tsv has no row for ATTEST-ASS-COMPL";
    said("", &[gap]);
    said(&with("\tpermit", ""), &["matrix.tsv, line 2, column 78: 9 cells instead of 10", gap]);
    said(&with("permit", "permit\tpermit"), &["matrix.tsv, line 2, column 92: 11 cells instead of 10", gap]);
    said(&with("\tinferred", ""), &["matrix.tsv, line 2, column 76: 9 cells instead of 10", gap]);
    said(&with("inferred", ""), &["matrix.tsv, line 2, column 77: `source`: the cell is empty", gap]);
    said(&with("permit", ""), &["matrix.tsv, line 2, column 45: `effect`: the cell is empty", gap]);
    said(&with("permit", " permit"), &["matrix.tsv, line 2, column 45: `effect`: blanks around what the cell says", gap]);
    said(&with("permit", "per\u{0}mit"), &["matrix.tsv, line 2, column 45: `effect`: a control character in the cell", gap]);
    said("\n", &["matrix.tsv, line 2, column 1: the line is empty", gap]);
    said(&format!("{row}\n"), &["matrix.tsv, line 3, column 1: the line is empty"]);
    said(&with("inferred", &"x".repeat(5000)), &["matrix.tsv, line 2, column 1: the line has more than 4096 bytes", gap]);
    said(&with("M-00001", "M-1"), &["matrix.tsv, line 2, column 1: `rule`: `M-1` is not `M-` and a number of five digits or more"]);
    said(&with("M-00001", "R-00001"), &["matrix.tsv, line 2, column 1: `rule`: `R-00001` is not `M-` and a number of five digits or more"]);
    let order =
        "matrix.tsv, line 3, column 1: `rule`: rule `M-00002` does not come after those before it: ids are in order and never used again";
    said(&with("M-00001", "M-00002"), &[order]);
    said(&with("TRE_G15", "TRE_G16"), &["matrix.tsv, line 2, column 9: `profession_system`: unknown system `TRE_G16`", gap]);
    said(&with("\t10\t", "\t1010\t"), &["matrix.tsv, line 2, column 17: `profession`: unknown profession `TRE_G15|1010`", gap]);
    let reads =
        "matrix.tsv, line 2, column 17: `profession`: `TRE_A02|G16_10` has no cells of its own: professions.tsv gives it another column";
    said(&with("TRE_G15\t10", "TRE_A02\tG16_10"), &[reads, gap]);
    said(&with("TRE_A05", "TRE_A04"), &["matrix.tsv, line 2, column 20: `type_system`: unknown system `TRE_A04`", gap]);
    said(&with("ATTEST-ASS-COMPL", "ATTEST"), &["matrix.tsv, line 2, column 28: `type`: unknown type `TRE_A05|ATTEST`", gap]);
    said(&with("TRE_A05", "loinc"), &["matrix.tsv, line 2, column 26: `type`: unknown type `loinc|ATTEST-ASS-COMPL`", gap]);
    said(&with("permit", "allow"), &["matrix.tsv, line 2, column 45: `effect`: `allow` is not one of permit, forbid, unknown"]);
    said(&with("permit", "Permit"), &["matrix.tsv, line 2, column 45: `effect`: `Permit` is not one of permit, forbid, unknown"]);
    said(&with("provisional", "sure"), &["matrix.tsv, line 2, column 52: `status`: `sure` is not one of confirmed, provisional, unknown"]);
    said(&with("provisional", "unknown"), &["matrix.tsv, line 2, column 52: `status`: effect `permit` does not go with status `unknown`"]);
    said(&with("permit", "unknown"), &["matrix.tsv, line 2, column 53: `status`: effect `unknown` does not go with status `provisional`"]);
    said(
        &with("2023-10-29", "2023-13-29"),
        &["matrix.tsv, line 2, column 64: `since`: `2023-13-29` is not a date, as 2026-11-23, nor `*`"],
    );
    said(&with("2023-10-29", "2023-2-9"), &["matrix.tsv, line 2, column 64: `since`: `2023-2-9` is not a date, as 2026-11-23, nor `*`"]);
    said(&with("\t*\t", "\t29/10/2024\t"), &["matrix.tsv, line 2, column 75: `until`: `29/10/2024` is not a date, as 2026-11-23, nor `*`"]);
    said(&with("\t*\t", "\t2020-01-01\t"), &["matrix.tsv, line 2, column 75: `until`: `2020-01-01` is not after `2023-10-29`"]);
    said(&with("\t*\t", "\t2023-10-29\t"), &["matrix.tsv, line 2, column 75: `until`: `2023-10-29` is not after `2023-10-29`"]);
    let ends = "matrix.tsv, line 2, column 1: nothing follows rule `M-00001` from 2026-01-01 on: a type not known is a row `unknown`";
    said(&with("\t*\t", "\t2026-01-01\t"), &[ends]);
    said(&with("inferred", "nobody"), &["matrix.tsv, line 2, column 77: `source`: unknown source `nobody`: it stands in sources.tsv"]);
    // Everything that is wrong with one row.
    let many = with("permit", "allow").replace("2023-10-29", "x").replace("inferred", "nobody").replace("\t10\t", "\t11\t");
    said(
        &many,
        &[
            "matrix.tsv, line 2, column 17: `profession`: unknown profession `TRE_G15|11`",
            "matrix.tsv, line 2, column 45: `effect`: `allow` is not one of permit, forbid, unknown",
            "matrix.tsv, line 2, column 63: `since`: `x` is not a date, as 2026-11-23, nor `*`",
            "matrix.tsv, line 2, column 67: `source`: unknown source `nobody`: it stands in sources.tsv",
            gap,
        ],
    );
}

#[test]
fn rows_that_meet_are_told() {
    let good = embedded("matrix.tsv");
    let first = "TRE_G15\t10\tTRE_A05\tATTEST-ASS-COMPL\t";
    let line = good.lines().count() + 1;
    // What follows on the same cell, with what the first row's end becomes.
    let rows = [
        ("*", "permit\tprovisional\t2023-10-29\t*\tinferred", Some("column 1: `rule`: the same cell as `M-00001` (line 2), said twice")),
        (
            "*",
            "forbid\tconfirmed\t2023-10-29\t*\torder-2023",
            Some("column 45: `effect`: `forbid` contradicts `permit` of `M-00001` (line 2) on the same days"),
        ),
        (
            "*",
            "unknown\tunknown\t2025-01-01\t*\tnone",
            Some("column 45: `effect`: `unknown` contradicts `permit` of `M-00001` (line 2) on the same days"),
        ),
        ("*", "permit\tconfirmed\t2025-01-01\t*\torder-2023", Some("column 62: `since`: its dates overlap those of `M-00001` (line 2)")),
        (
            "2025-01-02",
            "permit\tconfirmed\t2025-01-01\t*\torder-2023",
            Some("column 62: `since`: its dates overlap those of `M-00001` (line 2)"),
        ),
        ("2025-01-01", "permit\tconfirmed\t2025-01-01\t*\torder-2023", None),
        ("2025-01-01", "forbid\tconfirmed\t2025-01-01\t*\torder-2023", None),
    ];
    for (until, row, expected) in rows {
        let begun = format!("M-00001\t{first}permit\tprovisional\t2023-10-29\t");
        let table = good.replace(&format!("{begun}*"), &format!("{begun}{until}")) + &format!("M-05000\t{first}{row}\n");
        let expected: Vec<String> = expected.map(|text| format!("matrix.tsv, line {line}, {text}")).into_iter().collect();
        assert_eq!(told(&Files::embedded().with("matrix.tsv", table)), expected, "{until} {row}");
    }
    let begun = format!("M-00001\t{first}permit\tprovisional\t2023-10-29\t");
    let table = good.replace(&format!("{begun}*"), &format!("{begun}2025-01-01"))
        + &format!("M-05000\t{first}forbid\tconfirmed\t2025-02-01\t*\torder-2023\n");
    let gap =
        "matrix.tsv, line 2, column 1: nothing follows rule `M-00001` from 2025-01-01 to 2025-02-01: a type not known is a row `unknown`";
    assert_eq!(told(&Files::embedded().with("matrix.tsv", table)), [gap]);
}

#[test]
fn every_damage_of_the_file_is_told_with_its_place() {
    let good = embedded("matrix.tsv");
    let all = |text: &str| text.as_bytes().to_vec();
    let cut = |bytes: usize| good.as_bytes()[..good.len() - bytes].to_vec();
    let (lines, last) = (good.lines().count(), good.lines().last().unwrap().chars().count());
    let header = HEADER.join("\t");
    let rows: Vec<(Vec<u8>, Vec<String>)> = vec![
        (Vec::new(), {
            let missing = HEADER.map(|name| format!("matrix.tsv, line 1, column 1: the column `{name}` is missing"));
            let mut told = vec![
                "matrix.tsv, line 1, column 1: the last line does not end; the file may be cut off".into(),
                "matrix.tsv, line 1, column 1: unknown column ``".into(),
            ];
            told.extend(missing);
            told
        }),
        (all(&format!("{header}\n")), vec!["matrix.tsv, line 1, column 1: no rows follow the header".into()]),
        (all(&good.replacen("\tstatus", "", 1)), vec!["matrix.tsv, line 1, column 77: the column `status` is missing".into()]),
        (
            all(&good.replacen("status", "statut", 1)),
            vec![
                "matrix.tsv, line 1, column 59: unknown column `statut`".into(),
                "matrix.tsv, line 1, column 84: the column `status` is missing".into(),
            ],
        ),
        (all(&good.replacen("source", "source\tnote", 1)), vec!["matrix.tsv, line 1, column 85: unknown column `note`".into()]),
        (
            all(&good.replacen("source", "source\tsource", 1)),
            vec!["matrix.tsv, line 1, column 85: the column `source` stands twice".into()],
        ),
        (
            all(&good.replacen("since\tuntil", "until\tsince", 1)),
            vec![format!("matrix.tsv, line 1, column 1: the columns are not in the order `{}`", HEADER.join(" "))],
        ),
        (all(&good.replacen(&format!("{header}\n"), "", 1)), {
            let told = told(&Files::embedded().with("matrix.tsv", good.replacen(&format!("{header}\n"), "", 1)));
            assert!(told[0].starts_with("matrix.tsv, line 1, column 1: unknown column `M-00001`"), "{told:?}");
            told
        }),
        (all(&format!("\u{feff}{good}")), vec!["matrix.tsv, line 1, column 1: a byte order mark; the file is plain UTF-8".into()]),
        (all(&good.replace('\n', "\r\n")), vec!["matrix.tsv, line 1, column 84: a carriage return; lines end in a line feed alone".into()]),
        (
            all(&good.replacen("inferred\n", "inferred\r\n", 1)),
            vec!["matrix.tsv, line 2, column 85: a carriage return; lines end in a line feed alone".into()],
        ),
        ([&good.as_bytes()[..100], &[0xe9], &good.as_bytes()[100..]].concat(), vec!["matrix.tsv, line 2, column 17: not UTF-8".into()]),
        (
            {
                let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
                [&[0xff, 0xfe], utf16.as_slice()].concat()
            },
            vec!["matrix.tsv, line 1, column 1: not UTF-8".into()],
        ),
        (cut(1), vec![format!("matrix.tsv, line {lines}, column {}: the last line does not end; the file may be cut off", last + 1)]),
        (vec![b'x'; 17 * 1024 * 1024], vec!["matrix.tsv, line 1, column 1: the file has more than 16777216 bytes".into()]),
        (vec![b'x'; 1024], {
            let missing = HEADER.map(|name| format!("matrix.tsv, line 1, column 1025: the column `{name}` is missing"));
            let mut told = vec![
                format!("matrix.tsv, line 1, column 1: unknown column `{}`", "x".repeat(1024)),
                "matrix.tsv, line 1, column 1025: the last line does not end; the file may be cut off".into(),
            ];
            told.extend(missing);
            told
        }),
    ];
    for (place, (bytes, expected)) in rows.into_iter().enumerate() {
        let (mut told, mut expected) = (told(&Files::embedded().with("matrix.tsv", bytes)), expected);
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "damage {place}");
    }
    // Cut in the middle of a line: what is left of it is no row either.
    let told = told(&Files::embedded().with("matrix.tsv", cut(20)));
    assert!(told.iter().any(|one| one.contains("may be cut off")) && told.iter().any(|one| one.contains("instead of 10")), "{told:?}");
}

#[test]
fn every_damage_of_the_other_tables_is_told_with_its_place() {
    damaged(
        "professions.tsv",
        &[
            ("TRE_G15|10", "TRE_G15|11", &["professions.tsv, line 32, column 41: `column`: unknown profession `TRE_G15|11`"]),
            ("TRE_G15|10", "10", &["professions.tsv, line 32, column 41: `column`: unknown profession `10`"]),
            ("TRE_G15|10", "TRE_A02|G16_10", &["professions.tsv, line 32, column 41: `column`: `TRE_A02|G16_10` has no column of its own"]),
        ],
    );
    // A profession that is gone takes its cells with it: each is told.
    for (replaced, by, expected) in [
        ("TRE_G15\t21\tPharmacien", "TRE_X\t21\tPharmacien", "professions.tsv, line 3, column 1: `system`: unknown system `TRE_X`"),
        ("Médecin\tyes", "Médecin\tmaybe", "professions.tsv, line 2, column 20: `effective`: `maybe` is not one of yes, no"),
        (
            "TRE_G15\t21\tPharmacien",
            "TRE_G15\t10\tPharmacien",
            "professions.tsv, line 3, column 9: `code`: duplicate profession `TRE_G15|10`",
        ),
    ] {
        let told = told(&Files::embedded().with("professions.tsv", embedded("professions.tsv").replacen(replaced, by, 1)));
        assert!(told.contains(&expected.to_owned()), "{expected}: {:?}", told.last());
        assert_eq!(told.iter().filter(|one| one.starts_with("matrix.tsv") && one.contains("unknown profession")).count(), 103, "{by}");
    }
    damaged(
        "exercises.tsv",
        &[
            (
                "\tbarred\t",
                "\tbared\t",
                &["exercises.tsv, line 7, column 13: `exercise`: `bared` is not one of ordinary, occupational, barred"],
            ),
            ("sector\tSA23", "secteur\tSA23", &["exercises.tsv, line 7, column 1: `element`: `secteur` is not one of sector, specialty"]),
            ("sector\tSA24", "sector\tSA23", &["exercises.tsv, line 8, column 8: `code`: sector `SA23` stands twice"]),
            ("barred\tL1111-18 CSP\n", "barred\n", &["exercises.tsv, line 7, column 19: 3 cells instead of 4"]),
        ],
    );
    let twice = embedded("sources.tsv") + "none\tSomebody said so\n";
    assert_eq!(told(&Files::embedded().with("sources.tsv", twice)), ["sources.tsv, line 10, column 1: `key`: `none` stands twice"]);
    for (replaced, by, expected) in [
        ("\n5\t", "\n6\t", "types.tsv, line 6, column 1: `number`: number 6 is out of order"),
        ("\n5\t", "\nfive\t", "types.tsv, line 6, column 1: `number`: `five` is not a number"),
        ("5\tTRE_A05\tAUTORIS-SOINS\t95", "5\tTRE_A05\tAUTORIS-SOINS\t96", "types.tsv, line 6, column 25: `class`: unknown class `96`"),
        ("5\tTRE_A05", "5\tTRE_A09", "types.tsv, line 6, column 3: `system`: unknown system `TRE_A09`"),
        ("5\tTRE_A05\tAUTORIS-SOINS", "5\tTRE_A05\tATTEST-RESID", "types.tsv, line 6, column 11: `code`: duplicate type `ATTEST-RESID`"),
        (
            "1\tTRE_A05\tATTEST-ASS-COMPL",
            "1\tTRE_A05\tOTHER",
            "types.tsv, line 2, column 1: number 1 is `ATTEST-ASS-COMPL` in databases, not `OTHER`",
        ),
        (
            "103\tloinc\t96874-3\t52\tCOVID-19 Attestation de vaccination\n",
            "",
            "types.tsv, line 104, column 1: number 103 (`96874-3`), which is in databases, is missing",
        ),
    ] {
        let told = told(&Files::embedded().with("types.tsv", embedded("types.tsv").replacen(replaced, by, 1)));
        assert!(told.contains(&expected.to_owned()), "{expected}: {:?}", told.last());
    }
}

#[test]
fn the_embedded_law_is_whole() {
    assert_eq!(told(&Files::embedded()), Vec::<String>::new());
    let matrix = Matrix::load(&Files::embedded()).unwrap();
    assert_eq!(matrix.counts().iter().sum::<usize>(), 42 * 103);
    for (_, column) in matrix.professions() {
        assert!(column.cells.values().flatten().all(|cell| matrix.source(&cell.source).is_some()));
    }
}
