//! `ensemble check` on tables of law, `ensemble matrix explain` and `ensemble matrix import`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::integration::law::law;
use crate::support::server::{binary, directory};

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = binary().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn embedded() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/authorization/matrix.tsv")).unwrap()
}

#[test]
fn check_tells_every_fault_at_once_and_serve_does_not_start() {
    let tables = law(|text| {
        text.replacen("M-00001\tTRE_G15\t10", "M-00001\tTRE_G15\t11", 1).replacen("\tconfirmed\t2023-10-29", "\tconfirmed\t2023-10-32", 1)
            + "M-05000\tTRE_G15\t28\tloinc\t11490-0\tpermit\tconfirmed\t2026-01-01\t*\torder-2023"
    });
    let here = tables.display().to_string();
    let (code, told, failed) = run(&["check", "--authorization", &here]);
    assert_eq!(code, 1, "{told}");
    let expected = [
        "matrix.tsv, line 2, column 17: `profession`: unknown profession `TRE_G15|11`",
        "matrix.tsv, line 5, column 58: `since`: `2023-10-32` is not a date, as 2026-11-23, nor `*`",
        "matrix.tsv, line 4328, column 34: `effect`: `permit` contradicts `forbid` of `M-00344` (line 345) on the same days",
        "matrix.tsv, line 4328, column 74: the last line does not end; the file may be cut off",
        "professions.tsv, line 2, column 9: `code`: `TRE_G15|10` is in force, and matrix.tsv has no row for ATTEST-ASS-COMPL",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    assert!(failed.contains("5 faults"), "{failed}");

    let directory = directory();
    let config = directory.join("ensemble.toml");
    let database = format!("sqlite:{}/production.db", directory.display());
    assert_eq!(run(&["migrate", "--database", &database]).0, 0);
    let serves = |tables: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndatabase = \"{database}\"\nbase_url = \"https://dmp.example/fhir\"\nenvironment = \"test\"\n\
             authorization = \"{tables}\"\ncursor_secret = \"0123456789abcdef0123456789abcdef\"\n[[issuer]]\nname = \"idp\"\naudience = \"dmp\"\n\
             key = \"{}/absent.pem\"\n",
            directory.display()
        );
        std::fs::write(&config, text).unwrap();
        run(&["serve", "--config", &config.display().to_string()])
    };
    let (code, told, failed) = serves(&here);
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(expected.iter().all(|one| failed.contains(one)), "{failed}");
    // Whole tables are taken: it is then the key that is missing.
    let (code, told, failed) = serves(&law(|text| text).display().to_string());
    assert!(code == 1 && told.contains("authorization tables") && failed.contains("absent.pem"), "{told} {failed}");
    // The sandbox neither starts, and a table that is not there is no law.
    let (code, _, failed) = run(&["sandbox", "--listen", "127.0.0.1:0", "--database", "sqlite::memory:", "--authorization", &here]);
    assert!(code == 1 && failed.contains(expected[0]), "{failed}");
    std::fs::remove_file(tables.join("rules.tsv")).unwrap();
    let (code, _, failed) = run(&["check", "--authorization", &here]);
    assert!(code == 1 && failed.contains("rules.tsv"), "{failed}");
}

