//! What the second reader says is seen, and no more, is seen.

use serde_json::Value;

use super::build::{Ids, id_of};
use super::reader::State;
use super::run::{Made, Pair, Tally};
use super::world::{Ask, Case, What, Who};

/// Pages of traces that are walked through.
const PAGES: usize = 9;

/// Something that is asked for by its id, and whether each database must answer it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    /// The name by which its id is known.
    name: String,
    resource: &'static str,
    /// What follows the id in the address.
    more: &'static str,
    sees: [bool; 2],
}

impl Pair {
    /// Each thing of either world is read by its id: alike in both, and seen where the second reader says so, of a List the entries that
    /// it says. Traces name nothing that is hidden from who reads those of a record.
    pub(super) fn agree(&self, case: &Case, made: &mut Made, tally: &mut Tally) -> Option<String> {
        let worlds = [case.world.clone(), case.twin()];
        let states = [0, 1].map(|side| State::later(&worlds[side], case.days));
        let each = self.each(case, &states, made, tally);
        let each = each.and_then(|()| self.lists(case, &states, made, tally)).and_then(|()| self.traces(case, &states, made, tally));
        each.and_then(|()| self.notices(case, &states, made, tally)).err()
    }

    fn each(&self, case: &Case, states: &[State; 2], made: &mut Made, tally: &mut Tally) -> Result<(), String> {
        for Row { name, resource, more, sees } in rows(case, states) {
            let ask = Ask { method: "GET".into(), path: format!("{resource}/{{{{{name}}}}}{more}"), ..Ask::default() };
            let answers = self.ask(case, made, &ask, tally)?.swap_remove(0);
            for side in [0, 1] {
                if (answers[side].status == 200) != sees[side] {
                    let statuses = answers.map(|answer| answer.status);
                    return Err(format!("the second reader says {sees:?} of {name} ({resource}{more}), the server {statuses:?}"));
                }
                if sees[side] && resource == "List" {
                    listed(&answers[side].json(), &name, &states[side], &case.caller, &mut made.ids[side])?;
                }
            }
        }
        Ok(())
    }

