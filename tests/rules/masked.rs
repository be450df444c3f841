//! Rules 37 to 43, 57 to 60: masked to professionals (L1111-15, L1111-16, R1111-49 CSP).

use serde_json::{Value, json};

use crate::support::build::{collected, consent, document, holder, party, professional, psidnat, structure};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, archiving, ended, finds, label_off, label_on, patches, reads, with_letter, with_space};

#[test]
fn rule_037_038_039_040_041_a_masked_document_is_seen_by_those_the_law_names() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        for (kind, number) in
            [("record-access", 1), ("treating-physician", 2), ("record-access", 3), ("administrator", 4), ("record-access", 5)]
        {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let masked = document(&me, "11490-0", 1).by(&psidnat(3)).masked().json();
        let masked = server.create(&structure(HOSPITAL), &masked).id();
        let mut colleague = professional(5, "10");
        colleague["structure"] = HOSPITAL.into();
        let rows = [
            ("another with a right", professional(1, "10"), 404),
            ("the treating physician", professional(2, "10"), 200),
            ("the author", professional(3, "10"), 200),
            ("who acts for the structure that deposited it", colleague, 200),
            ("the same professional elsewhere", professional(5, "10"), 404),
            ("the structure", structure(HOSPITAL), 200),
            ("the person", holder(&me), 200),
            ("an administrator", professional(4, "10"), 200),
            ("an administrator whose profession may not", professional(4, "28"), 404),
        ];
        for (what, who, expected) in rows {
            assert_eq!(reads(&server, &who, &masked), expected, "{what}");
            let (_, found) = finds(&server, &who, &me);
            assert_eq!(found.contains(&masked), expected == 200, "{what}");
        }
    });
}

#[test]
fn rule_042_the_place_of_a_label_does_not_matter() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let one = |codes: &[&str]| codes.iter().map(|code| json!({"coding": [{"code": code}]})).collect::<Value>();
        let together = json!([{"coding": [{"code": "N"}, {"code": "MASQUE_PS"}]}]);
        for (number, labels) in [one(&["N", "MASQUE_PS"]), one(&["MASQUE_PS", "N"]), one(&["MASQUE_PS"]), together].into_iter().enumerate()
        {
            let masked = document(&me, "11490-0", u32::try_from(number).unwrap()).with("securityLabel", labels.clone()).json();
            let id = server.create(&structure(HOSPITAL), &masked).id();
            assert_eq!((reads(&server, &professional(1, "10"), &id), reads(&server, &holder(&me), &id)), (404, 200), "{labels}");
        }
    });
}

#[test]
fn rule_043_a_former_treating_physician_sees_no_masked_document() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).masked().json()).id();
        let declare = |number: u32| server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(number))));
        declare(1).expect(201);
        let both = || (reads(&server, &professional(1, "10"), &masked), reads(&server, &professional(2, "10"), &masked));
        assert_eq!(both(), (200, 404));
        // A new one ends the former; ending the new one brings nobody back.
        let next = declare(2).expect(201);
        assert_eq!(both(), (404, 200));
        server.fhir(&holder(&me), "PUT", &format!("Consent/{}", next["id"].as_str().unwrap()), Some(&ended(&next))).expect(200);
        assert_eq!(both(), (404, 404));
    });
}

#[test]
fn rule_043_what_was_never_in_force_ends_no_treating_physician() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).masked().json()).id();
        let treating = |number: u32| consent(&me, "treating-physician", "permit", party(&psidnat(number)));
        server.create(&holder(&me), &treating(1)).expect(201);
        for status in ["inactive", "entered-in-error"] {
            let mut declared = collected(&me, "treating-physician", party(&psidnat(2)));
            declared["status"] = status.into();
            let answer = server.create(&professional(2, "10"), &declared);
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.status"), "{status}");
        }
        let mut past = treating(3);
        past["provision"]["period"] = json!({"start": "2020-01-01", "end": "2022-01-01"});
        server.create(&holder(&me), &past).expect(201);
        // One that is to begin is ended before it does.
        let mut later = treating(4);
        later["provision"]["period"] = json!({"start": "2100-01-01"});
        let later = server.create(&holder(&me), &later).expect(201);
        server.fhir(&holder(&me), "PUT", &format!("Consent/{}", later["id"].as_str().unwrap()), Some(&ended(&later))).expect(200);
        assert_eq!(reads(&server, &professional(1, "10"), &masked), 200);
        for number in [2, 3, 4] {
            assert_eq!(reads(&server, &professional(number, "10"), &masked), 404);
        }
    });
}

#[test]
fn rule_057_the_person_masks_and_unmasks_as_often_as_wished() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        for _ in 0..3 {
            assert_eq!(
                (patches(&server, &holder(&me), &letter, &label_on("MASQUE_PS")), reads(&server, &professional(1, "10"), &letter)),
                (200, 404)
            );
            assert_eq!(
                (patches(&server, &holder(&me), &letter, &label_off()), reads(&server, &professional(1, "10"), &letter)),
                (200, 200)
            );
        }
    });
}

#[test]
fn rule_058_earlier_versions_are_seen_as_the_current_one_is() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let path = |version: &str| format!("DocumentReference/{letter}/_history{version}");
        let sees = |version: &str| server.get(&professional(1, "10"), &path(version)).status;
        assert_eq!((sees(""), sees("/1")), (200, 200));
        patches(&server, &holder(&me), &letter, &label_on("MASQUE_PS"));
        assert_eq!((sees(""), sees("/1"), sees("/2")), (404, 404, 404), "masked now, and so as it was before");
        assert_eq!(server.get(&holder(&me), &path("/1")).status, 200);
        patches(&server, &holder(&me), &letter, &label_off());
        assert_eq!((sees(""), sees("/1"), sees("/2")), (200, 200, 200));
    });
}

#[test]
fn rule_059_an_archived_document_is_found_unless_others_are_asked_for() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        assert_eq!(patches(&server, &structure(HOSPITAL), &letter, &archiving()), 200);
        let found = |query: &str| server.get(&holder(&me), &format!("DocumentReference{query}")).matches().len();
        // CONTRACT 3, Documents: not left out by default.
        assert_eq!((found(""), found("?isArchived=true"), found("?isArchived=false")), (1, 1, 0));
    });
}

#[test]
fn rule_060_new_documents_are_masked_where_the_person_chose_so() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        server.create(&holder(&me), &consent(&me, "default-masking", "permit", Value::Null)).expect(201);
        let next = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).id();
        let sees = |id: &str| reads(&server, &professional(1, "10"), id);
        assert_eq!((sees(&letter), sees(&next)), (200, 404), "those before stay as they were");
        server.create(&holder(&me), &consent(&me, "default-masking", "deny", Value::Null)).expect(201);
        let last = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).json()).id();
        assert_eq!((sees(&next), sees(&last)), (404, 200));
    });
}