#[test]
fn every_table_is_read_strictly() {
    let rows = [
        ("rules.tsv", "\tpermit\t", "\tallow\t", "rules.tsv, line 2, column 82: `effect`: `allow` is not one of permit, forbid"),
        ("rules.tsv", "R-0002", "R-0001", "rules.tsv, line 3, column 1: `rule`: rule `R-0001` is out of order"),
        ("rules.tsv", "record-access", "any-access", "rules.tsv, line 2, column 28: `relation`: unknown relation `any-access`"),
        ("rules.tsv", "\tDocumentReference\t", "\tDocument\t", "`resource`: unknown resource `Document`"),
        ("consents.tsv", "TRE_G15|10", "TRE_G16|10", "`profession`: unknown profession `TRE_G16|10`"),
        (
            "consents.tsv",
            "application\tpermit",
            "administrator\tpermit",
            "consents.tsv, line 3, column 1: `kind`: duplicate kind `administrator`",
        ),
        (
            "changes.tsv",
            "\tunread\t",
            "\tmaybe\t",
            "changes.tsv, line 3, column 28: `author`: `maybe` is not one of yes, no, unread, deposit",
        ),
        ("changes.tsv", "administrator\tconsulting", "administrator", "changes.tsv, line 1, column 84: the column `consulting` is missing"),
        ("consents.tsv", "class,purpose\t", "class,reason\t", "`needed`: unknown element `class,reason`"),
        ("consents.tsv", "actor,class,period,purpose", "actor,class,period", "`needed`: what it must have is not among what it may have"),
        ("labels.tsv", "PATIENT\t1", "PATIENT\t0", "line 2, column 19: `months`: `0` is not a number of months, 1 to 1200, nor `*`"),
        ("labels.tsv", "PATIENT\t1", "PATIENT\t+1", "line 2, column 19: `months`: `+1` is not a number of months, 1 to 1200, nor `*`"),
        ("labels.tsv", "MASQUE_PS", "MASQUE", "labels.tsv, line 4, column 1: `label`: unknown label `MASQUE`"),
        ("labels.tsv", "MASQUE_PS", "NOPAT", "labels.tsv, line 4, column 1: `label`: duplicate label `NOPAT`"),
        ("deposits.tsv", "holder\tclass\t90", "holder\tclass\t96", "deposits.tsv, line 2, column 14: `code`: unknown class `96`"),
        ("deposits.tsv", "operator\ttype", "operators\ttype", "`caller`: unknown caller `operators`"),
        ("purposes.tsv", "COC", "CAREMGT", "purposes.tsv, line 3, column 52: `code`: duplicate purpose `CAREMGT`"),
        (
            "resources.tsv",
            "AuditEvent.entity.what",
            "AuditEvent.agent.who",
            "`element`: what is stored is bound by `AuditEvent.entity.what`, not by `AuditEvent.agent.who`",
        ),
        (
            "resources.tsv",
            "DocumentReference\tholder",
            "DocumentReference\tdirectory",
            "`bound`: what is stored is bound by `holder`, not by `directory`",
        ),
        ("exercises.tsv", "SA23\tbarred", "SA23\t", "exercises.tsv, line 7, column 13: `exercise`: the cell is empty"),
        ("sources.tsv", "key\tsource", "key\tsources", "sources.tsv, line 1, column 5: unknown column `sources`"),
        ("professions.tsv", "TRE_G15\t10\tMédecin\tyes", "TRE_G15\t10\tMédecin\tno", ""),
    ];
    for (file, from, to, expected) in rows {
        let tables = law(|text| text);
        let path = tables.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let (code, told, failed) = run(&["check", "--authorization", &tables.display().to_string()]);
        if expected.is_empty() {
            assert_eq!(code, 0, "{file} {to}: {told}{failed}");
        } else {
            assert!(code == 1 && told.contains(expected), "{file} {to}: {told}");
        }
        for damage in [&b"\xef\xbb\xbf"[..], b"\xff", b"\r\n"] {
            let bytes = [damage, text.as_bytes()].concat();
            std::fs::write(&path, bytes).unwrap();
            let (code, told, _) = run(&["check", "--authorization", &tables.display().to_string()]);
            assert!(code == 1 && told.contains(&format!("{file}, line 1, column 1: ")), "{file} {damage:?}: {told}");
        }
    }
    // A rule that says the contrary of another on the same days.
    let tables = law(|text| text);
    let path = tables.join("rules.tsv");
    let text = std::fs::read_to_string(&path).unwrap();
    let again = |effect: &str| format!("{text}R-9999\ttester\t*\tany\t*\tno\t-\tconsult\t{effect}\town\t2024-01-01\t*\tX\n");
    for (effect, expected) in [("permit", "the rule repeats `R-0153`"), ("forbid", "the rule contradicts `R-0153`")] {
        std::fs::write(&path, again(effect)).unwrap();
        let (code, told, _) = run(&["check", "--authorization", &tables.display().to_string()]);
        assert!(code == 1 && told.contains(expected), "{told}");
    }
}

