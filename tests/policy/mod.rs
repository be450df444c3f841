//! The whole decision table as a reviewed snapshot: a change of law is a diff that people can read.

mod cells;
mod collapse;
mod spelling;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ensemble::auth::{Claims, digest};
use ensemble::fhir::ResourceType;
use ensemble::filter::{Actor, Candidate, Envelope, Facts, HolderRow, HolderState, Label, Right, RightKind, Setting};
use ensemble::policy::{Action, Caller, CallerKind, Decision, Policy, Purpose};

use crate::support::{compare_snapshot, kept_snapshot};

use cells::{Plane, Production, Types};
use collapse::SILENCE;
use table::{Axes, HEADER, Line, Opened, Part};

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

/// Every kind of caller but testers, who are no part of the law.
fn lawful() -> impl Iterator<Item = CallerKind> {
    CallerKind::ALL.into_iter().filter(|kind| *kind != CallerKind::Tester)
}

/// What the decision table is made of: production, the names inside planes, and the rows of each plane by type and kind of caller.
struct Whole {
    production: Production,
    axes: Axes,
}

impl Whole {
    fn new(policy: Policy) -> Self {
        let types = policy.matrix().types().all().iter().map(|one| one.code.clone()).collect();
        let production = Production::new(policy);
        let opened = Opened::of(&kept_snapshot("readable.tsv"));
        Self { axes: Axes { professions: production.professions.clone(), types, opened }, production }
    }

    /// The lines about a type and a kind of caller.
    fn lines(&mut self, resource: ResourceType, kind: CallerKind) -> Vec<String> {
        let planes = self.production.planes(resource, kind);
        let mut made: BTreeMap<Vec<usize>, Vec<Part>> = BTreeMap::new();
        let mut all = Vec::with_capacity(planes.len());
        for (plane, decided) in planes {
            let parts = made.entry(decided).or_insert_with_key(|decided| {
                let of: Vec<&Types> = decided.iter().map(|place| &self.production.decided[*place]).collect();
                table::parts(plane, &of, &self.axes)
            });
            all.push((plane, parts.clone()));
        }
        table::lines(resource, kind, &all, &self.axes, &self.production.outcomes)
    }

    /// Compares the lines that are kept about a type and a kind of caller with production, cell by cell; how many cells there are. A
    /// line that decides none would say what is not so.
    fn compare(&mut self, resource: ResourceType, kind: CallerKind, kept: &[&str]) -> usize {
        let planes = self.production.planes(resource, kind);
        let names = self.axes.names(resource, kind);
        let lines: Vec<Line> = kept.iter().map(|line| Line::read(line, &names)).collect();
        let mut expanded: BTreeMap<Vec<usize>, Vec<Vec<Vec<Option<usize>>>>> = BTreeMap::new();
        let mut alike: BTreeSet<(Vec<usize>, usize, usize)> = BTreeSet::new();
        let mut decides: BTreeSet<usize> = BTreeSet::new();
        let mut count = 0;
        for (plane, decided) in planes {
            let fitting: Vec<usize> = (0..lines.len()).filter(|place| lines[*place].fits(plane)).collect();
            let of: Vec<&Line> = fitting.iter().map(|place| &lines[*place]).collect();
            let cells = expanded.entry(fitting.clone()).or_insert_with(|| table::expanded(plane, &of, &self.axes));
            assert_eq!(cells.len(), decided.len());
            for (profession, place) in decided.into_iter().enumerate() {
                let types = &self.production.decided[place];
                count += types.iter().map(Vec::len).sum::<usize>();
                // The same lines beside the same decisions were compared already.
                if !alike.insert((fitting.clone(), profession, place)) {
                    continue;
                }
                let said = |cell: &Option<usize>| cell.map_or(SILENCE, |at| of[at].decided());
                let said: Vec<Vec<&str>> = cells[profession].iter().map(|row| row.iter().map(said).collect()).collect();
                let word = |outcome: &u16| self.production.outcomes[usize::from(*outcome)].as_str();
                let is: Vec<Vec<&str>> = types.iter().map(|row| row.iter().map(word).collect()).collect();
                assert_eq!(said, is, "{resource} {kind:?} {:?} {:?}", plane.action, of.iter().map(|line| &line.text).collect::<Vec<_>>());
                decides.extend(cells[profession].iter().flatten().flatten().map(|at| fitting[*at]));
            }
        }
        let idle: Vec<&str> = (0..lines.len()).filter(|place| !decides.contains(place)).map(|place| kept[place]).collect();
        assert!(idle.is_empty(), "lines that decide nothing: {idle:?}");
        count
    }
}

