//! CareTeam (CONTRACT 3): who writes a team, who is a member and since when.

use serde_json::{Value, json};

use crate::support::build::{consent, holder, party, professional, psidnat, structure};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, ended, reads, team, with_letter};

/// A team as it was answered, with this pointer set.
fn changed(team: &Value, name: &str, value: Value) -> Value {
    let mut team = team.clone();
    team[name] = value;
    team
}

#[test]
fn a_team_is_managed_by_whom_it_was_given_to_and_only_grows_through_others() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (person, hospital, treating) = (holder(&me), structure(HOSPITAL), professional(4, "10"));
        server.create(&person, &consent(&me, "treating-physician", "permit", party(&psidnat(4)))).expect(201);
        let put = |who: &Value, team: &Value| {
            let path = format!("CareTeam/{}", team["id"].as_str().unwrap());
            server.fhir(who, "PUT", &path, Some(team)).status
        };
        let kept = server.create(&person, &team(&me, &[&psidnat(5)], &[HOSPITAL])).expect(201);
        let reference = json!({"reference": format!("CareTeam/{}", kept["id"].as_str().unwrap())});
        server.create(&person, &consent(&me, "care-team-access", "permit", reference)).expect(201);
        let with = |members: &[&str]| {
            let all: Vec<Value> = members.iter().map(|id| json!({"member": party(id)})).collect();
            changed(&kept, "participant", all.into())
        };
        let (five, six, seven) = (psidnat(5), psidnat(6), psidnat(7));
        let ended = json!([{"member": party(&five), "period": {"end": "2020-01-01"}}]);
        let twice = json!([{"member": party(&five)}, {"member": party(&psidnat(4))}]);
        let rows: Vec<(&str, Value, Value, u16)> = vec![
            ("the structure that manages it adds another", hospital.clone(), with(&[&five, &six]), 200),
            ("the treating physician adds another", treating.clone(), with(&[&five, &six, &seven]), 200),
            ("but removes nobody", treating.clone(), with(&[&five, &six]), 403),
            ("nor ends anybody's time", hospital.clone(), changed(&kept, "participant", ended), 403),
            ("nor adds itself", treating.clone(), changed(&kept, "participant", twice), 403),
            ("nor its own structure", hospital.clone(), with(&[&five, &six, &seven, HOSPITAL]), 403),
            (
                "nor hands it on",
                hospital.clone(),
                changed(&with(&[&five, &six, &seven]), "managingOrganization", json!([party("1690000027")])),
                403,
            ),
            ("nor ends it", treating.clone(), changed(&with(&[&five, &six, &seven]), "status", "inactive".into()), 403),
            ("a member writes nothing", professional(5, "10"), with(&[&five]), 403),
            ("another structure does not find it", structure("1690000027"), with(&[&five]), 404),
            ("nor does another physician", professional(9, "10"), with(&[&five]), 404),
            ("the treating physician in another profession does not find it", professional(4, "28"), with(&[&five]), 403),
        ];
        for (what, who, team, expected) in rows {
            assert_eq!(put(&who, &team), expected, "{what}");
        }
        assert_eq!((reads(&server, &professional(6, "10"), &letter), reads(&server, &professional(7, "10"), &letter)), (200, 200));
        // The person takes the management away: nobody takes it back by saying so.
        let path = format!("CareTeam/{}", kept["id"].as_str().unwrap());
        assert_eq!(server.get(&hospital, &path).status, 200);
        let mut without = server.get(&person, &path).expect(200);
        without.as_object_mut().unwrap().remove("managingOrganization");
        assert_eq!(put(&person, &without), 200);
        assert_eq!(server.get(&hospital, &path).status, 404);
        let retaken = changed(&without, "managingOrganization", json!([party(HOSPITAL)]));
        assert_eq!(put(&hospital, &retaken), 404);
        // A member who is the treating physician removes nobody either.
        server.create(&person, &consent(&me, "treating-physician", "permit", party(&five))).expect(201);
        assert_eq!(put(&professional(5, "10"), &changed(&without, "participant", json!([{"member": party(&five)}]))), 403);
        // Who a member's time has ended for does not begin another by itself.
        let stale = server.create(&person, &changed(&team(&me, &[], &[]), "participant", ended_and(&five, None)));
        let again = changed(&stale.expect(201), "participant", ended_and(&five, Some(json!({"member": party(&five)}))));
        assert_eq!(put(&professional(5, "10"), &again), 403);
    });
}