#[test]
fn explain_says_who_may_and_by_which_row() {
    let (code, told, _) = run(&["matrix", "explain", "--type", "11490-0", "--profession", "28", "--at", "2026-11-24"]);
    let expected = "loinc|11490-0 Lettre de liaison à la sortie d'un établissement de soins [10 Compte rendu]\n\
                    TRE_G15|28 Opticien-Lunetier\n  R1111-46 CSP\non 2026-11-24:\nmay not consult\n  \
                    M-00344 forbid confirmed, since 2023-10-29, press-opticians\n\
                    press-opticians: bienvu.ws: closed list of types for opticians\n";
    assert_eq!((code, told.as_str()), (0, expected));
    let (_, told, _) = run(&["matrix", "explain", "--type", "http://loinc.org|11490-0", "--at", "2026-11-24"]);
    assert!(told.contains("may consult (2)\n  TRE_G15|10 Médecin: M-00035 permit confirmed, since 2023-10-29, press-dentists\n"), "{told}");
    assert!(told.contains("TRE_A02|G16_10 Médecin en formation: M-00035 permit"), "{told}");
    assert!(told.contains("column not in force, therefore denied") && told.contains("TRE_R85|330 Coordonnateur de parcours"), "{told}");
    // Whatever the spelling of the system, the same is said.
    for system in ["loinc", "urn:oid:2.16.840.1.113883.6.1", "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"] {
        assert_eq!(run(&["matrix", "explain", "--type", &format!("{system}|11490-0"), "--at", "2026-11-24"]).1, told, "{system}");
    }
    let (_, told, _) = run(&["matrix", "explain", "--profession", "28", "--at", "2026-11-24"]);
    assert!(told.contains("may consult (12)\n") && told.contains("  loinc|57828-6 Prescription (autre) [42 Prescription]: M-"), "{told}");
    let (_, told, _) = run(&["matrix", "explain", "--profession", "28", "--at", "2023-10-28"]);
    assert!(!told.contains("may consult") && told.contains("not known, therefore denied (103)") && told.contains("no rule"), "{told}");
    let (_, told, _) = run(&["matrix", "explain", "--profession", "330"]);
    assert!(told.starts_with("TRE_R85|330 ") && !told.contains("may consult"), "{told}");
    for (arguments, expected) in [
        (["--type", "11940-0"], "unknown type `11940-0`; near it:\n  loinc|11490-0 "),
        (["--type", "liaison"], "unknown type `liaison`; near it:\n  loinc|11490-0 "),
        (["--type", "TRE_A05|11490-0"], "unknown type `TRE_A05|11490-0`; near it:\n  loinc|11490-0 "),
        (["--type", "zzzzzzzz"], "unknown type `zzzzzzzz`; known are:\n  TRE_A05|ATTEST-ASS-COMPL "),
        (["--profession", "opticien"], "unknown profession `opticien`; near it:\n  TRE_G15|28 Opticien-Lunetier"),
        (["--profession", "zzzzzzzz"], "unknown profession `zzzzzzzz`; known are:\n  TRE_G15|10 Médecin"),
        (["--profession", "TRE_R85|10"], "unknown profession `TRE_R85|10`"),
        (["--type", ""], "unknown type ``"),
    ] {
        let (code, told, failed) = run(&["matrix", "explain", arguments[0], arguments[1]]);
        assert!(code == 1 && told.is_empty() && failed.contains(expected), "{arguments:?}: {failed}");
    }
    assert_eq!(run(&["matrix", "explain", "--type", "11490-0", "--at", "24/11/2026"]).0, 1);
    assert_ne!(run(&["matrix", "explain"]).0, 0, "one of the two is needed");
}

