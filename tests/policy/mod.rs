//! The whole decision table as a reviewed snapshot: a change of law is a diff that people can read.

use std::collections::BTreeMap;
use std::fmt::Write;

use ensemble::auth::{Claims, digest};
use ensemble::fhir::ResourceType;
use ensemble::filter::{Actor, Candidate, Envelope, Facts, HolderRow, HolderState, Label, Right, RightKind, Setting};
use ensemble::policy::{Action, Caller, CallerKind, Decision, Policy, Purpose};

use crate::support::compare_snapshot;

/// 23 November 2026.
const NOW: i64 = 1_795_392_000_000_000;
const INS: &str = "urn:oid:1.2.250.1.213.1.4.10|280037511302495";

fn caller(kind: CallerKind, purpose: Purpose, profession: &str) -> Caller {
    let sub = match kind {
        CallerKind::Professional => "810000000016",
        CallerKind::Structure => "1750000018",
        CallerKind::Holder => INS,
        CallerKind::Representative => "urn:oid:1.2.250.1.213.1.4.8|255081416802538",
        CallerKind::Application => "app",
        _ => kind.as_str(),
    };
    let claims = Claims {
        sub: sub.into(),
        kind: kind.as_str().into(),
        profession: (kind == CallerKind::Professional).then(|| profession.into()),
        purpose: (kind == CallerKind::Professional).then(|| purpose.as_str().into()),
        reason: Some("x".into()),
        regulation: true,
        r#for: matches!(kind, CallerKind::Representative | CallerKind::Application).then(|| INS.into()),
        scope: (kind == CallerKind::Application).then(|| "patient/*.rs".into()),
        ..Claims::default()
    };
    claims.caller().unwrap()
}

/// Every type: to whom its resources belong, and for every caller, mode and action the rules that may permit. A type that no rule
/// is about has one line; testers, who are no part of the law, have theirs once for all types.
fn table(policy: &Policy) -> String {
    let mut text = String::from("type\tbound\telement\tcaller\tpurpose\taction\trules\n");
    let shown = |rules: Vec<String>| if rules.is_empty() { "denied".to_owned() } else { rules.join(" ") };
    let lawful = || CallerKind::ALL.into_iter().filter(|kind| *kind != CallerKind::Tester);
    for row in policy.resources() {
        let (resource, bound, element) = (row.resource, row.bound.as_str(), row.element.unwrap_or("-"));
        if !lawful().any(|kind| policy.serves(kind, resource)) {
            for action in Action::ALL {
                for kind in lawful() {
                    assert!(policy.permits(&caller(kind, Purpose::Normal, "10"), action, resource, NOW).is_empty(), "{resource}");
                }
            }
            let _ = writeln!(text, "{resource}\t{bound}\t{element}\t*\t*\t*\tdenied");
            continue;
        }
        for kind in lawful() {
            let purposes: &[Purpose] = if kind == CallerKind::Professional { &Purpose::ALL } else { &[Purpose::Normal] };
            for purpose in purposes {
                for action in Action::ALL {
                    let rules = shown(policy.permits(&caller(kind, *purpose, "10"), action, resource, NOW));
                    let (kind, purpose, action) = (kind.as_str(), purpose.as_str(), action.as_str());
                    let _ = writeln!(text, "{resource}\t{bound}\t{element}\t{kind}\t{purpose}\t{action}\t{rules}");
                }
            }
        }
    }
    for action in Action::ALL {
        let of = |resource| shown(policy.permits(&caller(CallerKind::Tester, Purpose::Normal, "10"), action, resource, NOW));
        let rules: std::collections::BTreeSet<String> = policy.resources().iter().map(|row| of(row.resource)).collect();
        let rules = rules.into_iter().collect::<Vec<_>>().join(" or ");
        let _ = writeln!(text, "*\t-\t-\ttester\t*\t{}\t{rules}", action.as_str());
    }
    text
}