    /// Lists that are searched, by their entries too, and that come along with documents.
    fn lists(&self, case: &Case, states: &[State; 2], made: &mut Made, tally: &mut Tally) -> Result<(), String> {
        let (mut paths, mut names) = (Vec::new(), Vec::new());
        for (name, set) in states.iter().flat_map(|state| &state.sets) {
            names.push(name);
            let person = format!("patient={{{{p{}}}}}", set.of);
            paths.push((None, format!("List?{person}&_count=50")));
            paths.push((None, format!("DocumentReference?{person}&_revinclude=List:item&_count=50")));
            let item = |entry: &String| (Some(entry.clone()), format!("List?{person}&item=DocumentReference/{{{{{entry}}}}}"));
            // Who sees none of them or all of them is told nothing by it.
            let some = |state: &State| {
                let seen = state.entries(&case.caller, set).len();
                0 < seen && seen < set.documents.len()
            };
            paths.extend(set.documents.iter().filter(|_| states.iter().any(some)).map(item));
        }
        paths.sort();
        paths.dedup();
        names.sort();
        names.dedup();
        for (item, path) in paths {
            let ask = Ask { method: "GET".into(), path, ..Ask::default() };
            let answers = self.ask(case, made, &ask, tally)?.swap_remove(0);
            for side in [0, 1].into_iter().filter(|side| answers[*side].status == 200) {
                let bundle = answers[side].json();
                for name in &names {
                    let (id, state) = (id_of(&mut made.ids[side], name), &states[side]);
                    let mut found = bundle["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]);
                    let Some(list) = found.find(|one| one["id"] == id.as_str()) else { continue };
                    listed(list, name, state, &case.caller, &mut made.ids[side])?;
                    let lists = |entry: &String| state.sets.get(*name).is_some_and(|set| state.entries(&case.caller, set).contains(&entry));
                    if let Some(entry) = item.as_ref().filter(|entry| !lists(entry)) {
                        return Err(format!("the second reader says that {name} is not found by {entry}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// What is told without asking, of the record of whom the caller acts for.
    fn notices(&self, case: &Case, states: &[State; 2], made: &mut Made, tally: &mut Tally) -> Result<(), String> {
        let (Who::Holder(of) | Who::Representative { of, .. }) = case.caller else { return Ok(()) };
        let ask = Ask { method: "GET".into(), path: format!("Communication?patient={{{{p{of}}}}}&_count=50"), ..Ask::default() };
        let answers = self.ask(case, made, &ask, tally)?.swap_remove(0);
        for side in [0, 1] {
            let bundle = if answers[side].status == 200 { answers[side].json() } else { Value::Null };
            let code = |entry: &Value| entry["resource"]["category"][0]["coding"][0]["code"].as_str().map(ToOwned::to_owned);
            let mut found: Vec<String> = bundle["entry"].as_array().into_iter().flatten().filter_map(code).collect();
            found.sort();
            let told = states[side].notices(&case.caller, of);
            if found != told {
                return Err(format!("the second reader says that {told:?} is told of {of}, the server {found:?}"));
            }
        }
        Ok(())
    }

    fn traces(&self, case: &Case, states: &[State; 2], made: &mut Made, tally: &mut Tally) -> Result<(), String> {
        if !matches!(case.caller, Who::Holder(_) | Who::Representative { .. }) {
            return Ok(());
        }
        let ask = Ask { method: "GET".into(), path: "AuditEvent?_count=50".into(), pages: PAGES, ..Ask::default() };
        for answers in self.ask(case, made, &ask, tally)? {
            for side in [0, 1] {
                let (text, state) = (answers[side].text(), &states[side]);
                let mut hidden = state.documents.keys().filter(|name| state.hidden_from(&case.caller, name));
                let named = |name: &&String| {
                    ["", "b"].into_iter().any(|more| made.ids[side].get(&format!("{name}{more}")).is_some_and(|id| text.contains(id)))
                };
                if let Some(name) = hidden.find(named) {
                    return Err(format!("the second reader says that traces do not name {name}: {text}"));
                }
            }
        }
        Ok(())
    }
}

/// All that there is in either world, with what its documents brought.
fn rows(case: &Case, states: &[State; 2]) -> Vec<Row> {
    let worlds = [case.world.clone(), case.twin()];
    let who = &case.caller;
    let mut rows = Vec::new();
    let mut row = |name: String, resource, more, sees| rows.push(Row { name, resource, more, sees });
    for step in worlds.iter().flatten().filter(|step| !step.resource().is_empty()) {
        let of = |side: usize| worlds[side].iter().find(|one| one.name == step.name);
        let whole = [0, 1].map(|side| of(side).is_some_and(|step| states[side].sees(who, step)));
        row(step.name.clone(), step.resource(), "", whole);
        if let What::Set(_) = &step.what {
            row(step.name.clone(), step.resource(), "/_history/1", whole);
        }
        let What::Document(document) = &step.what else { continue };
        row(format!("{}b", step.name), "Binary", "", [0, 1].map(|side| states[side].sees_content(who, &step.name)));
        if document.report != 0 {
            let brought = |letter| format!("d{}{letter}", document.report);
            let seen = [0, 1].map(|side| states[side].sees_report(who, document.of, document.report));
            row(brought("r"), "DiagnosticReport", "", seen);
            row(brought("o"), "Observation", "", seen);
            let versions = [0, 1].map(|side| states[side].sees_versions(who, document.of, document.report));
            row(brought("r"), "DiagnosticReport", "/_history/1", versions);
        }
    }
    rows.sort();
    rows.dedup();
    rows
}

/// Whether a List is shown with the entries that the second reader says.
fn listed(list: &Value, name: &str, state: &State, who: &Who, ids: &mut Ids) -> Result<(), String> {
    let Some(set) = state.sets.get(name) else { return Ok(()) };
    let wanted: Vec<String> = state.entries(who, set).into_iter().map(|entry| id_of(ids, entry)).collect();
    let target = |entry: &Value| entry["item"]["reference"].as_str()?.rsplit('/').next().map(ToOwned::to_owned);
    let found: Vec<String> = list["entry"].as_array().into_iter().flatten().filter_map(target).collect();
    if found == wanted { Ok(()) } else { Err(format!("the second reader says {wanted:?} are the entries of {name}, the server {found:?}")) }
}