/// The national table of one profession as it is in force, with `between` between cells, but for what `change` says of a type.
fn national(between: char, change: impl Fn(&str) -> Option<bool>) -> String {
    let classes: BTreeMap<String, String> =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/authorization/types.tsv"))
            .unwrap()
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .map(|cells| (cells[2].to_owned(), cells[3].to_owned()))
            .collect();
    let mut text = ["field_code_profession", "field_categorie_de_document", "field_code_loinc", "field_consultation_document"]
        .join(&between.to_string())
        + "\n";
    for line in embedded().lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let ["TRE_G15", "28", _, doc_type, effect, ..] = cells[1..] else { continue };
        if doc_type == "E1762" {
            continue;
        }
        let Some(may) = change(doc_type).or(if effect == "unknown" { None } else { Some(effect == "permit") }) else { continue };
        text += &["28", &classes[doc_type], doc_type, &may.to_string()].join(&between.to_string());
        text.push('\n');
    }
    text
}

fn import(text: &str, more: &[&str]) -> (i32, String, String) {
    let path = directory().join("national.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    run(&[&["matrix", "import", &path][..], more].concat())
}

#[test]
fn the_national_table_is_compared_and_written_as_a_new_matrix() {
    // What the sources said confirmed and what was inferred: see that the table itself says the same of most.
    let (code, told, _) = import(&national(';', |_| None), &["--since", "2027-01-01"]);
    assert_eq!(code, 0);
    assert!(!told.contains("OPENS") && !told.contains("closes"), "{told}");
    let text = national(';', |code| match code {
        "11490-0" | "11502-2" => Some(true),
        "57828-6" => Some(false),
        _ => None,
    });
    let text = text.lines().filter(|line| !line.contains(";57832-8;")).map(|line| format!("{line}\r\n")).collect::<String>();
    let (output, source) = (directory().join("matrix.tsv"), ["--since", "2027-01-01", "--source", "order-2023"]);
    let out = output.display().to_string();
    let (code, told, failed) = import(&format!("\u{feff}{text}"), &[&source[..], &["--output", &out]].concat());
    assert_eq!(code, 0, "{failed}");
    let expected = "\nOPENS: 2\n  changed TRE_G15|28 Opticien-Lunetier: 11490-0 Lettre de liaison à la sortie d'un établissement de soins: forbid (M-00344, confirmed) → permit\n  \
                    changed TRE_G15|28 Opticien-Lunetier: 11502-2 CR d'examens biologiques: forbid (M-00345, confirmed) → permit\n\
                    \ncloses: 2\n  changed TRE_G15|28 Opticien-Lunetier: 57828-6 Prescription (autre): permit (M-00371, confirmed) → forbid\n  \
                    removed TRE_G15|28 Opticien-Lunetier: 57832-8 Prescription de soins: permit (M-00372, confirmed) → unknown\n";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("not in these files, left as they are: TRE_G15|10 TRE_G15|21 "), "{told}");
    let (before, after) = (embedded(), std::fs::read_to_string(&output).unwrap());
    let ended: Vec<&str> = after.lines().zip(before.lines()).filter(|(new, old)| new != old).map(|(new, _)| new).collect();
    assert!(
        ended.contains(&"M-00344\tTRE_G15\t28\tloinc\t11490-0\tforbid\tconfirmed\t2023-10-29\t2027-01-01\tpress-opticians"),
        "{ended:?}"
    );
    let begun: Vec<&str> = after.lines().skip(before.lines().count()).collect();
    assert_eq!(begun.len(), ended.len());
    assert!(begun[0].starts_with("M-04327\t"), "{}", begun[0]);
    for row in [
        "TRE_G15\t28\tloinc\t11490-0\tpermit\tconfirmed\t2027-01-01\t*\torder-2023",
        "TRE_G15\t28\tloinc\t57828-6\tforbid\tconfirmed\t2027-01-01\t*\torder-2023",
        "TRE_G15\t28\tloinc\t57832-8\tunknown\tunknown\t2027-01-01\t*\torder-2023",
    ] {
        assert_eq!(begun.iter().filter(|line| line.ends_with(row)).count(), 1, "{row}");
    }
    // It is law: it checks, it explains, and the same table changes nothing of it.
    let tables = law(|_| after.clone()).display().to_string();
    assert_eq!(run(&["check", "--authorization", &tables]).0, 0);
    for (day, said) in [("2026-12-31", "may not consult"), ("2027-01-01", "may consult")] {
        let (_, told, _) = run(&["matrix", "explain", "--type", "11490-0", "--profession", "28", "--at", day, "--authorization", &tables]);
        assert!(told.contains(&format!("\n{said}\n")), "{told}");
    }
    let (_, told, _) = import(&text, &["--since", "2027-06-01", "--authorization", &tables]);
    assert!(told.contains("\n103 unchanged\n"), "{told}");
    // A later table takes numbers after those, and one from before what is written stands in the way of it.
    let again = national('\t', |_| None);
    let (code, _, failed) =
        import(&again, &["--since", "2028-01-01", "--source", "order-2023", "--output", &out, "--authorization", &tables]);
    assert_eq!(code, 0, "{failed}");
    let last = std::fs::read_to_string(&output).unwrap();
    let ids: Vec<&str> = last.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() > after.lines().count(), "{}", ids.len());
    for day in ["2027-01-01", "2026-06-01"] {
        let (code, _, failed) = import(&again, &["--since", day, "--source", "order-2023", "--output", &out, "--authorization", &tables]);
        assert!(
            code == 1 && failed.contains("no matrix is written") && failed.contains(&format!("begins on 2027-01-01, not before {day}")),
            "{failed}"
        );
        assert_eq!(std::fs::read_to_string(&output).unwrap(), last, "and nothing is written");
    }
    let (code, _, failed) = import(&again, &["--since", "2029-01-01", "--source", "nobody", "--output", &out]);
    assert!(code == 1 && failed.contains("unknown source `nobody`"), "{failed}");
    assert_ne!(import(&again, &["--output", &out]).0, 0, "a new matrix needs its day and its source");
}

