//! Searches: every kind of parameter with its modifiers, chains both ways, includes, and all that shapes an answer.

mod record;

use super::ask::Asker;
use super::make::PHONES;
use super::world::{Ask, QUIET, Step, What, Who};

/// Builds one search.
pub struct Searcher<'a, 'd> {
    pub asker: &'a mut Asker<'d>,
    pairs: Vec<(String, String)>,
}

/// Not by `_id`: of what is made within one millisecond the order of ids is chance.
const SORTS: [&str; 11] = [
    "date",
    "-date",
    "_lastUpdated",
    "-_lastUpdated",
    "type",
    "description",
    "-description,date",
    "security-label",
    "author",
    "custodian",
    "status,-_lastUpdated",
];

impl<'a, 'd> Searcher<'a, 'd> {
    pub fn of(asker: &'a mut Asker<'d>) -> Self {
        Self { asker, pairs: Vec::new() }
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.asker.dice.roll(sides)
    }

    pub fn pick(&mut self, from: &[&str]) -> String {
        self.asker.pick(from)
    }

    /// The INS of a person, or the one it is given later.
    fn token(&mut self, of: usize) -> String {
        if self.roll(3) == 0 { self.asker.names.next_token(of) } else { self.asker.names.token(of) }
    }

    fn and(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.pairs.push((name.into(), value.into()));
    }

    /// The person whose record is searched, in one of the ways to name it.
    fn person(&mut self) {
        let of = self.asker.holder();
        let (id, token) = (format!("{{{{p{of}}}}}"), self.token(of));
        match self.roll(7) {
            0 | 1 => self.and("patient", id),
            2 => self.and("subject", format!("Patient/{id}")),
            3 => self.and("patient:Patient", id),
            4 => self.and("patient:identifier", token),
            5 => {
                let other = self.asker.holder();
                self.and("patient", format!("{id},{{{{p{other}}}}}"));
            }
            _ => self.and("patient.identifier", token),
        }
    }

    /// The documents of whoever has one that relates to what differs, by what it relates to.
    fn relating(&mut self) -> bool {
        let name = self.asker.thing("DocumentReference");
        let relating = |step: &Step| match &step.what {
            What::Document(document) if document.related.contains(&name) => Some(document.of),
            _ => None,
        };
        let Some(of) = self.asker.steps.iter().find_map(relating) else { return false };
        let (test, value) = self.fitting_of(&name);
        self.and("patient", format!("{{{{p{of}}}}}"));
        let chain = self.pick(&["related:DocumentReference", "related:DocumentReference", "_has:DocumentReference:related"]);
        let dot = if chain.starts_with('_') { ':' } else { '.' };
        self.and(format!("{chain}{dot}{test}"), value);
        true
    }

    /// A walk through all that is seen of one record, a few at a time: what is not seen neither shortens a page nor adds one.
    fn walk(mut self) -> Ask {
        let of = self.pick(&["0", "0", "0", "1", "2"]);
        self.and("patient", format!("{{{{p{of}}}}}"));
        let count = self.pick(&["1", "2", "2", "3"]);
        self.and("_count", count);
        if self.roll(2) == 0 {
            let sort = self.pick(&SORTS);
            self.and("_sort", sort);
        }
        if self.roll(3) == 0 {
            self.and("_total", "accurate");
        }
        self.done("DocumentReference")
    }

    fn documents(&mut self) -> String {
        if self.roll(5) == 0 && self.relating() {
            return "DocumentReference".into();
        }
        if self.roll(12) > 0 {
            self.person();
        }
        for _ in 0..self.roll(3) {
            let (name, value) = if self.roll(3) == 0 { self.fitting() } else { self.tested() };
            self.and(name, value);
        }
        if self.roll(6) == 0 {
            let (name, value) = match self.roll(6) {
                0 => ("patient.family".to_owned(), self.asker.names.family()),
                1 => ("patient.phone".to_owned(), self.pick(&PHONES)),
                2 => ("patient.birthdate".to_owned(), "1980-03-14".to_owned()),
                3 => ("patient.general-practitioner".to_owned(), self.asker.reference("Practitioner")),
                4 => ("patient:Patient._has:Consent:patient:status".to_owned(), "active".to_owned()),
                _ => ("patient._has:RelatedPerson:patient:active".to_owned(), "true".to_owned()),
            };
            self.and(name, value);
        }
        "DocumentReference".into()
    }