#[test]
fn the_decision_table_is_the_reviewed_one() {
    compare_snapshot("decisions.tsv", &table(&Policy::embedded(false, digest::sha256_hex).unwrap()));
}

#[test]
fn the_documents_a_profession_consults_are_the_reviewed_ones() {
    let policy = Policy::embedded(false, digest::sha256_hex).unwrap();
    let mut text = String::from("profession\ttype\tdecision\n");
    let right = |actor: Actor| Right {
        actor,
        kind: RightKind::RecordAccess,
        from: 0,
        until: i64::MAX,
        parts: String::new(),
        source: "Consent/1".into(),
    };
    let professions: BTreeMap<&str, &str> = include_str!("../../profiles/authorization/professions.tsv")
        .lines()
        .skip(1)
        .filter(|line| line.starts_with("TRE_G15\t"))
        .filter_map(|line| line.split('\t').nth(1).map(|code| (code, code)))
        .collect();
    for profession in professions.keys() {
        let caller = caller(CallerKind::Professional, Purpose::Normal, profession);
        let scope = policy.scope(&caller, Action::Consult, ResourceType::DOCUMENT_REFERENCE, NOW);
        for doc_type in policy.matrix().types().all() {
            let facts = Facts { holder: Some(holder()), rights: vec![right(caller.principal.clone())] };
            let decision = scope.decide(&Candidate {
                envelope: &document(doc_type.number, 0),
                facts: &facts,
                index: None,
                follow: None,
                linked: &[],
                referring: None,
            });
            if matches!(decision, Decision::Permit(_)) {
                let _ = writeln!(text, "{profession}\t{}\tpermit", doc_type.code);
            }
        }
    }
    compare_snapshot("readable.tsv", &text);
}

fn holder() -> HolderRow {
    HolderRow {
        holder: 1,
        ins: INS.into(),
        patient: "p1".into(),
        state: Some(HolderState::Open),
        born: 0,
        settings: Setting::BreakGlass.bit() | Setting::Samu.bit(),
    }
}

fn document(doc_type: i16, labels: i16) -> Envelope {
    Envelope {
        holder: 1,
        key: ensemble::clock::first_key(NOW),
        resource: ResourceType::DOCUMENT_REFERENCE,
        id: "d1".into(),
        version: 1,
        updated: NOW,
        doc_type,
        labels,
        submitter: "S:1690000027".into(),
        parties: " S:1690000027 ".into(),
    }
}