#[test]
fn what_opens_by_a_named_source_is_marked_even_where_it_was_inferred() {
    let text = "profession,category,type,consultation\n10,95,ATTEST-ASS-COMPL,oui\n";
    let (code, told, _) = import(text, &[]);
    assert_eq!(code, 0);
    assert!(told.contains("OPENS (was provisional): 1\n  confirmed TRE_G15|10 Médecin: ATTEST-ASS-COMPL "), "{told}");
    let (_, told, _) = import("profession;profession_system;category;type;consultation\n330;TRE_R85;10;11490-0;1\n", &[]);
    assert!(told.contains("TRE_R85|330 Coordonnateur de parcours, a column not in force: 11490-0"), "{told}");
    let named = "profession;profession_label;category;type;consultation\n10;Médecins;10;11490-0;1\n";
    assert_eq!(import(named, &[]).0, 0, "the label is its own");
    let labelled = "field_code_profession;field_categorie_de_document;field_categorie_de_document.label;field_type_de_document;field_code_loinc;field_consultation_document\n\
                    7;101;Comptes rendus;Lettre de liaison;11490-0;true\n";
    let (code, told, failed) = import(labelled, &["--profession", "7=TRE_G15|28"]);
    assert!(code == 0 && told.contains("changed TRE_G15|28 Opticien-Lunetier: 11490-0"), "{told}{failed}");
}

