//! Two servers that differ only in what readers may not see, and who tries to see it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use serde_json::{Value, json};

use super::ask::Ask;
use crate::support::answer::Answer;
use crate::support::build::{
    Document, INS, PSIDNAT, STRUCTIDNAT, consent, document, holder, ins, party, patient, professional, psidnat, service, structure,
};
use crate::support::record::HOSPITAL;
use crate::support::submission::{list, submission_set};
use crate::support::{Backend, Server};
use crate::twin::same::{Bijection, difference};

/// When it is, at the start, in both.
const NOW: &str = "2026-11-23T10:00:00Z";
/// The address in every link, alike in both.
pub const BASE: &str = "http://twins.example/fhir";
/// The type of what is hidden: an optician may not consult it.
pub const SECRET_TYPE: &str = "11490-0";
/// The type of what is seen.
pub const SEEN_TYPE: &str = "47420-5";

/// Why something is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The person masked the document; the reader has a right to the record.
    Masked,
    /// The matrix forbids its type to the reader, who has a right to the record.
    Barred,
    /// It is in a record to which the reader has no right; in the twin there is no such record.
    Foreign,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Masked, Self::Barred, Self::Foreign];

    /// Persons by number: whose record the reader consults, and whose record holds what is hidden.
    fn persons(self) -> (u32, u32) {
        match self {
            Self::Masked => (1, 1),
            Self::Barred => (2, 2),
            Self::Foreign => (1, 3),
        }
    }

    /// The INS of the person whose record the reader consults.
    pub fn own(self) -> String {
        ins(self.persons().0)
    }

    /// The INS of the person in whose record it is hidden.
    pub fn of(self) -> String {
        ins(self.persons().1)
    }

    /// Who may not see it.
    pub fn reader(self) -> Value {
        if self == Self::Barred { professional(3, "28") } else { professional(1, "10") }
    }

    /// Who may see it: the treating physician.
    pub fn seer(self) -> Value {
        professional(2, "10")
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// Who shows that a request could have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The treating physician.
    Seer,
    /// The person.
    Person,
    /// The structure that deposited it.
    Author,
}

/// The ids of what there is, by name; of what is not there one that leads nowhere.
type Ids = BTreeMap<String, String>;

/// Two servers, with what is hidden and without.
pub struct Twins {
    sides: [(Server, Ids); 2],
    goes: Mutex<Bijection>,
}

/// Those that only readers share; they end with the last test that holds them.
static SHARED: Mutex<[Weak<Twins>; 2]> = Mutex::new([Weak::new(), Weak::new()]);

/// The twins of this database that tests of reads share.
pub fn shared(backend: Backend) -> Arc<Twins> {
    let mut all = SHARED.lock().unwrap();
    let place = &mut all[usize::from(backend == Backend::Postgres)];
    if let Some(twins) = place.upgrade() {
        return twins;
    }
    let twins = Arc::new(Twins::start(backend));
    *place = Arc::downgrade(&twins);
    twins
}

impl Twins {
    /// Twins of their own.
    pub fn start(backend: Backend) -> Self {
        let side = |whole| {
            let server = Server::start(backend, &["--empty", "--now", NOW, "--base-url", BASE]);
            let ids = make(&server, whole);
            (server, ids)
        };
        let sides = [side(true), side(false)];
        let mut goes = Bijection::default();
        for (name, id) in &sides[0].1 {
            assert!(goes.pair(id, &sides[1].1[name]), "{name}");
        }
        Self { sides, goes: Mutex::new(goes) }
    }

    /// The servers: with what is hidden, without.
    pub fn servers(&self) -> [&Server; 2] {
        [&self.sides[0].0, &self.sides[1].0]
    }

    /// The id of a thing where everything is.
    pub fn id(&self, way: Way, name: &str) -> String {
        self.filled(0, way, &format!("{{{name}}}"))
    }

    /// A text with ids in the place of names.
    pub fn filled(&self, side: usize, way: Way, text: &str) -> String {
        let (own, of) = way.persons();
        let mut done = text.to_owned();
        let hidden = format!("urn:ietf:rfc:3986|{}", master(way, 1));
        for (name, value) in [
            ("{own}", format!("{{space{own}}}")),
            ("{of}", format!("{{space{of}}}")),
            ("{both}", format!("{{space{own}}},{{space{of}}}")),
            ("{ownINS}", format!("{INS}|{}", ins(own))),
            ("{INS}", format!("{INS}|{}", ins(of))),
            ("{master}", hidden),
            ("{right}", format!("{{right{of}}}")),
            ("{team}", format!("{{team{of}}}")),
            ("{relative}", format!("{{relative{of}}}")),
        ] {
            // In an address a bar is written as its code.
            let value = if text.contains('"') { value } else { value.replace('|', "%7C") };
            done = done.replace(name, &value);
        }
        let prefix = way.name();
        for (name, id) in &self.sides[side].1 {
            done = done.replace(&format!("{{{}}}", name.strip_prefix(&format!("{prefix}-")).unwrap_or(name)), id);
        }
        done
    }

