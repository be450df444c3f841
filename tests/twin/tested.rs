//! What a document is searched by: every kind of parameter, with modifiers and chains, and values out of the world.

use super::build::master;
use super::make::{CODES, DATES, LANGUAGES, TITLES};
use super::search::Searcher;
use crate::support::build::PSIDNAT;

/// Names of parameters without a value of their own: each is asked with `:missing`, and with a word.
const PLAIN: [&str; 24] = [
    "status",
    "type",
    "category",
    "date",
    "creation",
    "period",
    "period-start",
    "description",
    "language",
    "contenttype",
    "format",
    "facility",
    "setting",
    "event",
    "encounter",
    "authenticator",
    "author",
    "custodian",
    "related",
    "relatesto",
    "relation",
    "identifier",
    "security-label",
    "isArchived",
];

impl Searcher<'_, '_> {
    pub fn psidnat(&mut self) -> String {
        let number = 1 + usize::try_from(self.roll(4)).unwrap();
        self.asker.names.psidnat(number)
    }

    pub fn structure(&mut self) -> String {
        let number = 1 + usize::try_from(self.roll(2)).unwrap();
        self.asker.names.structure(number)
    }

    pub fn code(&mut self) -> String {
        let code = match self.asker.document() {
            Some(document) if self.roll(3) > 0 => document.code,
            _ => self.pick(&CODES),
        };
        if self.roll(3) == 0 { format!("http://loinc.org|{code}") } else { code }
    }

    pub fn day(&mut self) -> String {
        let prefix = self.pick(&["", "gt", "lt", "ge", "le", "ne", "sa", "eb", "ap"]);
        let date: String = self.pick(&DATES).chars().take(10).collect();
        format!("{prefix}{date}")
    }

    pub fn word(&mut self) -> String {
        let title = match self.asker.document() {
            Some(document) if self.roll(2) > 0 => document.title,
            _ => self.pick(&TITLES),
        };
        let letters = 1 + usize::try_from(self.roll(8)).unwrap();
        if self.roll(2) == 0 { title } else { title.chars().take(letters).collect() }
    }

    pub fn identifier(&mut self) -> String {
        let Some(document) = self.asker.document() else { return "urn:x|1".into() };
        format!("urn:ietf:rfc:3986|{}", master(self.asker.names, document.of, document.number))
    }

    /// A test of a document, as name and value.
    pub fn tested(&mut self) -> (String, String) {
        let name = |text: &str| text.to_owned();
        match self.roll(26) {
            0 => (self.pick(&["type", "type:not", "type:text", "type:below"]), self.code()),
            1 => (
                self.pick(&["security-label", "security-label:not"]),
                self.pick(&["MASQUE_PS", "INVISIBLE_PATIENT", "N", "INVISIBLE_REPRESENTANTS_LEGAUX"]),
            ),
            2 => (self.pick(&["status", "status:not"]), self.pick(&["current", "superseded", "entered-in-error", "current,superseded"])),
            3 => (self.pick(&["date", "period", "creation", "_lastUpdated", "period-end"]), self.day()),
            4 | 5 => (self.pick(&["description", "description:contains", "description:exact"]), self.word()),
            6 => (self.pick(&["identifier", "identifier:not"]), self.identifier()),
            7 => (self.pick(&["language", "contenttype"]), self.pick(&LANGUAGES)),
            8 => (name("author"), self.asker.reference("Practitioner")),
            9 => (
                self.pick(&["author:identifier", "author.identifier", "author:Practitioner.identifier"]),
                format!("{PSIDNAT}|{}", self.psidnat()),
            ),
            10 => (name("author:Practitioner.family"), format!("{}{}", self.asker.names.family(), 1 + self.roll(3))),
            11 => (name("custodian"), self.asker.reference("Organization")),
            12 => (
                self.pick(&["custodian.name", "custodian:Organization.name:contains"]),
                format!("{} {}", self.asker.names.family(), 1 + self.roll(2)),
            ),
            13 => (self.pick(&["related", "relatesto", "related:DocumentReference"]), self.asker.reference("DocumentReference")),
            14 => (name("related:DocumentReference.type"), self.code()),
            15 => (name("related:DocumentReference.description"), self.word()),
            16 => (name("related:DocumentReference._id"), format!("{{{{{}}}}}", self.asker.thing("DocumentReference"))),
            17 | 18 => (self.pick(&["_id", "_id", "_id:not"]), format!("{{{{{}}}}}", self.asker.thing("DocumentReference"))),
            19 => (format!("_has:DocumentReference:related:{}", self.pick(&["type", "type:not"])), self.code()),
            20 => (name("_has:DocumentReference:related:_id"), format!("{{{{{}}}}}", self.asker.thing("DocumentReference"))),
            21 => (
                self.pick(&[
                    "location",
                    "_has:AuditEvent:entity:agent",
                    "_list",
                    "_tag",
                    "_profile",
                    "_security",
                    "_text",
                    "_content",
                    "_filter",
                    "_source",
                ]),
                self.asker.reference("Binary"),
            ),
            22 => (format!("{}:missing", self.pick(&PLAIN)), self.pick(&["true", "false"])),
            23 => (self.pick(&PLAIN), self.pick(&["x", "true", "replaces", "urn:x|"])),
            24 => (self.pick(&["isArchived", "relation", "relationship"]), self.pick(&["true", "false", "replaces"])),
            _ => (name("author:Practitioner._has:DocumentReference:author:security-label"), name("MASQUE_PS")),
        }
    }

    /// A test that a document of the world passes and few others do.
    pub fn fitting(&mut self) -> (String, String) {
        let name = self.asker.thing("DocumentReference");
        self.fitting_of(&name)
    }

    /// A test that this document passes.
    pub fn fitting_of(&mut self, name: &str) -> (String, String) {
        let id = format!("{{{{{name}}}}}");
        let Some(document) = self.asker.document_of(name) else { return ("_id".into(), id) };
        match self.roll(7) {
            0 | 1 => ("_id".into(), id),
            2 => ("description".into(), document.title),
            3 => ("description:exact".into(), document.title),
            4 => ("identifier".into(), format!("urn:ietf:rfc:3986|{}", master(self.asker.names, document.of, document.number))),
            5 => ("type".into(), document.code),
            _ => ("location".into(), format!("Binary/{{{{{name}b}}}}")),
        }
    }
}