#[test]
fn a_row_that_is_not_understood_refuses_the_whole_with_its_place() {
    let header = "profession;category;type;consultation\n";
    let rows = [
        ("", "line 1, column 1: the file is empty"),
        (header, "line 1, column 1: no rows follow the header"),
        (
            "profession;profession_label;category;type;consultation\n10;Opticien;10;11490-0;1\n",
            "line 2, column 4: profession `10` is `Médecin`, not `Opticien`",
        ),
        ("profession;category;type\n10;10;11490-0\n", "line 1, column 1: the column `field_consultation_document` is missing"),
        ("profession;category;type;consultation;note\n10;10;11490-0;1;x\n", "line 1, column 39: unknown column `note`"),
        (
            "profession;field_code_profession;category;type;consultation\n",
            "line 1, column 12: the column `field_code_profession` says what another one says",
        ),
        ("profession;category;type;consultation\n99;10;11490-0;1\n", "line 2, column 1: unknown profession `99`"),
        ("profession;category;type;consultation\nTRE_X|10;10;11490-0;1\n", "line 2, column 1: unknown profession `TRE_X|10`"),
        (
            "profession;category;type;consultation\nTRE_A02|G16_10;10;11490-0;1\n",
            "line 2, column 1: `TRE_A02|G16_10` has no cells of its own",
        ),
        ("profession;category;type;consultation\n10;10;11490-9;1\n", "line 2, column 7: unknown type `11490-9`"),
        ("profession;category;type;consultation\n10;10;;1\n", "line 2, column 7: unknown type ``"),
        (
            "profession;category;type;consultation\n10;11;11490-0;1\n",
            "line 2, column 4: type `11490-0` is of category `10 Compte rendu`, not `11`",
        ),
        ("profession;category;type;consultation\n10;999;11490-0;1\n", "line 2, column 4: unknown category `999`"),
        ("profession;category;type;consultation\n10;10;11490-0;peut-être\n", "line 2, column 15: `peut-être` is neither true nor false"),
        ("profession;category;type;consultation\n10;10;11490-0;\n", "line 2, column 15: `` is neither true nor false"),
        ("profession;category;type;consultation\n10;10;11490-0\n", "line 2, column 7: 3 cells instead of 4"),
        ("profession;category;type;consultation\n10;10;11490-0;1\n\n10;Compte rendu;loinc|11490-0;oui\n", "line 4, column 1: the same as"),
        ("profession;category;type;consultation\n10;10;11490-0;1\n10;10;11490-0;0\n", "line 3, column 1: contradicts"),
        (
            "profession;category;type;consultation\n10;10;11490-0;1\n\"10;10;11490-0;0\n",
            "line 3, column 1: a quote that does not end on its line",
        ),
    ];
    for (text, expected) in rows {
        let (code, told, failed) = import(text, &[]);
        assert!(code == 1 && told.is_empty() && failed.contains(&format!("national.csv, {expected}")), "{text:?}: {told}{failed}");
    }
    let (_, _, failed) = import(&format!("{header}99;10;11490-0;1\n10;10;x;1\n10;10;11490-0;x\n"), &[]);
    assert_eq!(failed.matches("national.csv, line ").count(), 3, "all of them: {failed}");
    let (code, _, failed) = import(&format!("{header}10;10;11490-0;1\n"), &["--profession", "7=TRE_G15|28"]);
    assert!(code == 1 && failed.contains("unknown profession `10`"), "where codes are told, only those: {failed}");
    assert_eq!(import(&format!("{header}10;10;11490-0;1\n"), &["--profession", "7=28"]).0, 1);
    assert_eq!(import(&format!("{header}10;10;11490-0;1\n"), &["--since", "2026"]).0, 1);
    let (code, _, failed) = run(&["matrix", "import", "absent.csv"]);
    assert!(code == 1 && failed.contains("absent.csv"), "{failed}");
}