/// The participation of somebody that has ended, and another one.
fn ended_and(id: &str, other: Option<Value>) -> Value {
    let mut all = vec![json!({"member": party(id), "period": {"end": "2020-01-01"}})];
    all.extend(other);
    all.into()
}

#[test]
fn a_member_twice_is_one_as_long_as_either_time_lasts() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).format("%Y-%m-%d").to_string();
        let mut twice = team(&me, &[&psidnat(5), &psidnat(5), &psidnat(6), &psidnat(6)], &[]);
        twice["participant"][0]["period"] = json!({"end": day(1)});
        twice["participant"][2]["period"] = json!({"end": day(1)});
        twice["participant"][3]["period"] = json!({"start": day(9)});
        let kept = server.create(&holder(&me), &twice).expect(201);
        let reference = json!({"reference": format!("CareTeam/{}", kept["id"].as_str().unwrap())});
        server.create(&holder(&me), &consent(&me, "care-team-access", "permit", reference)).expect(201);
        let both = || (reads(&server, &professional(5, "10"), &letter), reads(&server, &professional(6, "10"), &letter));
        assert_eq!(both(), (200, 200));
        server.advance("P5D");
        assert_eq!(both(), (200, 404), "between two times there is none");
        server.advance("P5D");
        assert_eq!(both(), (200, 200));
    });
}

#[test]
fn earlier_versions_of_a_team_are_not_for_those_named_now() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let person = holder(&me);
        let kept = server.create(&person, &team(&me, &[&psidnat(5)], &[HOSPITAL])).expect(201);
        let path = format!("CareTeam/{}", kept["id"].as_str().unwrap());
        let next = changed(&kept, "participant", json!([{"member": party(&psidnat(6))}]));
        server.fhir(&person, "PUT", &path, Some(&next)).expect(200);
        for (who, versions) in [(&person, 2), (&professional(6, "10"), 1), (&structure(HOSPITAL), 1)] {
            let history = server.get(who, &format!("{path}/_history")).expect(200);
            assert_eq!((history["total"].as_i64(), history["entry"].as_array().unwrap().len()), (Some(versions), versions as usize));
            assert_eq!(history.to_string().contains(&psidnat(5)), versions == 2, "{who}");
            assert_eq!(server.get(who, &format!("{path}/_history/2")).status, 200, "{who}");
            let (first, none) = (server.get(who, &format!("{path}/_history/1")), server.get(who, &format!("{path}/_history/9")));
            assert_eq!(first.status, if versions == 2 { 200 } else { 404 }, "{who}");
            assert!(versions == 2 || first.text().replace("_history/1", "") == none.text().replace("_history/9", ""));
            // Nor by asking of a time.
            for (query, found) in
                [("_at=le2200", None), ("_at=2200", Some(1)), ("_since=2200-01-01T00:00:00Z", Some(0)), ("_at=1999", Some(0))]
            {
                let answer = server.get(who, &format!("{path}/_history?{query}"));
                assert_eq!((answer.status == 200).then(|| answer.json()["total"].as_i64().unwrap()), found, "{who} {query}");
                assert!(!answer.text().contains(&psidnat(5)), "{who} {query}");
            }
            let whole = server.get(who, &format!("{path}/_history?_since=1999-01-01T00:00:00Z")).expect(200);
            assert_eq!(whole["total"], versions, "{who}");
        }
        // A Consent keeps whom it names, and so its versions are theirs.
        let right = server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(7))));
        let path = format!("Consent/{}", right.id());
        server.fhir(&person, "PUT", &path, Some(&ended(&right.json()))).expect(200);
        assert_eq!(server.get(&professional(7, "10"), &format!("{path}/_history")).expect(200)["total"], 2);
    });
}