    /// A question from a directory, or from a Patient, into documents and rights.
    fn reverse(&mut self) -> (String, String) {
        let by = self.pick(&["author", "author", "custodian", "authenticator"]);
        match self.roll(9) {
            0..=4 => {
                // One that fits a document which differs, from the one it names.
                let (name, value) = self.fitting();
                (format!("_has:DocumentReference:{by}:{name}"), value)
            }
            5 => {
                let (name, value) = self.tested();
                (format!("_has:DocumentReference:{by}:{name}"), value)
            }
            6 => (format!("_has:Patient:general-practitioner:{}", self.pick(&["phone", "family"])), self.pick(&PHONES)),
            7 => (format!("_has:DocumentReference:{by}:patient.{}", self.pick(&["phone", "birthdate", "family"])), self.pick(&PHONES)),
            _ => (format!("_has:DocumentReference:{by}:_has:DocumentReference:related:type"), self.code()),
        }
    }

    fn directory(&mut self) -> String {
        let resource = self.pick(&["Practitioner", "Practitioner", "Organization", "PractitionerRole"]);
        let family = self.asker.names.family();
        match self.roll(6) {
            0 => self.and("identifier", self.asker.names.psidnat(1)),
            1 => self.and(if resource == "PractitionerRole" { "practitioner.family" } else { "name" }, family),
            _ => {
                if resource != "PractitionerRole" && self.is_of_operator() {
                    self.and("name", family);
                }
                let (name, value) = self.reverse();
                self.and(name, value);
            }
        }
        if self.roll(3) == 0 {
            let include = self.pick(&[
                "DocumentReference:author",
                "DocumentReference:custodian",
                "Patient:general-practitioner",
                "*",
                "PractitionerRole:practitioner",
                "CareTeam:participant",
            ]);
            self.and("_revinclude", include);
        }
        if self.roll(4) == 0 {
            let include = self.pick(&["DocumentReference:subject", "DocumentReference:related", "*", "Patient:general-practitioner"]);
            self.and("_include:iterate", include);
        }
        resource
    }

    fn is_of_operator(&self) -> bool {
        self.asker.caller == Who::Operator
    }

    fn people(&mut self) -> String {
        let relatives = self.roll(3) == 0;
        if self.is_of_operator() {
            // Everybody's operator: of the people of its world only.
            self.and("name", self.asker.names.family());
        }
        let of = self.asker.holder();
        let told = matches!(self.asker.caller, Who::Professional(_) | Who::Structure(_));
        let (name, value) = match self.roll(10) {
            // TD0.2 tells of the record of anybody: it is not asked about the one who may be missing.
            0 | 1 if !(told && of == QUIET) => ("identifier".to_owned(), self.token(of)),
            2 => ("name".to_owned(), self.asker.names.family()),
            3 => (self.pick(&["phone", "telecom", "address-city"]), self.pick(&["0612345678", "0699999999", "Annecy"])),
            4 => ("birthdate".to_owned(), self.pick(&["1980-03-14", "gt2000", "2014-09-18"])),
            5 => ("_id".to_owned(), format!("{{{{p{of}}}}}")),
            6 if !relatives => ("general-practitioner".to_owned(), self.asker.reference("Practitioner")),
            7 if !relatives => {
                let (name, value) = self.fitting();
                (format!("_has:DocumentReference:{}:{name}", self.pick(&["patient", "subject"])), value)
            }
            8 => (
                self.pick(&[
                    "_has:Consent:patient:category",
                    "_has:CareTeam:patient:status",
                    "_has:RelatedPerson:patient:active",
                    "_has:Communication:subject:category",
                ]),
                self.pick(&["record-block", "active", "true", "awaiting-announcement"]),
            ),
            _ if relatives => ("patient".to_owned(), format!("{{{{p{of}}}}}")),
            _ => ("general-practitioner.family".to_owned(), format!("{}1", self.asker.names.family())),
        };
        self.and(name, value);
        if !relatives && self.roll(3) == 0 {
            let include = self.pick(&[
                "DocumentReference:patient",
                "Consent:patient",
                "RelatedPerson:patient",
                "CareTeam:patient",
                "*",
                "AuditEvent:patient",
                "Communication:subject",
            ]);
            self.and("_revinclude", include);
        }
        if relatives { "RelatedPerson".into() } else { "Patient".into() }
    }