    /// The same request to one server.
    pub fn send(&self, side: usize, way: Way, who: &Value, ask: &Ask) -> Answer {
        let fill = |text: &str| self.filled(side, way, text);
        let headers: Vec<(String, String)> = ask.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = (!ask.body.is_empty()).then(|| fill(&ask.body));
        self.servers()[side].fhir_with(who, &ask.method, &fill(&ask.path), &headers, body.as_deref().map(str::as_bytes))
    }

    /// What differs between the answers to this caller; ids that were made go together from then on.
    fn differs(&self, way: Way, who: &Value, ask: &Ask) -> (Answer, Option<String>) {
        let [one, other] = [0, 1].map(|side| self.send(side, way, who, ask));
        let mut goes = self.goes.lock().unwrap();
        let mut tried = goes.clone();
        let found = difference(&one, &other, &mut tried);
        if found.is_none() {
            *goes = tried;
        }
        (one, found)
    }

    /// The reader is answered alike; what it is answered.
    #[track_caller]
    pub fn alike(&self, way: Way, ask: &Ask) -> Answer {
        self.alike_to(way, &way.reader(), ask)
    }

    /// This caller is answered alike; what it is answered.
    #[track_caller]
    pub fn alike_to(&self, way: Way, who: &Value, ask: &Ask) -> Answer {
        let (answer, found) = self.differs(way, who, ask);
        if let Some(found) = found {
            panic!("LEAK ({way:?}) {} {} {}\n{found}", ask.method, ask.path, ask.body);
        }
        answer
    }

    /// Whoever may see is answered otherwise: the request can tell.
    #[track_caller]
    pub fn tells(&self, way: Way, control: Control, ask: &Ask) {
        let who = match control {
            Control::Seer => way.seer(),
            Control::Person => holder(&way.of()),
            Control::Author => structure(HOSPITAL),
        };
        let (answer, found) = self.differs(way, &who, ask);
        assert!(found.is_some(), "no control ({way:?}, {control:?}): {} {}\n{} {}", ask.method, ask.path, answer.status, answer.text());
    }

    /// What the reader's own traces tell is alike, too.
    #[track_caller]
    pub fn traces_alike(&self, way: Way) {
        let traces = self.alike(way, &super::ask::get("AuditEvent?_count=200&_total=accurate"));
        assert!(!traces.matches().is_empty(), "the reader left no trace");
    }
}

/// The identifier of a hidden document.
pub fn master(way: Way, number: u32) -> String {
    format!("urn:oid:1.2.250.1.999.3.{}.{}", way.of(), hidden_number(way, number))
}

fn hidden_number(way: Way, number: u32) -> u32 {
    100 * (way as u32 + 1) + number
}

/// A document about this person, by the doctor of the directory, kept by the clinic.
fn letter(of: &str, code: &str, number: u32, ids: &Ids) -> Document {
    let at = |kind: &str, name: &str| json!({"reference": format!("{kind}/{}", ids[name])});
    document(of, code, number).with("author", json!([at("Practitioner", "doctor")])).with("custodian", at("Organization", "clinic"))
}

fn make(server: &Server, whole: bool) -> Ids {
    let mut ids = Ids::new();
    let operator = service("operator");
    let created = |who: &Value, value: &Value| server.create(who, value).expect(201);
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let absent = |ids: &Ids| format!("01930000-0000-7000-8000-{:012}", ids.len());
    let doctor =
        json!({"resourceType": "Practitioner", "identifier": [{"system": PSIDNAT, "value": psidnat(50)}], "name": [{"family": "Discret"}]});
    let clinic = json!({"resourceType": "Organization", "identifier": [{"system": STRUCTIDNAT, "value": HOSPITAL}], "name": "Clinique"});
    ids.insert("doctor".into(), id(&created(&operator, &doctor)));
    ids.insert("clinic".into(), id(&created(&operator, &clinic)));
    for number in [1, 2, 3] {
        let me = ins(number);
        if number < 3 || whole {
            let mut space = patient(&me);
            space["telecom"] = json!([{"system": "phone", "value": format!("061234567{number}")}]);
            space["name"][0]["family"] = format!("Personne{number}").into();
            let made = id(&created(&operator, &space));
            ids.insert(format!("space{number}"), made);
            created(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(2))));
        }
        for (what, reader) in [(1, 1), (2, 3)] {
            if what == number {
                created(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(reader))));
            }
        }
        let right = consent(&me, "record-access", "permit", party(&psidnat(9)));
        let subject = json!({"identifier": {"system": INS, "value": me}});
        let team =
            json!({"resourceType": "CareTeam", "status": "active", "subject": subject, "participant": [{"member": party(&psidnat(9))}]});
        let relative = json!({"resourceType": "RelatedPerson", "active": true, "patient": subject, "identifier": [{"system": INS, "value": ins(20)}],
            "name": [{"family": "Parente"}]});
        for (name, who, value) in [("right", holder(&me), right), ("team", holder(&me), team), ("relative", operator.clone(), relative)] {
            let made = if whole { id(&created(&who, &value)) } else { absent(&ids) };
            ids.insert(format!("{name}{number}"), made);
        }
        if !whole && number == 3 {
            ids.insert("space3".into(), absent(&ids));
        }
    }
    for way in Way::ALL {
        documents(server, whole, way, &mut ids);
    }
    ids
}

