//! What a caller asks: requests of every kind, at random, half of them about what differs between the twins.

use serde_json::{Value, json};

use super::search::Searcher;
use super::world::{Ask, Case, Names, Step, What, Who};
use super::writes;
use crate::support::dice::Dice;

/// What the requests of one world are made of.
pub struct Asker<'d> {
    pub dice: &'d mut Dice,
    pub caller: Who,
    pub names: Names,
    /// Every step of either world.
    pub steps: Vec<Step>,
    /// The names of what differs.
    pub hot: Vec<String>,
    pub count: usize,
}

impl<'d> Asker<'d> {
    pub fn new(dice: &'d mut Dice, case: &Case, names: Names) -> Self {
        let mut steps = case.world.clone();
        for step in case.twin() {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        // What becomes of a thing is asked of the thing.
        let of = |step: &Step| match &step.what {
            What::Edit { .. } | What::End(_) => step.needs(),
            _ => Vec::new(),
        };
        let differs = |step: &&Step| case.changes.iter().any(|change| change.name() == step.name);
        let mut hot: Vec<String> = case.changes.iter().map(|change| change.name().to_owned()).collect();
        hot.extend(steps.iter().filter(differs).flat_map(of));
        Self { dice, caller: case.caller.clone(), names, steps, hot, count: 0 }
    }

    /// The name of a thing of this type, often one that differs, sometimes one that is nowhere.
    pub fn thing(&mut self, resource: &str) -> String {
        let letter = match resource {
            "Binary" => "b",
            "DiagnosticReport" => "r",
            "Observation" => "o",
            _ => "",
        };
        let of = |step: &&Step| match &step.what {
            What::Document(document) => {
                resource == "DocumentReference" || resource == "Binary" || !letter.is_empty() && document.report != 0
            }
            _ => step.resource() == resource,
        };
        // What documents brought is named by the number of the report.
        let name = |step: &Step| match (&step.what, letter) {
            (What::Document(document), "r" | "o") => format!("d{}", document.report),
            _ => step.name.clone(),
        };
        let all: Vec<String> = self.steps.iter().filter(of).map(name).collect();
        let hot: Vec<String> = all.iter().filter(|name| self.hot.contains(name)).cloned().collect();
        let from = if hot.is_empty() || self.dice.chance(3) { all } else { hot };
        let name = if from.is_empty() || self.dice.chance(16) { "nowhere".to_owned() } else { self.dice.pick(&from).clone() };
        format!("{name}{letter}")
    }

    /// `Type/id` of such a thing.
    pub fn reference(&mut self, resource: &str) -> String {
        format!("{resource}/{{{{{}}}}}", self.thing(resource))
    }

    pub fn pick(&mut self, from: &[&str]) -> String {
        (*self.dice.pick(from)).to_owned()
    }

    /// Someone of the world who may be asked about: for those who are told of records, not the one they are never told of.
    pub fn holder(&mut self) -> usize {
        *self.dice.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 7])
    }

    /// Someone to write about: for those who deposit without a right, not the one they are never told of.
    pub fn subject(&mut self) -> usize {
        let of = self.holder();
        let told = matches!(self.caller, Who::Professional(_) | Who::Structure(_));
        if told && of == super::world::QUIET { 0 } else { of }
    }

    /// A document of either world.
    pub fn document(&mut self) -> Option<super::world::Document> {
        let name = self.thing("DocumentReference");
        self.document_of(&name)
    }

    /// The document of this name.
    pub fn document_of(&self, name: &str) -> Option<super::world::Document> {
        self.steps.iter().find_map(|step| match &step.what {
            What::Document(document) if step.name == name => Some(document.clone()),
            _ => None,
        })
    }

    pub fn any_type(&mut self) -> String {
        self.pick(&[
            "DocumentReference",
            "DocumentReference",
            "DocumentReference",
            "DocumentReference",
            "Binary",
            "List",
            "List",
            "Patient",
            "Consent",
            "Consent",
            "CareTeam",
            "RelatedPerson",
            "Practitioner",
            "Organization",
            "PractitionerRole",
            "AuditEvent",
            "Location",
            "DiagnosticReport",
            "Observation",
            "Observation",
        ])
    }

    /// Reads of one resource in every way.
    fn read(&mut self) -> Ask {
        let resource = self.any_type();
        let mut path = self.reference(&resource);
        let mut headers = Vec::new();
        let mut header = |name: &str, value: String| headers.push((name.to_owned(), value));
        match self.dice.roll(14) {
            12 | 13 => path.push_str(&self.explained()),
            0 | 1 => path.push_str(&format!("/_history/{}", self.dice.roll(4))),
            2 | 3 => path.push_str("/_history"),
            4 => path.push_str(&format!("/_history?_count={}", self.dice.roll(3))),
            5 => header("if-none-match", format!("W/\"{}\"", 1 + self.dice.roll(2))),
            6 => header("if-modified-since", "Mon, 01 Nov 2027 10:00:00 GMT".into()),
            7 => path.push_str(&self.pick(&["?_format=xml", "?_summary=true", "?_elements=status", "?_pretty=true", "?nothing=1"])),
            8 => header("accept", self.pick(&["application/fhir+xml", "image/png", "application/fhir+json", "text/plain", "*/*"])),
            9 => path.push_str(&self.pick(&["/$everything", "/$validate", "/_history/x", "/DocumentReference", "/*", "/$meta"])),
            _ => {}
        }
        let method = if self.dice.chance(8) { "HEAD" } else { "GET" };
        Ask { method: method.into(), path, headers, pages: 1, ..Ask::default() }
    }

    /// Who may consult it, or whether one professional may.
    fn explained(&mut self) -> String {
        let number = self.dice.pick(&[0, 1, 2, 3, 4, 5]).to_owned();
        let who = match self.dice.roll(5) {
            0 | 1 => String::new(),
            2 => format!("&actor={}", self.names.psidnat(number)),
            3 => format!("&structure={}", self.names.structure(number)),
            _ => format!("&actor={}&sector=SA66", self.names.psidnat(number)),
        };
        match self.dice.roll(4) {
            0 => "/$explain-access".to_owned(),
            1 => format!("/$explain-access?profession=28{who}"),
            2 => format!("/$explain-access?profession=10&purpose=bris_de_glace{who}"),
            _ => format!("/$explain-access?profession=10{who}"),
        }
    }

    /// What is not understood, by method, address, header or body.
    fn malformed(&mut self) -> Ask {
        let reference = self.reference("DocumentReference");
        let (method, path, body) = match self.dice.roll(9) {
            0 => {
                ("GET", format!("DocumentReference?patient={{{{p0}}}}&date=yesterday&_id={{{{{}}}}}", self.thing("DocumentReference")), "")
            }
            1 => ("PATCH", reference, "[{\"op\":\"replace\",\"path\":\"/type\",\"value\":1}]"),
            2 => ("PATCH", reference, "{"),
            3 => ("PUT", reference, "{\"resourceType\":\"DocumentReference\"}"),
            4 => ("DELETE", reference, ""),
            5 => ("GET", "DocumentReference?_cursor=AAAA".into(), ""),
            6 => ("OPTIONS", reference, ""),
            7 => ("POST", "DocumentReference/_search?patient={{p1}}".into(), ""),
            _ => ("POST", format!("{reference}/_search"), ""),
        };
        let content = if method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
        let headers = vec![("content-type".to_owned(), content.to_owned())];
        Ask { method: method.into(), path, headers, body: body.into(), ..Ask::default() }
    }

    /// Several requests in one.
    fn bundle(&mut self) -> Ask {
        let kind = self.pick(&["batch", "batch", "transaction"]);
        let mut alone = false;
        let mut entries = Vec::new();
        for _ in 0..1 + self.dice.roll(3) {
            let ask = match self.dice.roll(5) {
                0 => self.read(),
                1 => writes::one(self),
                2 if kind == "transaction" => writes::one(self),
                _ => Searcher::of(self).any(),
            };
            alone |= ask.alone;
            let mut entry = json!({"request": {"method": ask.method, "url": ask.path}});
            for (name, member) in [("if-match", "ifMatch"), ("if-none-match", "ifNoneMatch"), ("if-none-exist", "ifNoneExist")] {
                if let Some((_, value)) = ask.headers.iter().find(|(header, _)| header == name) {
                    entry["request"][member] = value.as_str().into();
                }
            }
            if let Ok(value) = serde_json::from_str::<Value>(&ask.body) {
                entry["resource"] = if value.is_object() {
                    value
                } else {
                    use base64::Engine;
                    let data = base64::engine::general_purpose::STANDARD.encode(&ask.body);
                    json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data})
                };
            }
            entries.push(entry);
        }
        let body = json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string();
        let headers = vec![("content-type".to_owned(), "application/fhir+json".to_owned())];
        Ask { method: "POST".into(), headers, body, alone, ..Ask::default() }
    }

    /// What the documents that differ brought, read and searched, and Lists by what they list.
    fn brought(&self) -> Vec<Ask> {
        let brings = |step: &&Step| matches!(&step.what, What::Document(one) if one.report != 0) && self.hot.contains(&step.name);
        let of = |step: &Step| match &step.what {
            What::Document(one) => (one.of, one.report),
            _ => (0, 0),
        };
        let mut paths: Vec<String> = Vec::new();
        for (of, report) in self.steps.iter().filter(brings).map(of) {
            paths.push(format!("Observation/{{{{d{report}o}}}}"));
            paths.push(format!("DiagnosticReport/{{{{d{report}r}}}}/_history"));
            paths.push(format!("Observation?patient={{{{p{of}}}}}&_revinclude=DiagnosticReport:result"));
        }
        // What Lists that differ have as entries.
        for step in self.steps.iter().filter(|step| self.hot.contains(&step.name)) {
            let What::Set(set) = &step.what else { continue };
            paths.push(format!("DocumentReference?patient={{{{p{}}}}}&_revinclude=List:item", set.of));
            paths
                .extend(set.documents.iter().map(|name| format!("List?patient={{{{p{}}}}}&item=DocumentReference/{{{{{name}}}}}", set.of)));
        }
        paths.sort();
        paths.dedup();
        paths.into_iter().map(|path| Ask { method: "GET".into(), path, pages: 1, ..Ask::default() }).collect()
    }

    /// Any request.
    pub fn any(&mut self) -> Ask {
        let mut ask = match self.dice.roll(20) {
            0..=3 => self.read(),
            4..=13 => Searcher::of(self).any(),
            14..=16 => writes::one(self),
            17 | 18 => self.bundle(),
            _ => self.malformed(),
        };
        // What is told in French tells no more.
        if self.dice.chance(4) {
            ask.headers.push(("accept-language".into(), self.pick(&["fr", "fr-FR, en;q=0.5", "*, en;q=0", "fr;q=x"])));
        }
        ask
    }
}

/// The requests of a case: what differs is asked for first, and what may change what the caller sees comes last.
pub fn asks(dice: &mut Dice, case: &Case, names: Names, count: usize) -> Vec<Ask> {
    let mut asker = Asker::new(dice, case, names);
    let mut all: Vec<Ask> = asker.brought();
    all.extend((0..count).map(|_| asker.any()));
    all.push(writes::last(&mut asker));
    all
}
