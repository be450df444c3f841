//! Searches of what is in a record beside documents: rights, teams, Lists, reports, notices, traces.

use super::Searcher;
use crate::support::build::{PSIDNAT, STRUCTIDNAT};
use crate::twin::make::{PHONES, TITLES};
use crate::twin::world::Who;

impl Searcher<'_, '_> {
    pub(super) fn consents(&mut self) -> String {
        if self.roll(2) == 0 {
            self.person();
        }
        let (name, value) = match self.roll(9) {
            0 => (self.pick(&["status", "status:not"]), self.pick(&["active", "inactive"])),
            1 => ("category".into(), self.pick(&["record-access", "record-block", "treating-physician", "occupational-health"])),
            2 => (self.pick(&["actor:identifier", "actor.identifier"]), self.psidnat()),
            3 => ("actor".into(), self.asker.reference("CareTeam")),
            4 => ("_id".into(), format!("{{{{{}}}}}", self.asker.thing("Consent"))),
            5 => (self.pick(&["period", "date", "_lastUpdated"]), self.day()),
            6 => ("actor:CareTeam.participant:identifier".into(), self.psidnat()),
            7 => ("patient.phone".into(), self.pick(&PHONES)),
            _ => (format!("{}:missing", self.pick(&["period", "actor", "purpose", "data", "consentor"])), self.pick(&["true", "false"])),
        };
        self.and(name, value);
        "Consent".into()
    }

    /// Lists, by what they have as entries and by what they are.
    pub(super) fn lists(&mut self) -> String {
        if self.roll(12) > 0 {
            self.person();
        }
        for _ in 0..1 + self.roll(2) {
            let (name, value) = match self.roll(10) {
                0 | 1 => (self.pick(&["item", "item", "item:DocumentReference"]), self.asker.reference("DocumentReference")),
                2 => {
                    let (name, value) = self.fitting();
                    (format!("item:DocumentReference.{name}"), value)
                }
                3 => ("item:missing".into(), self.pick(&["true", "false"])),
                4 => ("code".into(), self.pick(&["submissionset", "folder"])),
                5 => ("title".into(), self.pick(&TITLES)),
                6 => ("_id".into(), format!("{{{{{}}}}}", self.asker.thing("List"))),
                7 => (self.pick(&["source:missing", "isArchived", "status"]), self.pick(&["true", "false", "current"])),
                8 => ("source.identifier".into(), format!("{PSIDNAT}|{}", self.psidnat())),
                _ => ("date".into(), self.day()),
            };
            self.and(name, value);
        }
        if self.roll(3) == 0 {
            self.and("_include", "List:item");
        }
        if self.roll(4) == 0 {
            let sort = self.pick(&["date", "-title", "title,-date", "item"]);
            self.and("_sort", sort);
        }
        "List".into()
    }

    /// Reports and results, by what they are, by each other and by their documents.
    pub(super) fn reports(&mut self) -> String {
        let resource = self.pick(&["DiagnosticReport", "Observation"]);
        if self.roll(6) > 0 {
            self.person();
        }
        for _ in 0..self.roll(3) {
            let (name, value) = match self.roll(10) {
                0 | 1 => ("code".to_owned(), self.pick(&["2951-2", "2823-3", "11502-2", "http://loinc.org|2951-2"])),
                2 => ("date".to_owned(), self.day()),
                3 => (self.pick(&["status", "status:not", "_id:not"]), self.pick(&["final", "amended"])),
                4 => ("_id".to_owned(), format!("{{{{{}}}}}", self.asker.thing(&resource))),
                5 if resource == "Observation" => ("value-quantity".to_owned(), self.pick(&["gt3", "lt10", "5"])),
                6 if resource == "Observation" => (
                    format!("_has:DiagnosticReport:result:{}", self.pick(&["conclusion", "issued", "code"])),
                    self.pick(&["11502-2", "2026"]),
                ),
                5 => ("result".to_owned(), self.asker.reference("Observation")),
                6 => (self.pick(&["result.code", "result:Observation.code"]), self.pick(&["2951-2", "2823-3"])),
                7 | 8 if resource == "DiagnosticReport" => {
                    let (name, value) = self.fitting();
                    (format!("_has:DocumentReference:related:{name}"), value)
                }
                7 => ("identifier:missing".to_owned(), self.pick(&["true", "false"])),
                _ => ("subject.phone".to_owned(), self.pick(&PHONES)),
            };
            self.and(name, value);
        }
        for (name, from) in [
            ("_include", ["DiagnosticReport:result", "DiagnosticReport:subject", "*"]),
            ("_revinclude", ["DiagnosticReport:result", "DocumentReference:related", "AuditEvent:entity"]),
        ] {
            if self.roll(3) == 0 {
                let value = self.pick(&from);
                self.and(name, value);
            }
        }
        if self.roll(4) == 0 {
            let sort = self.pick(&["date", "-date,status", "code", "-_lastUpdated"]);
            self.and("_sort", sort);
        }
        resource
    }

    pub(super) fn teams(&mut self) -> String {
        if self.roll(3) == 0 {
            self.person();
        }
        let (name, value) = match self.roll(5) {
            0 => (self.pick(&["participant:identifier", "participant.identifier"]), format!("{PSIDNAT}|{}", self.psidnat())),
            1 => ("status".into(), self.pick(&["active", "inactive"])),
            2 => ("_id".into(), format!("{{{{{}}}}}", self.asker.thing("CareTeam"))),
            3 => ("_has:Consent:actor:status".into(), "active".into()),
            _ => ("participant:identifier".into(), format!("{STRUCTIDNAT}|{}", self.structure())),
        };
        self.and(name, value);
        "CareTeam".into()
    }

    /// What somebody is told without asking.
    pub(super) fn notices(&mut self) -> String {
        if self.roll(3) > 0 {
            self.person();
        }
        let (name, value) = match self.roll(6) {
            0 => ("category".to_owned(), self.pick(&["awaiting-announcement", "made-visible", "consent-recorded"])),
            1 => (self.pick(&["sent", "_lastUpdated"]), self.day()),
            2 => ("_sort".to_owned(), self.pick(&["sent", "-sent", "category,-sent"])),
            3 => ("recipient.phone".to_owned(), self.pick(&PHONES)),
            4 => (self.pick(&["status", "status:not", "based-on:missing"]), self.pick(&["completed", "true"])),
            _ => ("_include".to_owned(), self.pick(&["Communication:subject", "*", "Communication:recipient"])),
        };
        self.and(name, value);
        "Communication".into()
    }

    pub(super) fn traces(&mut self) -> String {
        let of = self.asker.holder();
        if self.asker.caller == Who::Auditor || self.roll(3) == 0 {
            let (name, value) =
                if self.roll(2) == 0 { ("patient", format!("{{{{p{of}}}}}")) } else { ("patient.identifier", self.token(of)) };
            self.and(name, value);
        }
        if self.roll(4) > 0 {
            let (name, value) = match self.roll(7) {
                0 => ("agent:identifier".to_owned(), self.psidnat()),
                1 | 2 => ("entity".to_owned(), self.asker.reference("DocumentReference")),
                3 => ("subtype".to_owned(), self.pick(&["read", "create", "search-type", "patch", "vread"])),
                4 => ("action".to_owned(), self.pick(&["C", "R", "U", "E"])),
                5 => ("outcome".to_owned(), self.pick(&["0", "4"])),
                _ => ("date".to_owned(), self.pick(&["gt2020-01-01", "lt2020-01-01"])),
            };
            self.and(name, value);
        }
        "AuditEvent".into()
    }
}