/// Types that a rule of the law is about; the others are denied to everybody but testers.
fn served(policy: &Policy) -> Vec<ResourceType> {
    policy.resources().iter().map(|row| row.resource).filter(|resource| lawful().any(|kind| policy.serves(kind, *resource))).collect()
}

/// The whole table.
fn table(whole: &mut Whole) -> String {
    let mut text = String::from(HEADER);
    let served = served(&whole.production.policy);
    for resource in &served {
        for kind in lawful() {
            for line in whole.lines(*resource, kind) {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    for action in Action::ALL {
        let rules = testers(&whole.production.policy, action).into_iter().collect::<Vec<_>>().join(" or ");
        let _ = writeln!(text, "{}", of_testers(action, &rules));
    }
    let others = whole.production.policy.resources().iter().map(|row| row.resource).filter(|resource| !served.contains(resource));
    let others: Vec<&str> = others.map(ResourceType::name).collect();
    let _ = writeln!(text, "{}\n{LAST}", unserved(&others));
    text
}

/// The line about what testers do.
fn of_testers(action: Action, decided: &str) -> String {
    format!("*\ttester\t*\t*\t{}\t*\t*\t*\t*\t*\t{decided}", action.as_str())
}

/// The line about the types that no rule of the law is about.
fn unserved(names: &[&str]) -> String {
    format!("{}\t*\t*\t*\t*\t*\t*\t*\t*\t*\t{SILENCE}", names.join("; "))
}

/// The last line, of every cell that no other fits.
const LAST: &str = "*\t*\t*\t*\t*\t*\t*\t*\t*\t*\tdeny\t-";

/// What testers may do with every type.
fn testers(policy: &Policy, action: Action) -> BTreeSet<String> {
    let who = caller(CallerKind::Tester, Purpose::Normal, "10");
    let of = |resource: ResourceType| {
        let scope = policy.scope(&who, action, resource, NOW);
        let envelope = Envelope { resource, holder: -1, ..document(0, 0) };
        let facts = Facts::default();
        match scope.decide(&Candidate { envelope: &envelope, facts: &facts, index: None, follow: None, linked: &[], referring: None }) {
            Decision::Permit(rules) => format!("permit\t{}", rules.join(" ")),
            Decision::Deny(_) => "deny\t-".to_owned(),
        }
    };
    policy.resources().iter().map(|row| of(row.resource)).collect()
}

#[test]
fn the_decision_table_is_the_reviewed_one() {
    let mut whole = Whole::new(Policy::embedded(false, digest::sha256_hex).unwrap());
    compare_snapshot("decisions.tsv", &table(&mut whole));
}

#[test]
fn each_cell_of_the_reviewed_table_is_what_production_decides() {
    let mut whole = Whole::new(Policy::embedded(false, digest::sha256_hex).unwrap());
    let kept = kept_snapshot("decisions.tsv");
    let mut left: Vec<&str> = kept.lines().skip(1).collect();
    let (served, mut cells, mut others) = (served(&whole.production.policy), 0, Vec::new());
    for row in whole.production.policy.resources().to_vec() {
        let resource = row.resource;
        if served.contains(&resource) {
            for kind in lawful() {
                let beginning = format!("{resource}\t{}\t", kind.as_str());
                let of: Vec<&str> = kept.lines().filter(|line| line.starts_with(&beginning)).collect();
                cells += whole.compare(resource, kind, &of);
                left.retain(|line| !line.starts_with(&beginning));
            }
        } else {
            for (kind, action) in lawful().flat_map(|kind| Action::ALL.map(|action| (kind, action))) {
                for purpose in Production::exercises(kind).0 {
                    let who = caller(kind, *purpose, "10");
                    assert!(whole.production.policy.scope(&who, action, resource, NOW).is_nothing(), "{resource} {who:?}");
                }
            }
            others.push(resource.name());
        }
    }
    // Lines are read from the top, so those that fit more stand at the end.
    let mut last: Vec<String> = Vec::new();
    for action in Action::ALL {
        last.extend(testers(&whole.production.policy, action).iter().map(|said| of_testers(action, said)));
    }
    last.extend([unserved(&others), LAST.to_owned()]);
    assert_eq!(left, last, "lines about nothing");
    assert!(cells > 50_000_000, "{cells}");
}

#[test]
fn every_rule_decides_some_cell_and_every_relation_has_a_standing() {
    let kept = kept_snapshot("decisions.tsv");
    let policy = Policy::embedded(false, digest::sha256_hex).unwrap();
    let named: BTreeSet<&str> =
        kept.lines().skip(1).filter_map(|line| line.rsplit('\t').next()).flat_map(|rules| rules.split(' ')).collect();
    for rule in policy.rules() {
        assert!(named.contains(rule.id.as_str()), "{} decides nothing in the table", rule.id);
    }
}

#[test]
fn who_may_ask_for_an_explanation_of_something_of_its_record_may_read_it() {
    for line in kept_snapshot("decisions.tsv").lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        // But for auditors, who explain what they do not read.
        let explained = match cells[4].strip_prefix("all but ") {
            Some(others) => !others.contains("explain"),
            None => cells[4] == "*" || cells[4].contains("explain"),
        };
        if explained && cells[10] == "permit" && cells[1] != "auditor" {
            assert!(["holder", "representative"].contains(&cells[1]), "{line}");
        }
    }
    let policy = Policy::embedded(false, digest::sha256_hex).unwrap();
    let mut whole = Whole::new(policy);
    for resource in served(&whole.production.policy) {
        for kind in [CallerKind::Holder, CallerKind::Representative] {
            let planes = whole.production.planes(resource, kind);
            let permits = |place: &usize| -> Vec<Vec<bool>> {
                let word = |outcome: &u16| whole.production.outcomes[usize::from(*outcome)].starts_with("permit");
                whole.production.decided[*place].iter().map(|row| row.iter().map(word).collect()).collect()
            };
            for (plane, decided) in planes.iter().filter(|(plane, _)| plane.action == Action::Explain) {
                let read = planes.iter().find(|(other, _)| *other == Plane { action: Action::Consult, ..*plane }).unwrap();
                let offered =
                    !whole.production.policy.scope(&caller(kind, Purpose::Normal, "10"), Action::Explain, resource, NOW).is_nothing();
                for (one, other) in decided.iter().zip(&read.1) {
                    let (explain, consult) = (permits(one), permits(other));
                    let none = consult.iter().map(|row| vec![false; row.len()]).collect::<Vec<_>>();
                    assert_eq!(explain, if offered { consult } else { none }, "{resource} {kind:?}");
                }
            }
        }
    }
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
    for (profession, _) in policy.matrix().professions() {
        let mut caller = caller(CallerKind::Professional, Purpose::Normal, "10");
        caller.profession = Some(profession.clone());
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
                let _ = writeln!(text, "{}\t{}\tpermit", spelling::spelt(profession), doc_type.code);
            }
        }
    }
    compare_snapshot("readable.tsv", &text);
}

fn holder() -> HolderRow {
    HolderRow {
        holder: 1,
        ins: INS.into(),
        former: String::new(),
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
        first: 0,
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
        let brought = ResourceType::BROUGHT;
        for resource in [ResourceType::DOCUMENT_REFERENCE, ResourceType::BINARY, brought[0], brought[1]] {
            let scope = policy.scope(&caller, Action::Consult, resource, NOW);
            let envelope = Envelope { resource, ..document(letter, labels) };
            let decision =
                scope.decide(&Candidate { envelope: &envelope, facts: &facts, index: None, follow: None, linked: &[], referring: None });
            let found = matches!(decision, Decision::Permit(_));
            assert_eq!(found, permitted, "{kind:?} {purpose:?} {profession} {:?} {labels} {state:?} {resource}", facts.rights);
        }
    }
}