#[test]
fn each_rule_has_a_case_it_grants_and_a_neighbour_it_does_not() {
    let policy = Policy::embedded(false, digest::sha256_hex).unwrap();
    let letter = policy.matrix().types().by_code(None, "11490-0").unwrap().number;
    let (normal, glass, samu) = (Purpose::Normal, Purpose::BreakGlass, Purpose::Samu);
    use RightKind::{Administrator, Block, BlockByAdministrator, CareTeam, Occupational, RecordAccess, TreatingPhysician};
    let (masked, hidden, secret, deleted) =
        (Label::Masked.bit(), Label::HiddenFromHolder.bit(), Label::HiddenFromRepresentatives.bit(), Label::EnteredInError.bit());
    let professional = CallerKind::Professional;
    // Caller, mode, profession, rights, labels, state: permitted.
    let rows: Vec<(CallerKind, Purpose, &str, Vec<RightKind>, i16, HolderState, bool)> = vec![
        (professional, normal, "10", vec![RecordAccess], 0, HolderState::Open, true),
        (professional, normal, "10", vec![], 0, HolderState::Open, false),
        (professional, normal, "28", vec![RecordAccess], 0, HolderState::Open, false),
        (professional, normal, "10", vec![RecordAccess], masked, HolderState::Open, false),
        (professional, normal, "10", vec![RecordAccess], hidden, HolderState::Open, true),
        (professional, normal, "10", vec![RecordAccess], secret, HolderState::Open, true),
        (professional, normal, "10", vec![RecordAccess], deleted, HolderState::Open, false),
        (professional, normal, "10", vec![RecordAccess], 0, HolderState::Closed, false),
        (professional, normal, "10", vec![RecordAccess], 0, HolderState::Suspended, false),
        (professional, normal, "10", vec![RecordAccess, Block], 0, HolderState::Open, false),
        (professional, normal, "10", vec![CareTeam], 0, HolderState::Open, true),
        (professional, normal, "28", vec![CareTeam], 0, HolderState::Open, false),
        (professional, normal, "10", vec![TreatingPhysician], masked | hidden, HolderState::Open, true),
        (professional, normal, "28", vec![TreatingPhysician], 0, HolderState::Open, false),
        (professional, normal, "10", vec![TreatingPhysician, BlockByAdministrator], 0, HolderState::Open, true),
        (professional, normal, "10", vec![RecordAccess, BlockByAdministrator], 0, HolderState::Open, false),
        (professional, normal, "10", vec![TreatingPhysician, Block], 0, HolderState::Open, false),
        (professional, normal, "10", vec![Administrator], masked, HolderState::Open, true),
        (professional, normal, "28", vec![Administrator], 0, HolderState::Open, false),
        (professional, normal, "10", vec![Occupational], 0, HolderState::Open, false),
        (professional, glass, "10", vec![], 0, HolderState::Open, true),
        (professional, glass, "28", vec![], 0, HolderState::Open, false),
        (professional, glass, "10", vec![], masked, HolderState::Open, false),
        (professional, glass, "10", vec![Block], 0, HolderState::Open, false),
        (professional, samu, "10", vec![], 0, HolderState::Open, true),
        (professional, samu, "10", vec![], 0, HolderState::Closed, false),
        (CallerKind::Holder, normal, "10", vec![], masked | secret, HolderState::Open, true),
        (CallerKind::Holder, normal, "10", vec![], hidden, HolderState::Open, false),
        (CallerKind::Holder, normal, "10", vec![], 0, HolderState::Closed, false),
        (CallerKind::Representative, normal, "10", vec![RightKind::Representative], masked, HolderState::Open, true),
        (CallerKind::Representative, normal, "10", vec![], 0, HolderState::Open, false),
        (CallerKind::Representative, normal, "10", vec![RightKind::Representative], secret, HolderState::Open, false),
        (CallerKind::Structure, normal, "10", vec![RecordAccess], 0, HolderState::Open, false),
        (CallerKind::Operator, normal, "10", vec![], 0, HolderState::Open, false),
        (CallerKind::Auditor, normal, "10", vec![], 0, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], 0, HolderState::Open, true),
        (CallerKind::Application, normal, "10", vec![], 0, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], hidden, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], masked, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], secret, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], deleted, HolderState::Open, false),
        (CallerKind::Application, normal, "10", vec![RightKind::Application], 0, HolderState::Closed, false),
    ];
    for (kind, purpose, profession, rights, labels, state, permitted) in rows {
        let caller = caller(kind, purpose, profession);
        let actor = caller.principal.clone();
        let rights = rights.iter().map(|kind| Right {
            actor: actor.clone(),
            kind: *kind,
            from: 0,
            until: i64::MAX,
            parts: String::new(),
            source: "x".into(),
        });
        let facts = Facts { holder: Some(HolderRow { state: Some(state), ..holder() }), rights: rights.collect() };
        for resource in [ResourceType::DOCUMENT_REFERENCE, ResourceType::BINARY] {
            let scope = policy.scope(&caller, Action::Consult, resource, NOW);
            let envelope = Envelope { resource, ..document(letter, labels) };
            let decision =
                scope.decide(&Candidate { envelope: &envelope, facts: &facts, index: None, follow: None, linked: &[], referring: None });
            let found = matches!(decision, Decision::Permit(_));
            assert_eq!(found, permitted, "{kind:?} {purpose:?} {profession} {:?} {labels} {state:?} {resource}", facts.rights);
        }
    }
}