    /// What shapes the answer.
    fn shape(&mut self) {
        if self.roll(5) == 0 {
            // A page that is not the whole, and how much the whole is.
            let count = self.pick(&["0", "1", "1", "2", "3"]);
            self.and("_count", count);
            if self.roll(3) > 0 {
                self.and("_total", "accurate");
            }
            return;
        }
        if self.roll(8) == 0 {
            self.and("_summary", "count");
            return;
        }
        for _ in 0..self.roll(3) {
            let (name, value) = match self.roll(9) {
                0 => ("_sort", self.pick(&SORTS)),
                1 => ("_total", self.pick(&["accurate", "estimate", "none"])),
                2 => ("_summary", self.pick(&["count", "true", "text", "data", "false"])),
                3 | 4 => ("_count", self.pick(&["0", "1", "1", "2", "3", "50"])),
                5 => ("_elements", self.pick(&["id", "status,type", "identifier", "securityLabel"])),
                6 | 7 => (
                    "_include",
                    self.pick(&[
                        "DocumentReference:related",
                        "DocumentReference:author",
                        "DocumentReference:custodian",
                        "DocumentReference:subject",
                        "DiagnosticReport:result",
                        "*",
                        "Consent:actor",
                        "CareTeam:participant",
                    ]),
                ),
                _ => (
                    "_revinclude",
                    self.pick(&[
                        "DocumentReference:related",
                        "DocumentReference:relatesto",
                        "AuditEvent:entity",
                        "*",
                        "List:item",
                        "Consent:actor",
                    ]),
                ),
            };
            let iterate = matches!(name, "_include" | "_revinclude") && self.roll(3) == 0;
            self.and(if iterate { format!("{name}:iterate") } else { name.to_owned() }, value);
        }
        if self.roll(12) == 0 {
            let name = self.pick(&["nothing", "_pretty", "_format", "_contained", "_containedType", "near"]);
            self.and(name, "true");
        }
    }

    /// Any search.
    pub fn any(mut self) -> Ask {
        let kind = self.roll(21);
        let traces_alone = self.asker.caller == Who::Auditor && kind < 10;
        let resource = match kind {
            _ if traces_alone => self.traces(),
            0..=4 => self.documents(),
            6 | 7 => self.directory(),
            8 | 9 => self.people(),
            10 => self.consents(),
            11 => self.teams(),
            12 => self.traces(),
            13 | 14 => return self.walk(),
            18 => self.lists(),
            20 => self.notices(),
            19 => self.reports(),
            5 => self.reports(),
            _ => return self.wide(),
        };
        self.shape();
        self.done(&resource)
    }

    /// Searches in a compartment, or of several types.
    fn wide(mut self) -> Ask {
        let of = self.asker.holder();
        let operator = self.is_of_operator();
        let path = match self.roll(5) {
            0 | 1 => {
                let inner = self.pick(&[
                    "DocumentReference",
                    "DocumentReference",
                    "Consent",
                    "CareTeam",
                    "RelatedPerson",
                    "Patient",
                    "AuditEvent",
                    "List",
                    "DiagnosticReport",
                    "Observation",
                    "*",
                    "Communication",
                    "Practitioner",
                ]);
                format!("Patient/{{{{p{of}}}}}/{inner}")
            }
            2 => {
                let (reference, inner) =
                    (self.asker.reference("Practitioner"), self.pick(&["DocumentReference", "PractitionerRole", "Patient", "*"]));
                if operator || self.asker.caller == Who::Auditor { reference } else { format!("{reference}/{inner}") }
            }
            _ => {
                let types = self.pick(&[
                    "DocumentReference,Patient",
                    "Patient,Consent,CareTeam",
                    "Practitioner,Organization",
                    "DocumentReference,Binary",
                    "DocumentReference,List",
                    "DiagnosticReport,Observation",
                    "Consent,RelatedPerson",
                    "Communication,Consent",
                ]);
                self.and("_type", types);
                let resource = self.asker.any_type();
                let ids = format!("{{{{{}}}}},{{{{p{of}}}}}", self.asker.thing(&resource));
                self.and("_id", ids);
                if self.roll(2) == 0 {
                    self.person();
                }
                String::new()
            }
        };
        if path.ends_with("/DocumentReference") && self.roll(2) == 0 {
            let (name, value) = self.fitting();
            self.and(name, value);
        }
        self.shape();
        self.done(&path)
    }

    fn done(mut self, path: &str) -> Ask {
        if self.asker.caller == Who::Auditor && path == "AuditEvent" && !self.pairs.iter().any(|(name, _)| name.starts_with("patient")) {
            self.and("patient", "{{p0}}");
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish();
        let query = query.replace("%7B%7B", "{{").replace("%7D%7D", "}}");
        let mut headers = Vec::new();
        if self.roll(10) == 0 {
            headers.push(("prefer".to_owned(), "handling=strict".to_owned()));
        }
        if self.roll(12) == 0 {
            headers.push(("accept".to_owned(), "application/fhir+xml".to_owned()));
        }
        let pages = 4;
        if self.roll(8) == 0 {
            headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            let path = if path.is_empty() { "_search".to_owned() } else { format!("{path}/_search") };
            return Ask { method: "POST".into(), path, headers, body: query, pages, ..Ask::default() };
        }
        Ask { method: "GET".into(), path: format!("{path}?{query}"), headers, pages, ..Ask::default() }
    }
}
