//! Consents: those that anybody gives, and those that are likely to let the caller see something.

use super::{KINDS, Maker, number, other, party, text};
use crate::twin::world::{Consent, Named, Party, What, Who};

/// First days of Consents.
const STARTS: [&str; 3] = ["2026-01-01", "2026-12-01", "2027-06-01"];
/// Last days of Consents; the first is over when it is given.
const ENDS: [&str; 5] = ["2026-11-01", "2026-11-23", "2026-11-30", "2026-12-10", "2027-12-31"];
/// What rights are narrowed to.
const PARTS: [&str; 2] = ["DocumentReference", "Patient"];
/// Rights of who exercises ordinarily.
const RIGHTS: [&str; 7] =
    ["record-access", "record-access", "record-access", "administrator", "administrator", "care-team-access", "care-team-access"];

impl Maker<'_> {
    pub(super) fn consent(&mut self, of: usize) -> Consent {
        let kind = text(self.dice, &KINDS);
        let named = match kind.as_str() {
            "record-access" | "record-block" => Named::Party(party(self.dice)),
            "treating-physician" | "administrator" | "occupational-health" => Named::Party(Party::Professional(1 + number(self.dice, 4))),
            "care-team-access" => Named::Team(self.some("t")),
            "application" => Named::Application,
            _ => Named::Nobody,
        };
        let permits = match kind.as_str() {
            "record-block" => false,
            "break-glass" | "samu" | "emergency-masked" | "default-masking" => self.dice.chance(2),
            _ => true,
        };
        let (plain, block) = (named == Named::Nobody, kind == "record-block");
        let start = if !plain && !block && self.dice.chance(8) { text(self.dice, &STARTS) } else { String::new() };
        // A block does not end before it was recorded.
        let mut end = if !plain && self.dice.chance(4) { text(self.dice, if block { &ENDS[1..] } else { &ENDS }) } else { String::new() };
        if !end.is_empty() && end < start {
            end.clear();
        }
        let part = if kind == "record-access" && self.dice.chance(6) { text(self.dice, &PARTS) } else { String::new() };
        let by = self.state.guardian(of);
        let mut consent = Consent { of, by, kind, permits, named, start, end, part };
        if self.dice.chance(5) {
            self.collected(&mut consent);
        }
        consent
    }

    /// A professional states that consent was collected; a day is all it is given where it says no end.
    fn collected(&mut self, consent: &mut Consent) {
        let Who::Professional(one) = (match &self.caller {
            Who::Professional(_) if self.dice.chance(2) => self.caller.clone(),
            _ => other(self.dice),
        }) else {
            return;
        };
        if matches!(consent.kind.as_str(), "record-access" | "treating-physician") && !self.dice.chance(3) {
            consent.named = Named::Party(Party::Professional(one.number));
        }
        if self.dice.chance(2) {
            (consent.start, consent.end) = (String::new(), String::new());
        }
        consent.by = Who::Professional(one);
    }

    /// A right that is likely to let the caller see something, and what may end it.
    pub(super) fn right(&mut self, of: usize) {
        let Who::Professional(one) = self.caller.clone() else { return };
        let kind = match (one.sector.as_str(), one.specialty.as_str(), one.profession.as_str()) {
            ("", "", "10") if self.dice.chance(2) => "treating-physician".to_owned(),
            ("", "", _) => text(self.dice, &RIGHTS),
            _ => "occupational-health".to_owned(),
        };
        let itself = Party::Professional(one.number);
        let mut right = Consent {
            of,
            by: self.state.guardian(of),
            kind: kind.clone(),
            permits: true,
            named: Named::Party(itself),
            start: String::new(),
            end: if self.dice.chance(3) { text(self.dice, &ENDS) } else { String::new() },
            part: if kind == "record-access" && self.dice.chance(4) { text(self.dice, &PARTS) } else { String::new() },
        };
        match kind.as_str() {
            "care-team-access" => {
                let (members, active, team) = (vec![itself], self.dice.chance(2), self.new_name("t"));
                self.push(&team, What::Team { of, members, manager: None, active });
                right.named = Named::Team(team);
            }
            // It collected the consent itself, for a day.
            "record-access" if self.dice.chance(3) => (right.by, right.end) = (self.caller.clone(), String::new()),
            _ => {}
        }
        let name = self.new_name("c");
        self.push(&name, What::Consent(right.clone()));
        let plain = Consent { by: self.state.guardian(of), end: String::new(), part: String::new(), ..right };
        if kind == "treating-physician" && !self.dice.chance(3) {
            // Another one.
            let (named, name) = (Named::Party(Party::Professional(one.number + 1)), self.new_name("c"));
            self.push(&name, What::Consent(Consent { named, ..plain.clone() }));
        }
        // A block, of the structure that it acts for or of itself, that ends or does not.
        if self.dice.chance(3) {
            let named = Named::Party(one.structure.filter(|_| self.dice.chance(3)).map_or(itself, Party::Structure));
            let end = if self.dice.chance(3) { "2026-11-30".to_owned() } else { String::new() };
            let block = self.new_name("c");
            self.push(&block, What::Consent(Consent { kind: "record-block".into(), permits: false, named, end, ..plain }));
            if !self.dice.chance(3) {
                let name = self.new_name("e");
                self.push(&name, What::End(block));
            }
        }
    }
}