/// In the order of creation: a document that is seen, one that is hidden, one that is seen and relates to it, a hidden one, a seen one.
fn documents(server: &Server, whole: bool, way: Way, ids: &mut Ids) {
    let (own, of, name) = (way.own(), way.of(), way.name());
    let absent = |ids: &Ids| format!("01930000-0000-7000-8000-{:012}", ids.len());
    for (kind, number) in [("seen", 0_u32), ("hidden", 1), ("relating", 2), ("also", 3), ("last", 4)] {
        let secret = matches!(kind, "hidden" | "also");
        let first = ids.get(&format!("{name}-seen")).cloned().unwrap_or_default();
        let mut one = if secret {
            letter(&of, SECRET_TYPE, hidden_number(way, number), ids)
                .with("description", format!("Secret {number}").into())
                .with("date", format!("2026-10-0{}T10:00:00+02:00", 5 + number).into())
                .with("context", json!({"related": [{"reference": format!("DocumentReference/{first}")}]}))
        } else {
            let hidden = ids.get(&format!("{name}-hidden")).cloned();
            let related =
                hidden.filter(|_| kind == "relating").map(|id| json!({"related": [{"reference": format!("DocumentReference/{id}")}]}));
            let one = letter(&own, SEEN_TYPE, hidden_number(way, number), ids).with("description", format!("Vu {number}").into());
            match related {
                Some(related) => one.with("context", related),
                None => one,
            }
        };
        if kind == "also" {
            one = one.with("relatesTo", json!([{"code": "appends", "target": {"reference": format!("DocumentReference/{first}")}}]));
        }
        if secret && way == Way::Masked {
            one = one.masked();
        }
        if secret && !whole {
            for made in [kind.to_owned(), format!("{kind}-content")] {
                ids.insert(format!("{name}-{made}"), absent(ids));
            }
        } else {
            let mut one = one.json();
            if secret {
                one["content"][0]["attachment"]["language"] = "br".into();
            }
            let answer = server.create(&structure(HOSPITAL), &one).expect(201);
            ids.insert(format!("{name}-{kind}"), answer["id"].as_str().unwrap().to_owned());
            let url = answer["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap();
            ids.insert(format!("{name}-{kind}-content"), url.to_owned());
        }
    }
    let trace = if whole {
        let path = format!("AuditEvent?entity=DocumentReference/{}&_count=1", ids[&format!("{name}-hidden")]);
        server.get(&holder(&of), &path).matches()[0].clone()
    } else {
        absent(ids)
    };
    ids.insert(format!("{name}-trace"), trace);
    lists(server, whole, way, ids);
}

/// A submission set of what is hidden, and a folder of what is seen in which it is too, where both are of one person.
fn lists(server: &Server, whole: bool, way: Way, ids: &mut Ids) {
    let (own, of, name) = (way.own(), way.of(), way.name());
    let at = |kind: &str| format!("DocumentReference/{}", ids[&format!("{name}-{kind}")]);
    let create = |value: &Value| server.create(&structure(HOSPITAL), value).expect(201)["id"].as_str().unwrap().to_owned();
    let secrets = match whole {
        true => create(&submission_set(&of, hidden_number(way, 5), &[&at("hidden"), &at("also")])),
        false => format!("01930000-0000-7000-8000-{:012}", ids.len()),
    };
    let mut entries = vec![at("seen"), at("last")];
    if whole && own == of {
        entries.insert(1, at("hidden"));
        entries.push(at("also"));
    }
    let folder = create(&list(&own, "folder", &entries.iter().map(String::as_str).collect::<Vec<_>>()));
    ids.extend([(format!("{name}-secrets"), secrets), (format!("{name}-folder"), folder)]);
}
